"""Patches against the non-zero gradient of their units: strides, dilation, padding, branches."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from retrograph.patches import cut, windows
from support.graphs import noise
from support.windows import Net, box, every_unit, fields, support, touches_border


def dense(net: Net, x: str, channels: tuple[int, int], *kernel: int, **attrs: Any) -> str:
    """A convolution whose random weights are all other than 0."""
    values = np.random.default_rng(len(net.nodes)).uniform(0.5, 1.5, (*channels, *kernel))
    return net.op("Conv", x, net.const(values, np.float32), **attrs)


def strided(net: Net) -> str:
    a = dense(net, "x", (3, 2), 3, 3, strides=[2, 1], pads=[1, 1, 1, 1])
    return dense(net, a, (2, 3), 3, 2, strides=[1, 2])


def dilated(net: Net) -> str:
    a = dense(net, "x", (3, 2), 2, 3, pads=[0, 2, 1, 0])
    return dense(net, a, (2, 3), 2, 2, dilations=[2, 1])


def pooled(net: Net) -> str:
    a = dense(net, "x", (3, 2), 3, 3, pads=[1] * 4)
    b = net.op("AveragePool", a, kernel_shape=[2, 2], strides=[2, 2])
    return dense(net, b, (2, 3), 3, 3, pads=[1] * 4)


def branched(net: Net) -> str:
    a = dense(net, "x", (2, 2), 1, 5, pads=[0, 2, 0, 2])
    b = dense(net, "x", (2, 2), 5, 1, pads=[2, 0, 2, 0])
    joined = net.op("Concat", a, b, axis=1)
    return dense(net, joined, (2, 4), 2, 2)


def residual(net: Net) -> str:
    a = dense(net, "x", (2, 2), 3, 3, pads=[1] * 4)
    total = net.op("Add", a, "x")
    return dense(net, total, (2, 2), 3, 3, strides=[2, 2])


@pytest.mark.parametrize("made", [strided, dilated, pooled, branched, residual])
def test_a_crop_holds_all_of_a_units_gradient_and_no_more(made: Any) -> None:
    shape = (1, 2, 19, 21)
    net = Net(*shape)
    target = made(net)
    model = net.model(target)
    field = fields(model)[target]
    gradient, inner, sizes = support(model, target, shape), 0, set()
    for unit in every_unit(model, target, shape):
        seen = gradient(unit)[0]
        places = windows(field, unit, shape[1:])
        crop = cut(seen, places)
        sizes.add(crop.shape)
        assert crop.sum() == seen.sum() > 0
        if not touches_border(field, unit, shape[2:]):
            inner += 1
            assert box(crop, (1, 2)) == tuple((0, n) for n in crop.shape[1:])
    assert inner
    assert len(sizes) == 1


def test_a_cut_reaches_out_of_its_array() -> None:
    x = noise(5, 6)
    padded = np.pad(x, 10, constant_values=7)
    for places in (((1, 3), (0, 6)), ((-2, 2), (4, 9)), ((3, 8), (-1, 7)), ((-5, -2), (6, 8))):
        (a, b), (c, d) = places
        np.testing.assert_array_equal(cut(x, places, 7), padded[a + 10 : b + 10, c + 10 : d + 10])


def test_a_window_as_large_as_the_input_is_the_whole_of_it() -> None:
    net = Net(1, 1, 6, 9)
    a = net.conv("x", (1, 1), 5, 5, pads=[2] * 4)
    b = net.conv(a, (1, 1), 3, 3, pads=[1] * 4)
    found = fields(net.model())
    assert windows(found[b], (0, 0, 8), (1, 6, 9)) == ((0, 1), (0, 6), (5, 12))
    assert windows(found[b], (0, 0, 8), (1, 7, 7)) == ((0, 1), (0, 7), (0, 7))
    assert windows(None, (3,), (1, 6, 9)) == ((0, 1), (0, 6), (0, 9))
