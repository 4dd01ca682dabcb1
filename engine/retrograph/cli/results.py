"""What `retrograph explain` prints and writes."""

from __future__ import annotations

import argparse
import io
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from rich.console import Console

from retrograph.cli.units import class_name, describe_unit
from retrograph.contract import Contract
from retrograph.errors import InputError
from retrograph.preprocess import Preprocessing
from retrograph.render import heat, overlay, panel, save_picture, sheet, signed
from retrograph.runtime import Array


@dataclass(frozen=True)
class Scene:
    """What is the same for every input.

    Attributes:
        contract: of the built graph.
        shape: of the model's input.
        preprocessing: how a picture becomes it.
        labels: the class names, if known.
        methods: their names, a column each.
        device: where it runs.
        style: signed, heat or overlay.
    """

    contract: Contract
    shape: tuple[int | str | None, ...]
    preprocessing: Preprocessing
    labels: tuple[str, ...]
    methods: tuple[str, ...]
    device: str
    style: str

    @property
    def is_class(self) -> bool:
        """Whether the units of the layer are the classes."""
        shape = self.contract.shape
        return bool(self.labels) and shape[0] == len(self.labels) and all(d == 1 for d in shape[1:])

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
        label: its class, if the file tells.
        attributions: for each method [K, *input].
        scores: [K].
        units: int64 [K, r].
        classes: the model's class scores, if it has any.
        file: where its picture was written.
    """

    name: str
    shown: Image.Image | None
    array: Array
    label: str | None
    attributions: dict[str, Array]
    scores: Array
    units: Array
    classes: Array | None
    file: str | None = None


def announce(scene: Scene, console: Console) -> None:
    """Say what is going to be explained."""
    contract = scene.contract
    console.print(
        f"[bold]{', '.join(scene.methods)}[/] from layer [bold]{contract.alias}[/] "
        f"('{contract.target}') to '{contract.explained[0]}' on {scene.device}"
    )
    for note in contract.notes:
        console.print(f"note: {note}")


def keep(
    found: list[Explanation], new: Explanation, grid: tuple[int, int] | None
) -> list[Explanation]:
    """With a sheet only those that it will show; else all, without their arrays."""
    if grid is None:
        return [*found, replace(new, attributions={}, array=np.empty(0), shown=None)]
    ranked = sorted([*found, new], key=lambda e: -float(e.scores[0]))
    return ranked[: grid[0] * grid[1]]


def write(found: Explanation, scene: Scene, args: argparse.Namespace) -> Explanation:
    """Write the picture, and the arrays if they are wanted."""
    path = _path(found, scene, args)
    picture = _panel(found, scene)
    if args.npz:
        _save_arrays(found, path.with_suffix(".npz"), force=args.force)
    if picture is None:
        return replace(found, file=str(path.with_suffix(".npz")) if args.npz else None)
    save_picture(picture, path, force=args.force)
    return replace(found, file=str(path))


def _path(found: Explanation, scene: Scene, args: argparse.Namespace) -> Path:
    """The name given, or one made of the input's and the methods' in the folder given."""
    out = Path(args.output) if args.output else Path()
    if args.output and out.suffix and not out.is_dir():
        if len(args.inputs) > 1 or Path(args.inputs[0]).is_dir() or found.name != args.inputs[0]:
            raise InputError(f"-o {out}: there are several inputs; name a folder")
        return out
    if args.output:
        try:
            out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"-o {out}: cannot be made a folder ({error.strerror})") from None
    stem = re.sub(r"[^\w.-]+", "_", Path(found.name).name)
    stem = re.sub(r"\.(npy|npz|csv|jpe?g|png|webp|bmp|tiff?|gif)\b", "", stem).strip("_")
    return out / f"{stem}.{scene.contract.alias.replace('/', '_')}.{'-'.join(scene.methods)}.png"


def _save_arrays(found: Explanation, path: Path, *, force: bool) -> None:
    if path.exists() and not force:
        raise InputError(f"{path} is there already; give --force to replace it")
    buffer = io.BytesIO()
    arrays: dict[str, Any] = {f"attribution_{m}": a for m, a in found.attributions.items()}
    arrays |= {"input": found.array, "score": found.scores, "unit": found.units}
    np.savez_compressed(buffer, **arrays)
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_bytes(buffer.getvalue())
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise InputError(
            f"{path} cannot be written ({error.strerror}); check the folder and its rights"
        ) from None


def _drawn(attribution: Array, found: Explanation, scene: Scene) -> Any:
    """An attribution [*input] as a picture."""
    layout = scene.preprocessing.layout
    if found.shown is None:
        attribution, layout = _flat(attribution), "nchw"
    if scene.style == "heat":
        return heat(attribution, layout=layout)
    if scene.style == "overlay" and found.shown is not None:
        return overlay(found.shown, attribution, layout=layout)
    return signed(attribution, layout=layout, order=scene.preprocessing.order)


def _flat(values: Array) -> Array:
    """A sequence [C, L] or a vector [L] as one grey picture [1, C, L]."""
    return values.reshape(1, -1, values.shape[-1])


def _panel(found: Explanation, scene: Scene) -> Image.Image | None:
    """The input beside its attributions; None for what is no picture, such as a volume."""
    if found.shown is None and found.array.ndim > 2:
        return None
    shown = found.shown if found.shown is not None else signed(_flat(found.array))
    columns: list[tuple[str, Any]] = [("input", shown)]
    for k, unit in enumerate(found.units):
        for method in scene.methods:
            title = method if len(found.units) == 1 else f"{method} · {scene.unit(unit)}"
            columns.append((title, _drawn(found.attributions[method][k], found, scene)))
    return panel(columns, "\n".join(_caption(found, scene)))


def _caption(found: Explanation, scene: Scene) -> list[str]:
    parts = [
        f"{scene.contract.alias} · {scene.unit(unit)} · activation {score:.4g}"
        for unit, score in zip(found.units, found.scores, strict=True)
    ]
    classes = _classes(found, scene)
    return [*parts[:1], *parts[1:], *([f"model output: {classes}"] if classes else [])]


def _classes(found: Explanation, scene: Scene) -> str:
    """The three highest class scores of the model's own output."""
    if found.classes is None:
        return ""
    best = np.argsort(-found.classes, kind="stable")[:3]
    return ", ".join(f"{class_name(int(i), scene.labels)} {found.classes[i]:.3g}" for i in best)


def report(found: Explanation, scene: Scene, console: Console) -> None:
    """Print what was explained."""
    lines = _caption(found, scene)
    console.print(f"[bold]{found.name}[/]")
    for line in lines:
        console.print(f"  {line}", soft_wrap=True)
    console.print(f"  -> {found.file or 'no picture for this input; --npz keeps the arrays'}")


def write_sheet(
    found: Sequence[Explanation], scene: Scene, args: argparse.Namespace, console: Console
) -> None:
    """One sheet of the strongest, each input beside its attributions."""
    columns = args.sheet[1]
    path = Path(args.output or "sheet.png")
    if not path.suffix:
        path = path.with_suffix(".png")
    cells = []
    for explanation in found:
        if explanation.shown is None:
            raise InputError("--sheet needs pictures; --npz keeps the arrays of other inputs")
        drawn = [_drawn(explanation.attributions[m][0], explanation, scene) for m in scene.methods]
        cells.append((_cell_label(explanation, scene), [explanation.shown, *drawn]))
    contract = scene.contract
    title = (
        f"{', '.join(scene.methods)} · {contract.alias}\n"
        f"{len(cells)} strongest units · input beside its attribution · label: "
        f"{'class' if scene.is_class else 'channel (row, column)'} and activation"
    )
    save_picture(sheet(cells, columns, title), path, force=args.force)
    if args.npz:
        _save_sheet_arrays(found, scene, path.with_suffix(".npz"), force=args.force)
    console.print(f"  -> {path}")


def _cell_label(found: Explanation, scene: Scene) -> str:
    unit = [int(i) for i in found.units[0]]
    place = f"{unit[0]} ({', '.join(map(str, unit[1:]))})" if len(unit) > 1 else scene.unit(unit)
    return f"{place} · {float(found.scores[0]):.3g}"


def _save_sheet_arrays(
    found: Sequence[Explanation], scene: Scene, path: Path, *, force: bool
) -> None:
    stacked = Explanation(
        name="",
        shown=None,
        array=np.stack([e.array for e in found]),
        label=None,
        attributions={m: np.stack([e.attributions[m][0] for e in found]) for m in scene.methods},
        scores=np.stack([e.scores[0] for e in found]),
        units=np.stack([e.units[0] for e in found]),
        classes=None,
    )
    _save_arrays(stacked, path, force=force)


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
    head = {"methods": scene.methods, "layer": contract.alias, "tensor": contract.target}
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
