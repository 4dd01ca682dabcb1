"""Guided maps of quantised models beside those of the float models: QUANTISED.md.

    RETROGRAPH_CORPUS=... python tools/checks/check_quantised.py [NAME ...]

The sample model and three of the corpus are quantised by ONNX Runtime's own tool in every way that
it has: operators, scales for a tensor or a channel, types of activations, opsets. Of each the class
that the float model ranks first is explained, and the cosine with the float model's map is taken.
"""

from __future__ import annotations

import argparse
import itertools
import logging
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import ModelProto, version_converter
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from PIL import Image

import retrograph
from retrograph.preprocess import PRESETS, load_picture, prepare

sys.path.append(str(Path(__file__).resolve().parents[1]))

from checkout import SHARED

sys.path.extend(SHARED)

from corpus_inputs import VARIABLE, Entry, cifar10, entries, photos, root

Array = np.ndarray[Any, Any]

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "QUANTISED.md"
SAMPLE = "cifar10_cnn"
CORPUS = ("winml_pytorch_cifar", "cifar10_resnet_4b", "squeezenet_imagenet_fp32")
CALIBRATED, SHOWN = 12, 4
LOW = 0.9

FORMATS = {"QDQ": QuantFormat.QDQ, "QOperator": QuantFormat.QOperator}
TYPES = {
    "u8": QuantType.QUInt8,
    "s8": QuantType.QInt8,
    "u16": QuantType.QUInt16,
    "s16": QuantType.QInt16,
}
OPSETS = (13, 21)


@dataclass(frozen=True)
class Way:
    """One way to quantise."""

    fmt: str
    per_channel: bool
    kind: str
    opset: int

    @property
    def has_kernels(self) -> bool:
        """Whether the quantiser takes it: of 16 bits there are no integer operators."""
        return self.fmt == "QDQ" or not self.kind.endswith("16")


@dataclass(frozen=True)
class Maps:
    """What a model says of the pictures.

    Attributes:
        classes: the most active one of each.
        maps: the guided map of the float model's class, [pictures, *input].
    """

    classes: list[int]
    maps: Array


class Subject:
    """A float model with pictures to calibrate by, and to explain."""

    def __init__(self, name: str, file: Path, inputs: list[Array]) -> None:
        self.name, self.file = name, file
        self.calibration, self.shown = inputs[:CALIBRATED], inputs[CALIBRATED:]

    @cached_property
    def plain(self) -> Maps:
        return maps_of(onnx.load(self.file), self.shown, None)

    def at(self, opset: int) -> ModelProto:
        """The model at an opset that the quantiser knows."""
        model = onnx.load(self.file)
        model.ir_version = max(model.ir_version, 8)
        weights = {t.name for t in model.graph.initializer}
        inputs = [v for v in model.graph.input if v.name not in weights]
        del model.graph.input[:]
        model.graph.input.extend(inputs)
        (standard,) = (o for o in model.opset_import if not o.domain)
        if standard.version <= opset:
            return version_converter.convert_version(model, opset)
        standard.version = opset  # the converter has no way down; these models mean the same there
        onnx.checker.check_model(model, full_check=True)
        return model

    def quantised(self, way: Way) -> ModelProto:
        name = self.at(way.opset).graph.input[0].name
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "quantised.onnx"
            quantize_static(
                self.at(way.opset),
                out,
                Calibration(name, self.calibration),
                quant_format=FORMATS[way.fmt],
                per_channel=way.per_channel,
                activation_type=TYPES[way.kind],
                weight_type=QuantType.QInt8,
            )
            return onnx.load(out)


class Calibration(CalibrationDataReader):  # type: ignore[misc]
    """Gives the quantiser its pictures."""

    def __init__(self, name: str, inputs: list[Array]) -> None:
        self.feeds: Iterator[dict[str, Array]] = iter([{name: x} for x in inputs])

    def get_next(self) -> dict[str, Array] | None:
        return next(self.feeds, None)


def maps_of(model: ModelProto, inputs: list[Array], classes: list[int] | None) -> Maps:
    """The guided maps of the classes, those that the model ranks first if None are given."""
    top = retrograph.Explainer(model, method="guided")
    ranked_first = [int(top.attribute(x).unit[0, 0]) for x in inputs]
    one = retrograph.Explainer(model, method="guided", select="unit")
    rest = [0] * (len(one.contract.shape) - 1)
    wanted = classes or ranked_first
    maps = [
        one.attribute(x, unit=[c, *rest]).attribution for x, c in zip(inputs, wanted, strict=True)
    ]
    return Maps(ranked_first, np.concatenate(maps))


def cosines(quantised: Array, wanted: Array) -> Array:
    """Of each picture's maps; 0 where one is zero everywhere."""
    a, b = (maps.reshape(len(maps), -1).astype(np.float64) for maps in (quantised, wanted))
    lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    found_cosines: Array = np.zeros(len(a))
    np.divide((a * b).sum(1), lengths, out=found_cosines, where=lengths > 0)
    return found_cosines


def subjects(names: list[str]) -> Iterator[Subject]:
    pictures = [image for image, _ in cifar10()]
    if not names or SAMPLE in names:
        file = ROOT / "sample_models" / f"{SAMPLE}.onnx"
        yield Subject(SAMPLE, file, [_sample_input(file, p) for p in pictures[:16]])
    known = {entry.name: entry for entry in entries()}
    for name in names or CORPUS:
        if name in known:
            yield Subject(name, known[name].file, _inputs(known[name], pictures))


def _sample_input(file: Path, picture: Image.Image) -> Array:
    model = retrograph.Model(file)
    recipe = PRESETS[model.properties["preprocessing"]]
    shape = model.inputs[0].shape
    assert shape is not None
    prepared: Array = prepare(picture, recipe.for_shape(shape), shape)[0]
    return prepared[None]


def _inputs(entry: Entry, pictures: list[Image.Image]) -> list[Array]:
    folder = root()
    assert folder is not None
    if entry.task == "imagenet":
        pictures = [load_picture(folder / name) for name in sorted(photos())]
    return [entry.picture(picture) for picture in pictures[: CALIBRATED + SHOWN]]


@dataclass(frozen=True)
class Row:
    """What came of one way to quantise a model: cosines, and how often the class is the same."""

    name: str
    way: Way
    mean: float
    least: float
    same: int
    count: int

    def __str__(self) -> str:
        scales = "channel" if self.way.per_channel else "tensor"
        return (
            f"| {self.name} | {self.way.fmt} | {scales} | {self.way.kind} | {self.way.opset} "
            f"| {self.mean:.3f} | {self.least:.3f} | {self.same} of {self.count} |"
        )


def measured(subject: Subject) -> Iterator[Row]:
    """A row for each way."""
    for fmt, channel, kind, opset in itertools.product(FORMATS, (False, True), TYPES, OPSETS):
        way = Way(fmt, channel, kind, opset)
        if not way.has_kernels:
            continue
        quantised = maps_of(subject.quantised(way), subject.shown, subject.plain.classes)
        each = cosines(quantised.maps, subject.plain.maps)
        same = sum(a == b for a, b in zip(quantised.classes, subject.plain.classes, strict=True))
        row = Row(subject.name, way, float(each.mean()), float(each.min()), same, len(each))
        print(row, flush=True)
        yield row


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("names", nargs="*", help="of models; without, all, and the page is written")
    names = parser.parse_args().names
    if root() is None:
        parser.error(f"set {VARIABLE} to the folder of the corpus")
    logging.disable(logging.WARNING)
    rows = [row for subject in subjects(names) for row in measured(subject)]
    if not names:
        FILE.write_text(document(rows))
        print(FILE.name)


def document(rows: list[Row]) -> str:
    """The page: what was done, what lies below LOW, and the table."""
    return f"""# Quantised models

Guided maps of quantised models beside those of the float models they were made of. The sample model
and three models of a corpus were quantised by `onnxruntime.quantization.quantize_static` in every
way that it has, with weights of 8 bits, calibrated on {CALIBRATED} pictures. The maps are those of
{SHOWN} others, each for the class that the float model ranks first; 1 is the same map. (Integer
operators have no forms of 16 bits: the tool refuses QOperator by name.) Written by
`tools/checks/check_quantised.py`; onnxruntime {onnxruntime.__version__}.

{_lowest(rows)}

| model | form | scales | activations | opset | cosine, mean | least | same class |
|---|---|---|---|---|---|---|---|
{chr(10).join(map(str, rows))}
"""


def _lowest(rows: list[Row]) -> str:
    """Which means lie below LOW, or the least of all."""
    low = [row for row in rows if row.mean < LOW]
    if low:
        return f"Means below {LOW}, of which the reason is to be found: {len(low)} of {len(rows)}."
    least = min(rows, key=lambda row: row.mean)
    return (
        f"No mean lies below {LOW}; the least is {least.mean:.3f} ({least.name}). With activations "
        "of 16 bits what is left is the rounding of the weights."
    )


if __name__ == "__main__":
    main()
