"""What `retrograph maximize` prints and writes of what was made."""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image
from rich.console import Console
from rich.text import Text

from retrograph.cli.terminal import visible
from retrograph.errors import InputError
from retrograph.model import SCORES
from retrograph.output import check_free, check_new_folder, make_folder, safe_name, save_arrays
from retrograph.pipeline.destination import Destination
from retrograph.render import Table, panel, save_picture, sheet
from retrograph.render.colour import Picture
from retrograph.results.unit_names import class_name, describe_channel, describe_unit
from retrograph.runtime import Array
from retrograph.synthesis import Maximum

if TYPE_CHECKING:
    from retrograph.cli.ascending import Question

Places = list[Path | None]
"""The file of each picture that is kept by itself."""


def unit_name(unit: Sequence[int], question: Question) -> str:
    """A unit in words: a class, a channel, or a channel and its position."""
    if not unit:
        return "whole layer"
    if len(unit) < len(question.item):
        return describe_channel(unit[0], question.channel_names)
    if question.scores_classes:
        return class_name(unit[question.channel_axis], question.labels)
    return describe_unit(unit, question.channel_names, question.is_class, question.channel_axis)


def announce(question: Question, kind: str, console: Console) -> None:
    """Say what is going to be made."""
    units = len(question.units)
    what = f"{units} unit{'s' if units > 1 else ''}" if units else "all"
    head = Text.assemble((kind, "bold"), f": {what} of layer ", (visible(question.alias), "bold"))
    console.print(head, soft_wrap=True)
    tell_notes(question.notes, console)


def tell_notes(notes: Sequence[str], console: Console) -> None:
    """What is to be known."""
    for note in notes:
        console.print(f"note: {visible(note)}", soft_wrap=True)


def picture_places(args: argparse.Namespace, question: Question) -> Places:
    """The files of --pictures, checked before anything is made.

    Raises:
        InputError: one is there already and may not be replaced, or the folder cannot be made.
    """
    count = max(1, len(question.units))
    if not args.pictures:
        return [None] * count
    if not question.takes_pictures:
        raise InputError("--pictures keeps pictures, and the model takes none; use --npz")
    folder = Path(args.pictures)
    check_new_folder(folder)
    units = question.units or ((),)
    tags = [safe_name(unit_name(u, question)) for u in units]
    places: Places = [
        folder / f"{Path(args.model).stem}.{question.alias}.{tag}.png" for tag in tags
    ]
    for place in places:
        assert place is not None
        check_free(place, force=args.force)
    return places


def write(
    found: Sequence[Maximum],
    question: Question,
    destination: Destination,
    places: Places,
    args: argparse.Namespace,
    console: Console,
) -> None:
    """The page, the pictures by themselves and the arrays; and print what they are."""
    files = destination.files("", "", "", drawable=True)
    assert files.picture is not None
    make_folder(files.picture.parent)
    page = _strips(found, question) if args.strip else _page(found, question, args)
    save_picture(page, files.picture, force=args.force)
    if files.arrays is not None:
        save_arrays(_arrays(found), files.arrays)
    for each, place in zip(found, places, strict=False):
        if place is not None and each.picture is not None:
            make_folder(place.parent)
            save_picture(each.picture, place, force=args.force)
    for each in found:
        console.print(Text(visible(unit_name(each.unit, question)), "bold"), soft_wrap=True)
        console.print(f"  {_measured(each, question)}", soft_wrap=True)
    for file in (files.picture, files.arrays, *places):
        if file is not None:
            console.print(f"  -> {visible(str(file))}", soft_wrap=True)


def _page(found: Sequence[Maximum], question: Question, args: argparse.Namespace) -> Image.Image:
    if len(found) > 1:
        cells = [(_label(each, question), [drawn(each, question)]) for each in found]
        by = "probability" if found[0].probability is not None else "activation"
        title = f"{_heading(question)}\n{_steps(found)} · label: {by}"
        return sheet(cells, min(5, len(cells)), title)
    (one,) = found
    name = unit_name(one.unit, question)
    columns: list[tuple[str, Picture]] = [(name, drawn(one, question))]
    if args.dream and one.start is not None:
        columns = [("photograph", question.picture(one.start)), ("dream", drawn(one, question))]
    caption = f"{question.alias} · {name}\n{_measured(one, question)}\n{_steps(found)}"
    return panel(columns, caption)


def _strips(found: Sequence[Maximum], question: Question) -> Image.Image:
    """A row for each picture: the states on the way, then what has come of them."""
    steps = [step for step, _ in found[0].snapshots]
    table = Table([*(f"step {step}" for step in steps), f"step {found[0].steps}"])
    for each in found:
        states = [question.picture(values) for _, values in each.snapshots[: len(steps)]]
        states += [drawn(each, question)] * (1 + len(steps) - len(states))
        table.add(f"{unit_name(each.unit, question)}\n{_measured(each, question)}", states)
    return table.page(_heading(question))


def _heading(question: Question) -> str:
    what = "the classes" if question.alias == SCORES else question.alias
    return f"what {what} would like best"


def drawn(found: Maximum, question: Question) -> Picture:
    """What was made, as a picture; what is none as a strip, grey for 0."""
    return question.picture(found.input)


def _label(found: Maximum, question: Question) -> str:
    name = unit_name(found.unit, question)
    if found.probability is not None:
        return f"{name} {found.probability:.0%}"
    return f"{name} {found.activation:.3g}"


def _steps(found: Sequence[Maximum]) -> str:
    fewest = min(each.steps for each in found)
    return f"{fewest} steps" + ("" if all(each.finished for each in found) else ", interrupted")


def _measured(found: Maximum, question: Question) -> str:
    """Activation before and after, and what the model tells of the picture."""
    if found.unit:
        text = f"activation {found.activation:.4g} (at the start {found.before:.4g})"
    else:
        now, before = (math.sqrt(2 * value) for value in (found.activation, found.before))
        text = f"norm of the layer {now:.4g} (at the start {before:.4g})"
    if found.probability is not None:
        text += f" · probability {found.probability:.4f}"
    best = _best(found)
    told = question.labels or found.probability is not None
    if best is not None and told and (found.probability is None or best[0] != max(found.unit)):
        text += f" · the model says: {class_name(best[0], question.labels)} {best[1]:.3f}"
    return text + (f" · {_silent(found)}" if found.silent else "")


def _silent(found: Maximum) -> str:
    """Why nothing was climbed."""
    why = found.why or "the unit stays silent; choose another unit or layer"
    return f"no gradient at any step: {why}, or give another --seed or --start"


def _best(found: Maximum) -> tuple[int, float] | None:
    if found.probabilities is None:
        return None
    best = int(found.probabilities.argmax())
    return best, float(found.probabilities[best])


def _arrays(found: Sequence[Maximum]) -> dict[str, Array]:
    arrays = {
        "input": np.stack([each.input for each in found]),
        "unit": np.array([each.unit for each in found], np.int64),
        "activation": np.array([each.activation for each in found]),
    }
    if all(len(each.history) == len(found[0].history) for each in found):
        arrays["history"] = np.stack([each.history for each in found])
    if found[0].probabilities is not None:
        arrays["probability"] = np.stack([np.asarray(each.probabilities) for each in found])
    if found[0].code is not None:
        arrays["code"] = np.stack([np.asarray(each.code) for each in found])
    return arrays


def as_json(
    found: Sequence[Maximum],
    question: Question,
    destination: Destination,
    places: Places,
    notes: Sequence[str],
) -> str:
    """What was made, for a program."""
    records: list[dict[str, Any]] = []
    for each, place in zip(found, places, strict=False):
        best = _best(each)
        records.append(
            {
                "unit": list(each.unit),
                "name": unit_name(each.unit, question),
                "before": each.before,
                "activation": each.activation,
                "probability": each.probability,
                "class": None if best is None else {"class": best[0], "probability": best[1]},
                "steps": each.steps,
                "finished": each.finished,
                "silent": each.silent,
                "why": each.why,
                "picture": None if place is None else str(place),
            }
        )
    head = {"layer": question.alias, "file": str(destination.file)}
    return json.dumps({**head, "notes": [*question.notes, *notes], "made": records}, indent=1)
