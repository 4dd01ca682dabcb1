"""Receptive fields, one operator at a time, against the gradient of its units."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

from support.windows import (
    Net,
    assert_seen,
    fields,
)


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


@pytest.mark.one_in(5)
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


@pytest.mark.one_in(5)
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
