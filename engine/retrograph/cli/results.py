"""What `retrograph explain` prints and writes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from rich.console import Console
from rich.text import Text

from retrograph.cli.drawing import attribution_picture, input_picture
from retrograph.cli.explanation import Explanation, Scene
from retrograph.cli.figures import figure
from retrograph.cli.notes import gathered
from retrograph.cli.terminal import visible
from retrograph.cli.units import class_name, parted
from retrograph.methods import METHODS
from retrograph.output import make_folder, save_arrays
from retrograph.pipeline.destination import Destination, Files
from retrograph.render import save_picture, sheet
from retrograph.runtime import Array


def announce(scene: Scene, notes: Iterable[str], console: Console) -> None:
    """Say what is going to be explained, and what should be known of it."""
    contract = scene.contract
    head = Text.assemble(
        (", ".join(scene.methods), "bold"),
        " from layer ",
        (visible(contract.alias), "bold"),
        visible(f" ('{contract.target}') to '{contract.explained[0]}' on {scene.device}"),
    )
    console.print(head, soft_wrap=True)
    for line in parameter_lines(scene):
        console.print(visible(line), soft_wrap=True)
    for note in (*notes, *map(str, gathered(scene.contracts))):
        if note:
            console.print(f"note: {visible(note)}", soft_wrap=True)


def parameter_lines(scene: Scene) -> list[str]:
    """What differs from the methods' defaults; for those with the same parameters, once."""
    lines: dict[str, list[str]] = {}
    for method, parameters in scene.parameters.items():
        usual = METHODS[method].parameters if method in METHODS else {}
        text = ", ".join(f"{k}={v}" for k, v in parameters.items() if v != usual.get(k))
        if text:
            lines.setdefault(text, []).append(method)
    return [f"{', '.join(methods)}: {text}" for text, methods in lines.items()]


def strongest(found: list[Explanation], grid: tuple[int, int]) -> list[Explanation]:
    """Those with the most active units, as many as the sheet shows."""
    return sorted(found, key=lambda e: -float(e.scores[0]))[: grid[0] * grid[1]]


def write(found: Explanation, files: Files, scene: Scene) -> Explanation:
    """Write the picture, and the arrays where they are wanted."""
    for path in (files.arrays, files.picture):
        if path is not None:
            make_folder(path.parent)
    if files.arrays is not None:
        arrays = {f"attribution_{m}": a for m, a in found.attributions.items()}
        arrays |= {"input": found.array, "score": found.scores, "unit": found.units}
        save_arrays(arrays, files.arrays)
    if files.picture is not None:
        caption = "\n".join(_caption(found, scene))
        save_picture(figure(found, scene, caption), files.picture, force=True)
    return replace(found, file=str(files.picture or files.arrays))


def _caption(found: Explanation, scene: Scene) -> list[str]:
    return [
        *unit_lines(found, scene),
        *map(str, found.balances),
        *_classes(found, scene),
        *([found.note] if found.note else []),
    ]


def unit_lines(found: Explanation, scene: Scene) -> list[str]:
    """A line for each explained unit, its layer and activation; and for maps of nothing but 0."""
    lines = [
        f"{scene.contract.alias} · {scene.unit(unit)} · activation {score:.4g}"
        for unit, score in zip(found.units, found.scores, strict=True)
    ]
    return [*lines, *_blank_lines(found, scene)]


def _blank_lines(found: Explanation, scene: Scene) -> list[str]:
    """A line for the maps that are 0 everywhere for one reason."""
    alike: dict[tuple[str, str], list[str]] = {}
    for blank in found.blanks:
        unit = f" for {scene.unit(found.units[blank.place])}" if len(found.units) > 1 else ""
        alike.setdefault((unit, blank.reason), []).append(blank.method)
    return [
        f"0 everywhere{unit} by {', '.join(methods)}" + (f": {reason}" if reason else "")
        for (unit, reason), methods in alike.items()
    ]


def _classes(found: Explanation, scene: Scene) -> list[str]:
    """A line of the three highest class scores of the model's own output."""
    records = _class_records(found, scene)[:3]
    best = ", ".join(f"{record['name']} {record['score']:.3g}" for record in records)
    return [f"model output: {best}"] if best else []


def report(found: Explanation, scene: Scene, console: Console) -> None:
    """Print what was explained, and where it is if that is a file of its own."""
    console.print(Text(visible(found.name), "bold"), soft_wrap=True)
    where = [] if found.file is None else [f"-> {found.file}"]
    for line in (*_caption(found, scene), *where):
        console.print(f"  {visible(line)}", soft_wrap=True)


def write_sheet(
    found: Sequence[Explanation], scene: Scene, destination: Destination, grid: tuple[int, int]
) -> None:
    """One sheet of the strongest, each input beside its attributions."""
    files = destination.files("", "", scene.tag, drawable=True)
    assert files.picture is not None
    cells = [
        (
            _cell_label(each, scene),
            [input_picture(each), *(attribution_picture(each, scene, m) for m in scene.methods)],
        )
        for each in found
    ]
    title = (
        f"{', '.join(scene.methods)} · {scene.contract.alias}\n"
        f"{_units(len(cells))} · input beside its attribution · label: "
        f"{'class' if scene.is_class else 'channel (row, column)'} and activation"
    )
    make_folder(files.picture.parent)
    save_picture(sheet(cells, grid[1], title), files.picture, force=destination.force)
    if files.arrays is not None:
        save_arrays(_stacked(found, scene), files.arrays)


def _units(count: int) -> str:
    return "the strongest unit" if count == 1 else f"the {count} strongest units"


def _cell_label(found: Explanation, scene: Scene) -> str:
    channel, places = parted(found.units[0], scene.contract.channel_axis)
    alone = scene.unit(found.units[0])
    place = f"{channel} ({', '.join(map(str, places))})" if places else alone
    return f"{place} · {float(found.scores[0]):.3g}"


def _stacked(found: Sequence[Explanation], scene: Scene) -> dict[str, Array]:
    """The arrays of a sheet's cells, in their order; inputs of one size only."""
    arrays = {f"attribution_{m}": [e.attributions[m][0] for e in found] for m in scene.methods}
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
    found: Sequence[Explanation], scene: Scene, noted: Sequence[str] = (), **more: Any
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
                    "name": scene.unit(unit),
                    "activation": float(score),
                    "relevance": {b.method: b.record() for b in e.balances if b.place == k},
                    "blank": {b.method: b.reason for b in e.blanks if b.place == k},
                }
                for k, (unit, score) in enumerate(zip(e.units, e.scores, strict=True))
            ],
            "classes": _class_records(e, scene),
        }
        for e in found
    ]
    contract = scene.contract
    head: dict[str, Any] = {"methods": scene.methods, "layer": contract.alias}
    head |= {"tensor": contract.target, "device": scene.device, "parameters": scene.parameters}
    notes = [*map(str, gathered(scene.contracts)), *noted]
    return json.dumps({**head, **more, "notes": notes, "explained": records}, indent=1)


def _class_records(found: Explanation, scene: Scene) -> list[dict[str, Any]]:
    if found.classes is None:
        return []
    best = np.argsort(-found.classes, kind="stable")[:5]
    return [
        {
            "class": int(i),
            "name": class_name(int(i), scene.labels),
            "score": float(found.classes[i]),
        }
        for i in best
    ]
