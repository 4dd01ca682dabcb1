"""What `retrograph explain` prints and writes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from rich.console import Console
from rich.text import Text

from retrograph.cli.spelling import as_option
from retrograph.cli.terminal import visible
from retrograph.errors import spelled
from retrograph.methods import METHODS
from retrograph.output import make_folder, save_arrays
from retrograph.pipeline.destination import Destination, Files
from retrograph.render import save_picture, sheet
from retrograph.results.context import ExplainContext
from retrograph.results.explanation import Explanation
from retrograph.results.figure import figure
from retrograph.results.maps import attribution_picture, input_picture
from retrograph.results.notes import gather_notes
from retrograph.results.unit_names import class_name, split_unit
from retrograph.runtime import Array


def announce(context: ExplainContext, notes: Iterable[str], console: Console) -> None:
    """Say what is going to be explained, and what should be known of it."""
    contract = context.contract
    head = Text.assemble(
        (", ".join(context.methods), "bold"),
        " from layer ",
        (visible(contract.alias), "bold"),
        visible(f" ('{contract.target}') to '{contract.explained[0]}' on {context.device}"),
    )
    console.print(head, soft_wrap=True)
    for line in parameter_lines(context):
        console.print(visible(line), soft_wrap=True)
    for note in (*notes, *map(str, gather_notes(context.contracts))):
        if note:
            console.print(f"note: {visible(spelled(note, as_option))}", soft_wrap=True)


def parameter_lines(context: ExplainContext) -> list[str]:
    """What differs from the methods' defaults; for those with the same parameters, once."""
    lines: dict[str, list[str]] = {}
    for method, parameters in context.parameters.items():
        usual = METHODS[method].parameters if method in METHODS else {}
        text = ", ".join(f"{k}={v}" for k, v in parameters.items() if v != usual.get(k))
        if text:
            lines.setdefault(text, []).append(method)
    return [f"{', '.join(methods)}: {text}" for text, methods in lines.items()]


def strongest(found: list[Explanation], grid: tuple[int, int]) -> list[Explanation]:
    """Those with the most active units, as many as the sheet shows."""
    return sorted(found, key=lambda e: -float(e.scores[0]))[: grid[0] * grid[1]]


def write(found: Explanation, files: Files, context: ExplainContext) -> Explanation:
    """Write the picture, and the arrays where they are wanted."""
    for path in (files.arrays, files.picture):
        if path is not None:
            make_folder(path.parent)
    if files.arrays is not None:
        arrays = {f"attribution_{m}": a for m, a in found.attributions.items()}
        arrays |= {"input": found.array, "score": found.scores, "unit": found.units}
        save_arrays(arrays, files.arrays)
    if files.picture is not None:
        caption = "\n".join(_caption(found, context))
        save_picture(figure(found, context, caption), files.picture, force=True)
    return replace(found, file=str(files.picture or files.arrays))


def _caption(found: Explanation, context: ExplainContext) -> list[str]:
    return [
        *unit_lines(found, context),
        *map(str, found.balances),
        *_classes(found, context),
        *([found.note] if found.note else []),
    ]


def unit_lines(found: Explanation, context: ExplainContext) -> list[str]:
    """A line for each explained unit, its layer and activation; and for maps of nothing but 0."""
    lines = [
        f"{context.contract.alias} · {context.unit(unit)} · activation {score:.4g}"
        for unit, score in zip(found.units, found.scores, strict=True)
    ]
    return [*lines, *_blank_lines(found, context)]


def _blank_lines(found: Explanation, context: ExplainContext) -> list[str]:
    """A line for the maps that are 0 everywhere for one reason."""
    alike: dict[tuple[str, str], list[str]] = {}
    for blank in found.blanks:
        unit = f" for {context.unit(found.units[blank.place])}" if len(found.units) > 1 else ""
        alike.setdefault((unit, blank.reason), []).append(blank.method)
    return [
        f"0 everywhere{unit} by {', '.join(methods)}" + (f": {reason}" if reason else "")
        for (unit, reason), methods in alike.items()
    ]


def _classes(found: Explanation, context: ExplainContext) -> list[str]:
    """A line of the three highest class scores of the model's own output."""
    records = _class_records(found, context)[:3]
    best = ", ".join(f"{record['name']} {record['score']:.3g}" for record in records)
    return [f"model output: {best}"] if best else []


def report(found: Explanation, context: ExplainContext, console: Console) -> None:
    """Print what was explained, and where it is if that is a file of its own."""
    console.print(Text(visible(found.name), "bold"), soft_wrap=True)
    where = [] if found.file is None else [f"-> {found.file}"]
    for line in (*_caption(found, context), *where):
        console.print(f"  {visible(line)}", soft_wrap=True)


def write_sheet(
    found: Sequence[Explanation],
    context: ExplainContext,
    destination: Destination,
    grid: tuple[int, int],
) -> None:
    """One sheet of the strongest, each input beside its attributions."""
    files = destination.files("", "", context.tag, drawable=True)
    assert files.picture is not None
    cells = [
        (
            _cell_label(each, context),
            [
                input_picture(each, context),
                *(attribution_picture(each, context, m) for m in context.methods),
            ],
        )
        for each in found
    ]
    title = (
        f"{', '.join(context.methods)} · {context.contract.alias}\n"
        f"{_units(len(cells))} · input beside its attribution · label: "
        f"{'class' if context.is_class else 'channel (row, column)'} and activation"
    )
    make_folder(files.picture.parent)
    save_picture(sheet(cells, grid[1], title), files.picture, force=destination.force)
    if files.arrays is not None:
        save_arrays(_stacked(found, context), files.arrays)


def _units(count: int) -> str:
    return "the strongest unit" if count == 1 else f"the {count} strongest units"


def _cell_label(found: Explanation, context: ExplainContext) -> str:
    channel, places = split_unit(found.units[0], context.contract.channel_axis)
    alone = context.unit(found.units[0])
    place = f"{channel} ({', '.join(map(str, places))})" if places else alone
    return f"{place} · {float(found.scores[0]):.3g}"


def _stacked(found: Sequence[Explanation], context: ExplainContext) -> dict[str, Array]:
    """The arrays of a sheet's cells, in their order; inputs of one size only."""
    arrays = {f"attribution_{m}": [e.attributions[m][0] for e in found] for m in context.methods}
    arrays |= {
        "input": [e.array for e in found],
        "score": [e.scores[0] for e in found],
        "unit": [e.units[0] for e in found],
    }
    return {name: np.stack(values) for name, values in arrays.items()}


def report_sheet(found: Sequence[Explanation], destination: Destination, console: Console) -> None:
    """Print what the sheet shows."""
    if found:
        console.print(f"  {_units(len(found))}\n  -> {destination.file}", soft_wrap=True)


def as_json(
    found: Sequence[Explanation], context: ExplainContext, noted: Sequence[str] = (), **more: Any
) -> str:
    """What was explained, what was noted of it, and more by its name, for a program."""
    records = [
        {
            "input": e.name,
            "file": e.file,
            "note": e.note,
            "units": [
                {
                    "unit": [int(i) for i in unit],
                    "name": context.unit(unit),
                    "activation": float(score),
                    "relevance": {b.method: b.record() for b in e.balances if b.place == k},
                    "blank": {b.method: b.reason for b in e.blanks if b.place == k},
                }
                for k, (unit, score) in enumerate(zip(e.units, e.scores, strict=True))
            ],
            "classes": _class_records(e, context),
        }
        for e in found
    ]
    contract = context.contract
    head: dict[str, Any] = {"methods": context.methods, "layer": contract.alias}
    head |= {"tensor": contract.target, "device": context.device, "parameters": context.parameters}
    notes = [*map(str, gather_notes(context.contracts)), *noted]
    return json.dumps({**head, **more, "notes": notes, "explained": records}, indent=1)


def _class_records(found: Explanation, context: ExplainContext) -> list[dict[str, Any]]:
    if found.classes is None:
        return []
    best = np.argsort(-found.classes, kind="stable")[:5]
    return [
        {
            "class": int(i),
            "name": class_name(int(i), context.labels),
            "score": float(found.classes[i]),
        }
        for i in best
    ]
