"""Receptive fields against published figures, and on real models against gradients."""

from __future__ import annotations

import random
from fractions import Fraction

import numpy as np
import pytest
from onnx import ModelProto, TensorProto, helper

from retrograph.errors import UnsupportedError
from retrograph.ir.analysis.batch_axis import follow_batch
from retrograph.ir.graph import Graph, is_static
from retrograph.ir.io.load import load
from retrograph.ir.passes.canonicalize import canonicalize
from retrograph.layers import layers
from support.corpus import ENTRIES, each, needs_corpus
from support.windows import (
    Net,
    Shape,
    box,
    contains,
    fields,
    fractions,
    support,
    units,
)


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


@pytest.mark.one_in(3)
@needs_corpus
@each()
def test_units_of_a_model_see_no_more_than_their_window(name: str) -> None:
    """Three units of up to four layers, spread over those that do not see all."""
    path = ENTRIES[name].file
    graph = canonicalize(load(path)[0])
    sources = [v.name for v in graph.inputs if (t := graph.tensor(v.name)) and t.is_float]
    batch = follow_batch(graph)
    found = [
        layer
        for layer in layers(graph, sources)
        if layer.field is not None
        and any(layer.field.spans)
        and batch.leads(layer.tensor.name)
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
