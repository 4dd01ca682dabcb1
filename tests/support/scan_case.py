"""What the tests of scans share: a data set, and all activations of it counted in NumPy."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
from onnx import ModelProto, helper
from PIL import Image

from retrograph.inputs.share import Share
from retrograph.model import Model
from retrograph.scanning import ProbeSession, Scanner, ScanReader
from support import nets
from support.graphs import Array, runner

_ROUNDING = 1e-5
"""The source model runs with optimisations off."""

_AT_EDGES = 2
"""So much may a histogram differ by that: one number on the other side of an edge."""

CLASSES = ("cat", "dog", "fox")


def pixels(count: int, size: int = 8, seed: int = 0) -> Array:
    """Pictures as bytes, [N, H, W, 3]."""
    shape = (count, size, size, 3)
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def as_input(pictures: Array) -> Array:
    """The same as a model takes them, [N, 3, H, W] from 0 to 1."""
    return (pictures.transpose(0, 3, 1, 2) / 255).astype(np.float32)


def folder(path: Path, pictures: Array) -> list[str]:
    """The pictures in folders of their classes, in turn; returns their classes in sorted order."""
    for number, each in enumerate(pictures):
        file = path / CLASSES[number * len(CLASSES) // len(pictures)] / f"{number:03}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(each).save(file)
    return [file.parent.name for file in sorted(path.rglob("*.png"))]


def colour_channels() -> ModelProto:
    """A model whose scores are the red, green and blue of pictures of 8 x 8, where above 0."""
    return nets.model(
        [nets.node("Conv", "x w", "conv"), nets.node("Relu", "conv", "y")],
        [nets.info("x", ["N", 3, 8, 8])],
        [nets.info("y", ["N", 3, 8, 8])],
        {"w": np.eye(3, dtype=np.float32)[:, :, np.newaxis, np.newaxis]},
    )


def scanned(model: ModelProto, run: Path, *inputs: Path, layer: str, **options: Any) -> ScanReader:
    scanner = Scanner(ProbeSession(model, layer.split(",")), list(inputs), **options)
    return scanner.run(run, seconds=0)


def run_part_slowly(number: int, of: int) -> None:
    """A part of the folder `set`, scanned by the model net.onnx here, saved at every batch."""
    session = ProbeSession("net.onnx", ["relu2", "conv1"], threads=1)
    scanner = Scanner(session, ["set"], k=3, batch=4)
    share = Share(number, of)
    scanner.run_part(share, "run", on_batch=lambda *_: time.sleep(0.05), seconds=0)


def assert_counts(
    scan: ScanReader, layer: str, activations: Array, k: int, classes: list[str] | None = None
) -> None:
    """The scan against [N, C, ...] activations of all pictures, equal up to rounding."""
    flat = activations.astype(np.float64).reshape(*activations.shape[:2], -1)
    peak = flat.max(axis=2)
    for found in scan.channels(layer):
        c = found.channel
        best = sorted(range(len(flat)), key=lambda i, c=c: (-peak[i, c], i))[:k]
        units = scan.top(layer, c)
        assert [unit.rank for unit in units] == list(range(1, len(best) + 1))
        assert len({unit.picture for unit in units}) == len(best)
        assert all(unit.index[0] == c for unit in units)
        at_units = [activations[(unit.picture, *unit.index)] for unit in units]
        for values in ([unit.activation for unit in units], at_units):
            np.testing.assert_allclose(values, peak[best, c], atol=_ROUNDING)
        numbers = found.mean_peak, found.mean, found.share, found.fires
        wanted = peak[:, c].mean(), flat[:, c].mean(), (flat[:, c] > 0).mean()
        np.testing.assert_allclose(numbers, [*wanted, (peak[:, c] > 0).mean()], atol=_ROUNDING)
        edges = found.start + found.width * np.arange(len(found.counts) + 1)
        assert sum(found.counts) == len(flat)
        counts = np.histogram(peak[:, c], edges)[0]
        assert np.abs(counts - found.counts).sum() <= _AT_EDGES
    if classes is not None:
        _assert_classes(scan, layer, peak, np.array(classes))


def _assert_classes(scan: ScanReader, layer: str, peak: Array, classes: Array) -> None:
    names = sorted(set(classes))
    assert scan.classes == {name: int((classes == name).sum()) for name in names}
    positive = np.maximum(peak, 0)
    for found in scan.preferred(layer):
        means = np.array([positive[classes == n, found.channel].mean() for n in names])
        fires = [(peak[classes == n, found.channel] > 0).mean() for n in names]
        best = int(means.argmax())
        others = np.delete(means, best).mean()
        strength = (means[best] - others) / (means[best] + others) if means[best] else 0
        assert found.class_name == names[best]
        assert abs(found.strength - strength) < 1e-3
        assert abs(found.fires - fires[best]) < 1e-9
        assert found.classes == sum(f > 0.5 for f in fires)


def assert_scans(
    scan: ScanReader, model: ModelProto, tensor: str, x: Array, **counted: Any
) -> None:
    """The scan of one layer against all activations of the source model."""
    alias = next(layer.alias for layer in scan.layers if layer.tensor == tensor)
    assert_counts(scan, alias, all_activations(model, tensor, x), **counted)


CHANNELS_LAST = """
<ir_version: 8, opset_import: ["" : 17]>
net (float[N, 2, 5, 4] x) => (float[N, 5, 4, 3] y)
<float[3, 2, 3, 3] w>
{
    conv = Conv <pads = [1, 1, 1, 1]> (x, w)
    turned = Transpose <perm = [0, 2, 3, 1]> (conv)
    y = Relu (turned)
}
"""


def all_activations(model: ModelProto, tensor: str, x: Array) -> Array:
    """All activations of a tensor, by the source model itself."""
    copy = ModelProto()
    copy.CopyFrom(model)
    kind = Model(model).tensor(tensor).dtype
    del copy.graph.output[:]
    info = helper.make_tensor_value_info(tensor, helper.np_dtype_to_tensor_dtype(kind), None)
    copy.graph.output.append(info)
    found: Array = runner(copy, "off")(x)[tensor]
    return found
