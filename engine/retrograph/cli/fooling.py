"""`retrograph maximize --fool`: the change that gives a picture another class."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from rich.console import Console

from retrograph.cli import made
from retrograph.cli.ascending import Question, asked, read_input
from retrograph.cli.terminal import complain, console, visible
from retrograph.errors import InputError
from retrograph.model import SCORES
from retrograph.output import make_folder, safe_name, save_arrays
from retrograph.pipeline.destination import Destination, Files
from retrograph.render import film, panel, save_picture, signed
from retrograph.render.colour import Picture
from retrograph.render.planes import plane
from retrograph.results.unit_names import class_name
from retrograph.runtime import Array
from retrograph.synthesis import Fooled, FoolSettings, Norms, fool
from retrograph.synthesis.perturbation import Watch


def run_fool(args: argparse.Namespace) -> int:
    """Search for the change, and write it beside the picture and what comes of both."""
    question = asked(args)
    if question.alias != SCORES:
        raise InputError(f"--fool is about classes; leave --layer {question.alias} out")
    if len(question.units) != 1:
        raise InputError("--fool takes one class; give it as --unit 3 or by its name")
    (unit,) = question.units
    name = class_name(max(unit), question.labels)
    file = safe_name(f"{Path(args.fool).stem}.{name}.fool.png")
    destination = Destination(
        args.output, [args.fool, args.model], single=file, arrays=args.npz, force=args.force
    )
    picture = read_input(args.fool, question.axes, question.recipe)
    out = console(stderr=args.json)
    made.tell_notes(question.notes, out)
    with _status(out) as watch:
        found = fool(
            question.model,
            picture,
            max(unit),
            preprocessing=question.recipe,
            settings=FoolSettings(args.steps or FoolSettings().steps),
            device=args.device,
            threads=args.threads,
            watch=watch,
        )
    if not found.found:
        complain(f"no change was found in {found.steps} steps; try more --steps, or another class")
        return 2
    files = destination.files("", "", "", drawable=True)
    _write(found, question, picture, files, args.force)
    for line in _lines(found, question):
        out.print(f"  {visible(line)}", soft_wrap=True)
    for path in (files.picture, files.arrays):
        if path is not None:
            out.print(f"  -> {visible(str(path))}", soft_wrap=True)
    if args.json:
        print(_as_json(found, question, files))
    return 0


@contextmanager
def _status(out: Console) -> Iterator[Watch]:
    with out.status("searching") as status:
        yield lambda step, ahead: status.update(f"step {step} · ahead by {ahead:.4g}")


def _lines(found: Fooled, question: Question) -> list[str]:
    norms = found.norms
    unit = "" if question.takes_pictures else ", in the input's own units"
    lines = [
        f"{class_name(found.was, question.labels)} -> {class_name(found.unit, question.labels)}",
        f"L2 norm of the change {norms.l2:.4g} · greatest {norms.linf:.4g} · "
        f"{norms.relative:.2%} of the picture's norm{unit}",
        f"before: {_chances(found.before, found.scores_before, found, question)}",
        f"after: {_chances(found.after, found.scores_after, found, question)}",
    ]
    if question.takes_pictures:
        lines.append(_rounded(found))
    return lines


def _rounded(found: Fooled) -> str:
    if found.picture_norms is None:
        return "with 256 grey levels no change in this direction has the class"
    return f"with 256 grey levels, as a picture is saved: L2 norm {found.picture_norms.l2:.4g}"


def _chances(chances: Array | None, scores: Array, found: Fooled, question: Question) -> str:
    values = scores if chances is None else chances
    return ", ".join(
        f"{class_name(i, question.labels)} {values[i]:.4g}" for i in (found.was, found.unit)
    )


def _write(found: Fooled, question: Question, picture: Array, files: Files, force: bool) -> None:
    assert files.picture is not None
    make_folder(files.picture.parent)
    save_picture(_panel(found, question, picture), files.picture, force=force)
    if files.arrays is not None:
        arrays = {"input": picture, "result": found.input, "change": found.change}
        arrays |= {"scores_before": found.scores_before, "scores_after": found.scores_after}
        save_arrays(arrays, files.arrays)


def _panel(found: Fooled, question: Question, picture: Array) -> Image.Image:
    """The picture, the change made visible, and the result."""
    factor = _factor(found)
    was, now = (class_name(i, question.labels) for i in (found.was, found.unit))
    columns: list[tuple[str, Picture]] = [
        (was, question.picture(picture)),
        (f"change, {factor:g} times", _change(found, question, factor)),
        (now, _result(found, question)),
    ]
    return panel(columns, "\n".join(_lines(found, question)[1:]))


def _factor(found: Fooled) -> float:
    """A round factor that makes the change fill half of the range, so that it is seen."""
    most = np.percentile(np.abs(found.change), 99.5) or found.norms.linf
    wanted = 0.5 / most
    steps = np.array([1, 2, 5]) * 10.0 ** np.floor(np.log10(wanted))
    return max(1.0, float(steps[steps <= wanted].max()))


def _change(found: Fooled, question: Question, factor: float) -> Picture:
    """The change times a factor, around mid-grey."""
    if not question.takes_pictures:
        return signed(plane(found.change))
    (change,) = question.axes.to_colours_last(found.change[np.newaxis])
    if question.fitted_recipe.order == "bgr":
        change = change[..., ::-1]
    values = np.clip(127.5 + 255 * factor * change, 0, 255).round().astype(np.uint8)
    frames = np.broadcast_to(values, (*values.shape[:3], 3)).copy()
    drawn: Picture = frames[0] if question.axes.takes_pictures else film(frames)
    return drawn


def _result(found: Fooled, question: Question) -> Picture:
    """The changed picture, with 256 grey levels where there is such; of a video some frames."""
    if found.picture is None or not question.axes.takes_pictures:
        return question.picture(found.input)
    return found.picture


def _norms(norms: Norms) -> dict[str, float]:
    return {"l2": norms.l2, "linf": norms.linf, "relative": norms.relative}


def _as_json(found: Fooled, question: Question, files: Files) -> str:
    def chances(values: Array | None, scores: Array) -> dict[str, Any]:
        classes = {"was": found.was, "wanted": found.unit}
        return {
            key: {
                "score": float(scores[i]),
                "probability": None if values is None else float(values[i]),
            }
            for key, i in classes.items()
        }

    record = {
        "was": {"class": found.was, "name": class_name(found.was, question.labels)},
        "wanted": {"class": found.unit, "name": class_name(found.unit, question.labels)},
        "found": found.found,
        "norms": _norms(found.norms),
        "before": chances(found.before, found.scores_before),
        "after": chances(found.after, found.scores_after),
        "saved": None if found.picture_norms is None else _norms(found.picture_norms),
        "steps": found.steps,
        "file": str(files.picture),
    }
    return json.dumps(record, indent=1)
