"""Receptive fields: against published figures, and against where a gradient is not zero."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper
from retrograph.api import build
from retrograph.errors import UnsupportedError
from retrograph.ir.batch import batch_leading
from retrograph.ir.canonicalize import canonicalize
from retrograph.ir.graph import Graph, is_static
from retrograph.ir.load import load
from retrograph.layers import layers
from retrograph.receptive_field import Field, receptive_fields

Array = np.ndarray[Any, Any]
Window = tuple[tuple[int, int], ...]
Shape = Sequence[int | str | None]


class Net:
    """A graph that grows node by node; every method returns the new tensor's name.

    Weights are 1, so that no path from the input to a unit cancels another.
    """

    def __init__(self, *shape: int | str | None, opset: int = 19) -> None:
        self.inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, list(shape))]
        self.nodes: list[NodeProto] = []
        self.constants: list[TensorProto] = []
        self.opset = opset

    def op(self, kind: str, *inputs: str, outputs: int = 1, **attrs: Any) -> str:
        names = [f"t{len(self.nodes)}" + (f"_{i}" if i else "") for i in range(outputs)]
        self.nodes.append(helper.make_node(kind, list(inputs), names, **attrs))
        return names[0]

    def const(self, value: Any, dtype: Any = np.int64) -> str:
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value, dtype), name))
        return name

    def conv(self, x: str, channels: tuple[int, int], *kernel: int, **attrs: Any) -> str:
        """`channels`: of the output and of the input."""
        weight = self.const(np.ones((*channels, *kernel)), np.float32)
        return self.op("Conv", x, weight, **attrs)

    def model(self, *outputs: str) -> ModelProto:
        """What gives these tensors, or those of the last node."""
        infos = [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, None)
            for name in outputs or self.nodes[-1].output
        ]
        graph = helper.make_graph(self.nodes, "net", self.inputs, infos, self.constants)
        opsets = [helper.make_opsetid("", self.opset)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def fields(model: ModelProto) -> dict[str, Field]:
    graph = canonicalize(model)
    return receptive_fields(graph, graph.input_names())


def support(
    model: ModelProto | Path, target: str, shape: Sequence[int]
) -> Callable[[Array], Array]:
    """What gives, for the index of a unit without its batch axis, where its gradient is not 0."""
    built = build(model, method="gradient", target=target, select="unit")
    options = ort.SessionOptions()
    options.log_severity_level = 4
    session = ort.InferenceSession(built.SerializeToString(), options, ["CPUExecutionProvider"])
    x = np.random.default_rng(0).uniform(0.5, 1.5, shape).astype(np.float32)
    half = {"tensor(float16)": np.float16, "tensor(double)": np.float64}
    feeds = {
        i.name: x.astype(half.get(i.type, np.float32))
        for i in session.get_inputs()
        if i.name != "select"
    }

    def run(unit: Array) -> Array:
        select = np.broadcast_to(unit, (shape[0], len(unit))).astype(np.int64)
        (found,) = session.run(["attribution"], {**feeds, "select": select})
        assert found.shape == tuple(shape)
        assert np.isfinite(found).all()
        return np.asarray(found != 0)

    return run


def box(mask: Array, axes: Sequence[int]) -> Window | None:
    """The bounding box (start, stop) of a mask along these axes; None where it is empty."""
    places = np.nonzero(mask)
    if not len(places[0]):
        return None
    return tuple((int(places[a].min()), int(places[a].max()) + 1) for a in axes)


def contains(outer: Window, inner: Window | None) -> bool:
    """Whether one window lies in another."""
    if inner is None:
        return True
    return all(a <= c and d <= b for (a, b), (c, d) in zip(outer, inner, strict=True))


def units(shape: Sequence[int], count: int, rng: random.Random) -> Iterable[Array]:
    """Some units of a tensor: its two corners, and others by chance."""
    yield np.zeros(len(shape), int)
    yield np.array(shape) - 1
    for _ in range(count - 2):
        yield np.array([rng.randrange(n) for n in shape])


def assert_seen(
    model: ModelProto, shape: Sequence[int], *, exact: bool = False, inner: bool = False
) -> None:
    """Every unit of the first output lies in its window.

    Args:
        exact: the window is the bounding box of the gradient.
        inner: and that only for units whose window does not reach the border.
    """
    graph = canonicalize(model)
    target = graph.output_names()[0]
    field = receptive_fields(graph, graph.input_names())[target]
    run = support(model, target, shape)
    sizes = [shape[a] for a in field.axes]
    compared = 0
    for unit in every_unit(model, target, shape):
        seen, window = box(run(unit), field.axes), field.window(list(unit), sizes)
        assert contains(window, seen), (str(field), unit, window, seen)
        if exact and not (inner and touches_border(field, unit, sizes)):
            assert seen == (window if all(a < b for a, b in window) else None), (str(field), unit)
            compared += 1
    assert compared or not exact


def every_unit(model: ModelProto, target: str, shape: Sequence[int]) -> Iterable[Array]:
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (value,) = session.run([target], {"x": np.ones(shape, np.float32)})
    indices = list(np.ndindex(value.shape[1:]))
    rng = random.Random(len(indices))
    return map(np.array, rng.sample(indices, min(len(indices), 40)))


def touches_border(field: Field, unit: Array, sizes: Sequence[int]) -> bool:
    """Whether a unit's window, before clipping, reaches out of the input."""
    for span, size in zip(field.spans, sizes, strict=True):
        if span is None:
            return True
        centre = 0 if span.axis is None else span.stride * int(unit[span.axis])
        if centre + span.first < 0 or centre + span.last > size - 1:
            return True
    return False


def fractions(*values: int) -> tuple[Fraction, ...]:
    return tuple(map(Fraction, values))


# Published figures.


def vgg16() -> tuple[ModelProto, dict[str, str]]:
    net, x, last, names = Net("N", 3, 224, 224), "x", 3, {}
    for stage, (channels, convs) in enumerate([(64, 2), (128, 2), (256, 3), (512, 3), (512, 3)], 1):
        for i in range(1, convs + 1):
            weight = net.const(np.zeros((channels, last, 3, 3)), np.float32)
            x = net.op("Relu", net.op("Conv", x, weight, pads=[1] * 4))
            last, names[x] = channels, f"conv{stage}_{i}"
        x = net.op("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2])
        names[x] = f"pool{stage}"
    return net.model(), names


def test_vgg16() -> None:
    model, names = vgg16()
    found = fields(model)
    text = {layer: str(found[name]) for name, layer in names.items()}
    sizes = "3/1 5/1 6/2 10/2 14/2 16/4 24/4 32/4 40/4 44/8 60/8 76/8 92/8 100/16 132/16 164/16"
    sizes += " 196/16 212/32"
    expected = [f"{n}x{n} / {s}" for n, s in (entry.split("/") for entry in sizes.split())]
    assert list(text.values()) == expected
    assert text["conv5_3"] == "196x196 / 16"


def test_alexnet_and_where_its_windows_begin() -> None:
    net = Net("N", 3, 227, 227)
    a = net.conv("x", (8, 3), 11, 11, strides=[4, 4])
    b = net.op("MaxPool", net.op("Relu", a), kernel_shape=[3, 3], strides=[2, 2])
    b = net.op("LRN", b, size=5)
    c = net.conv(b, (8, 8), 5, 5, pads=[2] * 4)
    d = net.op("MaxPool", net.op("Relu", c), kernel_shape=[3, 3], strides=[2, 2])
    e = net.conv(d, (8, 8), 3, 3, pads=[1] * 4)
    found = fields(net.model())
    assert [str(found[t]) for t in ("x", a, b, c, d, e)] == [
        "1x1 / 1",
        "11x11 / 4",
        "19x19 / 8",
        "51x51 / 8",
        "67x67 / 16",
        "99x99 / 16",
    ]
    assert found[c].first == fractions(-16, -16)
    assert found[c].window([7, 2, 26], [227, 227]) == ((0, 51), (192, 227))
    assert found[c].window([0, 7, 2, 26], [227, 227]) == ((0, 51), (192, 227))


def test_resnet_stem_and_a_block() -> None:
    net = Net("N", 3, 64, 64)
    stem = net.op("Relu", net.conv("x", (4, 3), 7, 7, strides=[2, 2], pads=[3] * 4))
    pool = net.op("MaxPool", stem, kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4)
    deep = net.conv(pool, (4, 4), 3, 3, strides=[2, 2], pads=[1] * 4)
    deep = net.conv(deep, (4, 4), 3, 3, pads=[1] * 4)
    short = net.conv(pool, (4, 4), 1, 1, strides=[2, 2])
    total = net.op("Add", deep, short)
    found = fields(net.model())
    assert [str(found[t]) for t in (stem, pool, deep, short, total)] == [
        "7x7 / 2",
        "11x11 / 4",
        "35x35 / 8",
        "11x11 / 8",
        "35x35 / 8",
    ]
    assert found[total].first == fractions(-17, -17)
    assert found[short].first == fractions(-5, -5)


def test_dilation_uneven_padding_and_axes_that_differ() -> None:
    net = Net(1, 1, 40, 50)
    a = net.conv("x", (1, 1), 3, 5, dilations=[4, 1], strides=[1, 3], pads=[2, 0, 6, 1])
    found = fields(net.model())[a]
    assert found.size == (9, 5)
    assert found.stride == fractions(1, 3)
    assert found.first == fractions(-2, 0)
    assert str(found) == "9x5 / 1x3"
    assert found.window([0, 1, 2], [40, 50]) == ((0, 8), (6, 11))


def test_squeeze_and_excite_sees_all() -> None:
    net = Net(1, 4, 9, 9)
    a = net.conv("x", (4, 4), 3, 3)
    gate = net.op("Sigmoid", net.conv(net.op("GlobalAveragePool", a), (4, 4), 1, 1))
    b = net.op("Mul", a, gate)
    found = fields(net.model())
    assert str(found[a]) == "3x3 / 1"
    assert str(found[b]) == "all"
    assert found[b].size == (None, None)
    assert found[b].window([0, 3, 3], [9, 9]) == ((0, 9), (0, 9))


@pytest.mark.parametrize("auto_pad", ["SAME_UPPER", "SAME_LOWER"])
def test_same_padding_of_a_size_that_is_not_known(auto_pad: str) -> None:
    """The window holds that of every size."""
    net = Net("N", 1, "L")
    a = net.conv("x", (1, 1), 4, strides=[2], auto_pad=auto_pad)
    field = fields(net.model())[a]
    for size in range(4, 12):
        total = max((-(-size // 2) - 1) * 2 + 4 - size, 0)
        pad = total // 2 if auto_pad == "SAME_UPPER" else total - total // 2
        for q in range(-(-size // 2)):
            exact = (max(2 * q - pad, 0), min(2 * q - pad + 4, size))
            assert contains(field.window([0, q], [size]), (exact,))
    assert field.size == (5,)


def test_an_operator_without_a_rule_sees_all() -> None:
    net = Net(1, 1, 6, 6)
    a = net.op("CumSum", net.conv("x", (1, 1), 3, 3), net.const(2))
    assert str(fields(net.model())[a]) == "all"


def test_a_norm_pool_sees_what_a_mean_pool_sees() -> None:
    net = Net(1, 1, 9, 9)
    pools = [net.op(k, "x", kernel_shape=[3, 2], strides=[1, 2]) for k in ("LpPool", "AveragePool")]
    found = fields(net.model(*pools))
    assert str(found[pools[0]]) == str(found[pools[1]]) == "3x2 / 1x2"


def test_reshapes_of_sizes_that_are_not_known() -> None:
    net = Net("N", 4, None, "W")
    a = net.conv("x", (4, 4), 3, 3, pads=[1] * 4)
    kept = net.op("Reshape", a, net.const([0, 2, 2, 0, -1]))
    grouped = net.op("Reshape", "x", net.const([0, 2, -1, 0, 0]))
    split = net.op("Reshape", net.op("Transpose", "x", perm=[0, 3, 1, 2]), net.const([0, -1, 5, 4]))
    found = fields(net.model(kept, grouped, split))
    assert str(found[a]) == "3x3 / 1"
    assert {str(found[t]) for t in (kept, grouped, split)} == {"all"}


def test_a_batch_of_unknown_size_stays() -> None:
    net = Net("N", 4, 6, 7)
    a = net.op("Reshape", "x", net.const([-1, 1, 2, 2, 6, 7]))
    b = net.op("Transpose", a, perm=[0, 1, 4, 2, 5, 3])
    c = net.op("Reshape", b, net.const([-1, 1, 12, 14]))
    d = net.conv(c, (1, 1), 3, 3)
    e = net.op("Flatten", d)
    found = fields(net.model())
    assert str(found[d]) == "2x2 / 1/2"
    assert found[d].first == (Fraction(-1, 2), Fraction(-1, 2))
    assert str(found[e]) == "2xall / 1/24x0"


def test_without_spatial_axes_there_are_no_fields() -> None:
    net = Net(1, 6)
    net.op("Gemm", "x", net.const(np.ones((6, 2)), np.float32))
    assert fields(net.model()) == {}


def test_the_first_source_with_spatial_axes_counts() -> None:
    net = Net("N", 5)
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 1, 8, 8])
    net.inputs.append(image)
    code = net.op("Gemm", "x", net.const(np.ones((5, 1)), np.float32))
    a = net.conv("image", (1, 1), 3, 3)
    b = net.op("Add", a, net.op("Unsqueeze", code, net.const([2, 3])))
    found = fields(net.model())
    assert set(found) == {"image", a, b}
    assert found[b].source == "image"
    assert str(found[b]) == "3x3 / 1"


# One operator at a time, against the gradient of its units.


def _conv1d_as_2d(net: Net) -> None:
    a = net.op("Unsqueeze", net.op("Transpose", "x", perm=[0, 2, 1]), net.const([2]))
    b = net.conv(a, (2, 2), 1, 3, strides=[1, 2])
    net.op("Transpose", net.op("Squeeze", b, net.const([2])), perm=[0, 2, 1])


def _pixel_shuffle(net: Net) -> None:
    a = net.op("Reshape", "x", net.const([1, 1, 2, 2, 5, 6]))
    b = net.op("Transpose", a, perm=[0, 1, 4, 2, 5, 3])
    c = net.op("Reshape", b, net.const([0, 1, -1, 12]))
    net.conv(c, (1, 1), 1, 1)


def _pixel_unshuffle(net: Net) -> None:
    a = net.op("Reshape", "x", net.const([0, 2, 3, 2, 4, 2]))
    b = net.op("Transpose", a, perm=[0, 1, 3, 5, 2, 4])
    net.conv(net.op("Reshape", b, net.const([0, 8, 3, 4])), (1, 8), 1, 1)


def _nhwc(net: Net) -> None:
    a = net.conv(net.op("Transpose", "x", perm=[0, 3, 1, 2]), (2, 3), 3, 3, strides=[2, 1])
    b = net.op("Transpose", a, perm=[0, 2, 3, 1])
    net.op("MatMul", b, net.const(np.ones((2, 3)), np.float32))


def _split(net: Net) -> None:
    net.op("Split", net.conv("x", (1, 1), 2, 1), net.const([3, 4]), axis=2, outputs=2)


def _slice(net: Net, starts: list[int], ends: list[int], steps: list[int]) -> None:
    a = net.conv("x", (1, 1), 2, 2)
    net.op("Slice", a, net.const(starts), net.const(ends), net.const([2, 3]), net.const(steps))


def _gather(net: Net) -> None:
    net.op("Gather", net.conv("x", (1, 1), 3, 3), net.const(2), axis=2)


def _pad(net: Net, mode: str) -> None:
    a = net.op("Pad", "x", net.const([0, 0, 2, 1, 0, 0, 1, 3]), mode=mode)
    net.conv(a, (1, 1), 2, 2)


def _reduce(net: Net, keepdims: int) -> None:
    a = net.conv("x", (2, 1), 3, 3)
    net.op("ReduceMean", a, net.const([1, 3]), keepdims=keepdims)


def _flatten(net: Net) -> None:
    net.op("Flatten", net.op("Transpose", net.conv("x", (2, 1), 3, 3), perm=[0, 2, 3, 1]))


def _tile(net: Net) -> None:
    net.op("Tile", net.conv("x", (1, 1), 1, 6), net.const([1, 2, 1, 3]))


def _attention(net: Net) -> None:
    a = net.op("Relu", net.conv("x", (2, 1), 3, 3))
    net.op("MatMul", a, net.op("Softmax", a, axis=-1))


def _backwards(net: Net) -> None:
    _slice(net, [-1, 0], [-99, 9], [-2, 1])
    net.conv("t1", (1, 1), 2, 1)


def _column_stretched(net: Net) -> None:
    a = net.op("Slice", "x", net.const([2]), net.const([3]), net.const([3]))
    net.op("Expand", a, net.const([1, 1, 4, 6]))


def _stacked(net: Net) -> None:
    net.op("Concat", net.conv("x", (1, 1), 2, 1), "x", axis=2)


def _different_strides(net: Net) -> None:
    every = net.op("Slice", "x", net.const([0]), net.const([6]), net.const([2]))
    other = net.op("Slice", "x", net.const([0]), net.const([12]), net.const([2]), net.const([2]))
    net.op("Add", every, other)


def _single(kind: str, **attrs: Any) -> Callable[[Net], None]:
    def add(net: Net) -> None:
        net.op(kind, "x", **attrs)

    return add


def _transposed(kernel: int, **attrs: Any) -> Callable[[Net], None]:
    def add(net: Net) -> None:
        weight = net.const(np.ones((1, 1, kernel, kernel)), np.float32)
        net.op("ConvTranspose", "x", weight, **attrs)

    return add


def _conv(*kernel: int, **attrs: Any) -> Callable[[Net], object]:
    return lambda net: net.conv("x", (1, 1), *kernel, **attrs)


EXACT: dict[str, tuple[Callable[[Net], object], tuple[int, ...]]] = {
    "conv of one axis": (_conv(4, strides=[3], pads=[2, 1]), (1, 1, 11)),
    "conv of three axes": (_conv(2, 3, 1, dilations=[2, 1, 1]), (1, 1, 5, 6, 3)),
    "mean pool": (_single("AveragePool", kernel_shape=[3, 2], strides=[2, 1]), (1, 1, 9, 6)),
    "conv in rows and columns last": (_nhwc, (1, 9, 8, 3)),
    "conv of one axis, written with two": (_conv1d_as_2d, (1, 13, 2)),
    "deconvolution": (_transposed(3, strides=[2, 2], pads=[1] * 4), (1, 1, 5, 6)),
    "deconvolution without overlap": (_transposed(2, strides=[2, 2]), (1, 1, 5, 6)),
    "deconvolution to a size": (_transposed(4, strides=[2, 2], output_shape=[8, 10]), (1, 1, 4, 5)),
    "depth to space": (_single("DepthToSpace", blocksize=2), (1, 4, 3, 5)),
    "pixel shuffle by reshaping": (_pixel_shuffle, (1, 4, 5, 6)),
    "pixel unshuffle by reshaping": (_pixel_unshuffle, (1, 2, 6, 8)),
    "zeros around": (partial(_pad, mode="constant"), (1, 1, 6, 7)),
    "crop backwards": (
        partial(_slice, starts=[-2, 1], ends=[-9, 9], steps=[-2, 3]),
        (1, 1, 8, 9),
    ),
    "crop backwards, then conv": (_backwards, (1, 1, 8, 5)),
    "column stretched": (_column_stretched, (1, 1, 4, 6)),
    "first part of a split": (_split, (1, 1, 8, 5)),
    "row by its number": (_gather, (1, 1, 8, 5)),
    "mean over an axis that stays": (partial(_reduce, keepdims=1), (1, 1, 7, 6)),
    "mean over an axis that goes": (partial(_reduce, keepdims=0), (1, 1, 7, 6)),
    "tiles of one column": (_tile, (1, 1, 4, 6)),
    "global mean": (_single("GlobalAveragePool"), (1, 2, 4, 5)),
}
"""What is built on which input: the window of every unit is the bounding box of its gradient."""

CONTAINED: dict[str, tuple[Callable[[Net], object], tuple[int, ...]]] = {
    "max pool": (
        _single("MaxPool", kernel_shape=[3, 2], strides=[2, 1], ceil_mode=1),
        (1, 1, 8, 6),
    ),
    "space to depth": (_single("SpaceToDepth", blocksize=2), (1, 1, 6, 4)),
    "border repeated": (partial(_pad, mode="edge"), (1, 1, 6, 7)),
    "border mirrored": (partial(_pad, mode="reflect"), (1, 1, 6, 7)),
    "flat": (_flatten, (1, 1, 6, 5)),
    "deconvolution with holes": (_transposed(2, strides=[3, 3], dilations=[2, 2]), (1, 1, 5, 6)),
    "instance norm": (
        lambda net: net.op("InstanceNormalization", "x", *[net.const(np.ones(2), np.float32)] * 2),
        (1, 2, 4, 5),
    ),
    "response norm": (_single("LRN", size=3), (1, 4, 3, 3)),
    "one above the other": (_stacked, (1, 1, 7, 4)),
    "sum of different strides": (_different_strides, (1, 1, 12, 3)),
    "attention": (_attention, (1, 1, 6, 6)),
}
"""The window holds the gradient, and may be larger."""


@pytest.mark.parametrize("name", EXACT)
def test_window_is_the_bounding_box_of_the_gradient(name: str) -> None:
    make, shape = EXACT[name]
    net = Net(*shape)
    make(net)
    assert_seen(net.model(), shape, exact=True)


@pytest.mark.parametrize("name", CONTAINED)
def test_window_holds_the_gradient(name: str) -> None:
    make, shape = CONTAINED[name]
    net = Net(*shape)
    make(net)
    assert_seen(net.model(), shape)


RESIZED = [
    {"mode": "nearest", "nearest_mode": rounding, "coordinate_transformation_mode": place}
    for rounding in ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil")
    for place in ("half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel")
]
RESIZED += [
    {"mode": mode, "coordinate_transformation_mode": place}
    for mode in ("linear", "cubic")
    for place in ("half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel")
]


@pytest.mark.parametrize("size", [(1, 1, 12, 14), (1, 1, 3, 4), (1, 1, 8, 1), (1, 1, 17, 11)])
@pytest.mark.parametrize("attrs", RESIZED, ids=lambda a: "-".join(a.values()))
def test_window_holds_the_gradient_of_a_resize(
    attrs: dict[str, Any], size: tuple[int, ...]
) -> None:
    """Behind a convolution, which would show a border that is missed."""
    net = Net(1, 1, 8, 9)
    a = net.conv("x", (1, 1), 3, 3)
    net.op("Resize", a, "", "", net.const(size), **attrs)
    assert_seen(net.model(), (1, 1, 8, 9))


@pytest.mark.parametrize("scales", [(1, 1, 2, 2), (1, 1, 0.5, 3), (1, 1, 1.3, 0.7)])
@pytest.mark.parametrize("height", [9, "H"])
@pytest.mark.parametrize("attrs", RESIZED, ids=lambda a: "-".join(a.values()))
def test_window_holds_the_gradient_of_a_resize_by_scales(
    attrs: dict[str, Any], scales: tuple[float, ...], height: int | str
) -> None:
    net = Net(1, 1, height, 10)
    a = net.conv("x", (1, 1), 3, 3)
    net.op("Resize", a, "", net.const(scales, np.float32), **attrs)
    assert_seen(net.model(), (1, 1, 9, 10))


@pytest.mark.parametrize("mode", ["linear", "nearest"])
def test_doubling_is_tight(mode: str) -> None:
    net = Net(1, 1, 8, 9)
    net.op("Resize", "x", "", net.const([1, 1, 2, 2], np.float32), mode=mode)
    net.conv("t0", (1, 1), 1, 1)
    assert_seen(net.model(), (1, 1, 8, 9), exact=True, inner=True)
    assert fields(net.model())["t0"].size == ((2, 2) if mode == "linear" else (1, 1))


# Whole networks made by chance.

Tensor = tuple[str, int, tuple[int, int]]
"""Its name, channels and size."""


class RandomNet:
    """A small network; with `exact`, only of operators whose windows compose exactly."""

    def __init__(self, seed: int, exact: bool) -> None:
        self.rng = random.Random(seed)
        self.shape = (1, 2, self.rng.randint(17, 24), self.rng.randint(17, 24))
        self.net = Net(*self.shape)
        x: Tensor = ("x", 2, (self.shape[2], self.shape[3]))
        if self.rng.random() < 0.3:
            n, c, h, w = self.shape
            self.shape = (n, h, w, c)
            self.net = Net(*self.shape)
            x = (self.net.op("Transpose", "x", perm=[0, 3, 1, 2]), 2, x[2])
        steps = [self.conv, self.conv, self.mean_pool, self.residual, self.inception, self.turn]
        if not exact:
            steps += [self.max_pool, self.enlarge, self.deconvolve, self.crop, self.skip]
        for _ in range(self.rng.randint(2, 5)):
            x = self.rng.choice(steps)(x)
        self.conv(x)

    def window(self, x: Tensor) -> tuple[dict[str, Any], list[int], tuple[int, int]]:
        """Attributes of a sliding window that fits, its kernel, and the size that comes out."""
        kernel, strides, dilations, pads, sizes = [], [], [], [], []
        for size in x[2]:
            d = self.rng.choice([1, 1, 2])
            k = self.rng.randint(1, min(3, (size - 1) // d + 1))
            s = self.rng.randint(1, k)
            extent = d * (k - 1) + 1
            pad = self.rng.randint(0, min(k - 1, 2)), self.rng.randint(0, min(k - 1, 2))
            kernel.append(k)
            strides.append(s)
            dilations.append(d)
            pads.append(pad)
            sizes.append((size + sum(pad) - extent) // s + 1)
        flat = [p[0] for p in pads] + [p[1] for p in pads]
        attrs = {"strides": strides, "dilations": dilations, "pads": flat}
        return attrs, kernel, (sizes[0], sizes[1])

    def conv(self, x: Tensor) -> Tensor:
        attrs, kernel, size = self.window(x)
        channels = self.rng.randint(1, 3)
        return self.net.conv(x[0], (channels, x[1]), *kernel, **attrs), channels, size

    def mean_pool(self, x: Tensor) -> Tensor:
        return self.pool(x, "AveragePool", count_include_pad=self.rng.randint(0, 1))

    def max_pool(self, x: Tensor) -> Tensor:
        return self.pool(x, "MaxPool")

    def pool(self, x: Tensor, kind: str, **more: int) -> Tensor:
        attrs, kernel, _ = self.window(x)
        attrs["pads"] = [min(p, k // 2) for p, k in zip(attrs["pads"], kernel * 2, strict=True)]
        name = self.net.op(kind, x[0], kernel_shape=kernel, **attrs, **more)
        return self.resized(x, name, kernel, attrs)

    def resized(self, x: Tensor, name: str, kernel: list[int], attrs: dict[str, Any]) -> Tensor:
        sizes = [
            (n + attrs["pads"][i] + attrs["pads"][i + 2] - attrs["dilations"][i] * (k - 1) - 1)
            // attrs["strides"][i]
            + 1
            for i, (n, k) in enumerate(zip(x[2], kernel, strict=True))
        ]
        return name, x[1], (sizes[0], sizes[1])

    def same(self, x: Tensor) -> str:
        """A convolution that keeps channels and size, with taps on one side of the centre too."""
        left, right, up, down = (self.rng.randint(0, 1) for _ in range(4))
        pads = [up, left, down, right]
        return self.net.conv(x[0], (x[1], x[1]), up + down + 1, left + right + 1, pads=pads)

    def residual(self, x: Tensor) -> Tensor:
        return self.net.op("Add", self.same(x), x[0]), x[1], x[2]

    def inception(self, x: Tensor) -> Tensor:
        name = self.net.op("Concat", self.same(x), x[0], self.same(x), axis=1)
        return self.net.conv(name, (2, 3 * x[1]), 1, 1), 2, x[2]

    def turn(self, x: Tensor) -> Tensor:
        return self.net.op("Transpose", x[0], perm=[0, 1, 3, 2]), x[1], (x[2][1], x[2][0])

    def enlarge(self, x: Tensor) -> Tensor:
        mode = self.rng.choice(["nearest", "linear", "cubic"])
        name = self.net.op("Resize", x[0], "", self.net.const([1, 1, 2, 2], np.float32), mode=mode)
        return name, x[1], (2 * x[2][0], 2 * x[2][1])

    def deconvolve(self, x: Tensor) -> Tensor:
        k, s = self.rng.randint(1, 4), self.rng.randint(1, 3)
        weight = self.net.const(np.ones((x[1], 2, k, k)), np.float32)
        name = self.net.op("ConvTranspose", x[0], weight, strides=[s, s])
        return name, 2, (s * (x[2][0] - 1) + k, s * (x[2][1] - 1) + k)

    def crop(self, x: Tensor) -> Tensor:
        name = self.net.op(
            "Slice", x[0], *(self.net.const(v) for v in ([x[2][0] // 4], [x[2][0]], [2]))
        )
        return name, x[1], (x[2][0] - x[2][0] // 4, x[2][1])

    def skip(self, x: Tensor) -> Tensor:
        """As in a U-Net: reduced, enlarged again, and joined with what was there."""
        even = x[2][0] // 2 * 2, x[2][1] // 2 * 2
        ends = self.net.const(even)
        full = self.net.op("Slice", x[0], self.net.const([0, 0]), ends, self.net.const([2, 3]))
        half = self.net.conv(full, (x[1], x[1]), 2, 2, strides=[2, 2])
        weight = self.net.const(np.ones((x[1], x[1], 2, 2)), np.float32)
        back = self.net.op("ConvTranspose", half, weight, strides=[2, 2])
        return self.net.op("Concat", full, back, axis=1), 2 * x[1], even


@pytest.mark.parametrize("seed", range(150))
def test_random_linear_networks_see_exactly_their_window(seed: int) -> None:
    """Away from the border; there, padding may leave the clipped window larger."""
    made = RandomNet(seed, exact=True)
    field = next(reversed(fields(made.net.model()).values()))
    sizes = [made.shape[a] for a in field.axes]
    wide = any(n is None or n > size for n, size in zip(field.size, sizes, strict=True))
    assert_seen(made.net.model(), made.shape, exact=not wide and has_inner(made, field), inner=True)


def has_inner(made: RandomNet, field: Field) -> bool:
    model, target = made.net.model(), next(reversed(fields(made.net.model())))
    sizes = [made.shape[a] for a in field.axes]
    return any(
        not touches_border(field, unit, sizes) for unit in every_unit(model, target, made.shape)
    )


@pytest.mark.parametrize("seed", range(150))
def test_random_networks_see_no_more_than_their_window(seed: int) -> None:
    made = RandomNet(seed, exact=False)
    assert_seen(made.net.model(), made.shape)


# Models from the wild.


def corpus() -> list[Path]:
    folder = os.environ.get("RETROGRAPH_CORPUS")
    return sorted(Path(folder, "models").glob("*.onnx")) if folder else []


@pytest.mark.skipif(not corpus(), reason="RETROGRAPH_CORPUS is not set")
@pytest.mark.parametrize("path", corpus(), ids=lambda path: path.stem)
def test_units_of_a_model_see_no_more_than_their_window(path: Path) -> None:
    """Three units of up to four layers, spread over those that do not see all."""
    graph = canonicalize(load(path)[0])
    sources = [v.name for v in graph.inputs if (t := graph.tensor(v.name)) and t.is_float]
    leading, _ = batch_leading(graph)
    found = [
        layer
        for layer in layers(graph, sources)
        if layer.field is not None
        and any(layer.field.spans)
        and layer.tensor.name in leading
        and has_units(layer.tensor.shape)
    ]
    if len(sources) != 1 or len(graph.inputs) != 1 or not found:
        pytest.skip("no layer of static size with a window, or several inputs")
    shape = concrete(graph, sources[0])
    if np.prod(shape) > 1_000_000:
        pytest.skip("large")
    for i in np.unique(np.linspace(0, len(found) - 1, 4).astype(int)):
        layer = found[i]
        assert layer.field is not None
        try:
            run = support(path, layer.tensor.name, shape)
        except UnsupportedError:
            continue
        sizes = [shape[a] for a in layer.field.axes]
        item = [int(n) for n in (layer.tensor.shape or ())[1:] if isinstance(n, int)]
        for unit in units(item, 3, random.Random(0)):
            seen = box(run(unit)[:1], layer.field.axes)
            window = layer.field.window(list(unit), sizes)
            assert contains(window, seen), (layer.alias, str(layer.field), unit, window, seen)


def has_units(shape: Shape | None) -> bool:
    return shape is not None and is_static(tuple(shape[1:])) and 0 not in shape


def concrete(graph: Graph, source: str) -> list[int]:
    tensor = graph.tensor(source)
    assert tensor is not None
    assert tensor.shape is not None
    batch = tensor.shape[0] if isinstance(tensor.shape[0], int) else 1
    return [batch, *(n if isinstance(n, int) else 64 for n in tensor.shape[1:])]
