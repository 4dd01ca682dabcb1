"""What `retrograph explain` prints and writes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from PIL import Image
from rich.console import Console
from rich.text import Text

from retrograph.cli.destination import Destination, Files, make_folder, save_arrays
from retrograph.cli.planes import plane
from retrograph.cli.terminal import visible
from retrograph.cli.units import class_name, describe_unit, names_classes
from retrograph.contract import Contract
from retrograph.methods import METHODS
from retrograph.preprocess import Preprocessing
from retrograph.render import heat, overlay, panel, save_picture, sheet, signed
from retrograph.runtime import Array


@dataclass(frozen=True)
class Scene:
    """What is the same for every input.

    Attributes:
        contract: of the built graph.
        preprocessing: how a picture becomes the input.
        labels: the class names, if known.
        methods: their names, a column each.
        device: where it runs.
        style: signed, heat or overlay; None for that of each method.
    """

    contract: Contract
    preprocessing: Preprocessing
    labels: tuple[str, ...]
    methods: tuple[str, ...]
    device: str
    style: str | None

    @property
    def is_class(self) -> bool:
        """Whether the units of the layer are the classes."""
        return names_classes(self.labels, self.contract.shape)

    @property
    def tag(self) -> str:
        """What the names of files tell of it: layer and methods."""
        return re.sub(r"[^\w.-]+", "_", f"{self.contract.alias}.{'-'.join(self.methods)}")

    def unit(self, index: Sequence[int]) -> str:
        """A unit in words."""
        return describe_unit(index, self.labels, self.is_class)


@dataclass(frozen=True)
class Explanation:
    """One input and its attributions for K units.

    Attributes:
        name: where it came from.
        shown: the picture that the model sees; None where the input is no picture.
        array: the input.
        attributions: for each method [K, *input].
        scores: [K].
        units: int64 [K, r].
        classes: the model's class scores, if it has any.
        file: what it was written to.
    """

    name: str
    shown: Image.Image | None
    array: Array
    attributions: dict[str, Array]
    scores: Array
    units: Array
    classes: Array | None
    file: str | None = None

    def without_arrays(self) -> Explanation:
        """What is printed of it; the arrays of many inputs would fill the memory."""
        return replace(self, attributions={}, array=np.empty(0), shown=None)

    def by_unit(self) -> list[Explanation]:
        """An explanation for each of its units."""
        return [
            replace(
                self,
                attributions={m: a[k : k + 1] for m, a in self.attributions.items()},
                scores=self.scores[k : k + 1],
                units=self.units[k : k + 1],
            )
            for k in range(len(self.units))
        ]


def announce(scene: Scene, notes: Iterable[str], console: Console) -> None:
    """Say what is going to be explained, and what should be known of it."""
    contract = scene.contract
    line = Text.assemble(
        (", ".join(scene.methods), "bold"),
        " from layer ",
        (visible(contract.alias), "bold"),
        visible(f" ('{contract.target}') to '{contract.explained[0]}' on {scene.device}"),
    )
    console.print(line, soft_wrap=True)
    for note in (*notes, *contract.notes):
        if note:
            console.print(f"note: {visible(note)}", soft_wrap=True)


def strongest(found: list[Explanation], grid: tuple[int, int]) -> list[Explanation]:
    """Those with the most active units, as many as the sheet shows."""
    return sorted(found, key=lambda e: -float(e.scores[0]))[: grid[0] * grid[1]]


def is_drawable(array: Array) -> bool:
    """Whether an input can be drawn: a picture, planes, a sequence or a vector, but no volume."""
    return array.ndim <= 3


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
        save_picture(_panel(found, scene), files.picture, force=True)
    return replace(found, file=str(files.picture or files.arrays))


def _drawn(found: Explanation, scene: Scene, method: str, k: int) -> Any:
    """The attribution of a method for unit k as a picture."""
    attribution, style = found.attributions[method][k], scene.style or _style_of(method)
    layout = scene.preprocessing.layout
    if found.shown is None:
        attribution, layout = plane(attribution), "nchw"
    if style == "heat":
        return heat(attribution, layout=layout)
    if style == "overlay" and found.shown is not None:
        return overlay(found.shown, attribution, layout=layout)
    return signed(attribution, layout=layout, order=scene.preprocessing.order)


def _style_of(method: str) -> str:
    return METHODS[method].style if method in METHODS else "signed"


def _panel(found: Explanation, scene: Scene) -> Image.Image:
    """The input beside its attributions."""
    shown = found.shown if found.shown is not None else signed(plane(found.array))
    columns: list[tuple[str, Any]] = [("input", shown)]
    for k, unit in enumerate(found.units):
        for method in scene.methods:
            title = method if len(found.units) == 1 else f"{method} · {scene.unit(unit)}"
            columns.append((title, _drawn(found, scene, method, k)))
    return panel(columns, "\n".join(_caption(found, scene)))


def _caption(found: Explanation, scene: Scene) -> list[str]:
    units = [
        f"{scene.contract.alias} · {scene.unit(unit)} · activation {score:.4g}"
        for unit, score in zip(found.units, found.scores, strict=True)
    ]
    return [*units, *_classes(found, scene)]


def _classes(found: Explanation, scene: Scene) -> list[str]:
    """A line of the three highest class scores of the model's own output."""
    records = _class_records(found, scene)[:3]
    best = ", ".join(f"{record['name']} {record['score']:.3g}" for record in records)
    return [f"model output: {best}"] if best else []


def report(found: Explanation, scene: Scene, console: Console) -> None:
    """Print what was explained."""
    console.print(Text(visible(found.name), "bold"), soft_wrap=True)
    for line in (*_caption(found, scene), f"-> {found.file}"):
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
            [each.shown, *(_drawn(each, scene, m, 0) for m in scene.methods)],
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
    unit = [int(i) for i in found.units[0]]
    place = f"{unit[0]} ({', '.join(map(str, unit[1:]))})" if len(unit) > 1 else scene.unit(unit)
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


def as_json(found: Sequence[Explanation], scene: Scene) -> str:
    """What was explained, for a program."""
    records = [
        {
            "input": e.name,
            "file": e.file,
            "units": [
                {
                    "unit": [int(i) for i in unit],
                    "name": scene.unit(unit),
                    "activation": float(score),
                }
                for unit, score in zip(e.units, e.scores, strict=True)
            ],
            "classes": _class_records(e, scene),
        }
        for e in found
    ]
    contract = scene.contract
    head: dict[str, Any] = {"methods": scene.methods, "layer": contract.alias}
    head |= {"tensor": contract.target, "device": scene.device}
    return json.dumps({**head, "notes": contract.notes, "explained": records}, indent=1)


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
