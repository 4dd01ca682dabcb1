"""Class activation maps at the layer that is right for them, against their definition in float64.

The definition is evaluated outside: activations by ONNX's reference evaluator, gradients by central
differences, the map laid over the input by what a net does to it, undone in NumPy.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import onnx
import pytest
from onnx import ModelProto, TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

import retrograph
from retrograph.errors import InputError
from retrograph.methods.cam import GradCam
from retrograph.model import Model
from support.cam_case import class_activation_map, linear
from support.graphs import Array, noise, parse, runner

UNIT = 1
METHODS = ("grad-cam", "grad-cam-plus-plus", "layer-cam")
HEAD = """
    p = GlobalAveragePool (r)
    f = Flatten (p)
    y = MatMul (f, v)
"""


def net(
    inputs: str, weights: str, body: str, outputs: str = "float[N, 5] y", constants: str = ""
) -> str:
    own = f"{weights}, {constants}" if constants else weights
    return (
        f'<ir_version: 8, opset_import: ["" : 17]>\nnet ({inputs}) => ({outputs})\n<{own}>\n'
        f"{{{body}}}"
    )


def ints(name: str, *values: int) -> str:
    return f"int64[{len(values)}] {name} = {{{', '.join(map(str, values))}}}"


@dataclass(frozen=True)
class Case:
    """A net, and what its map is.

    Attributes:
        text: the net; its unit is that of class UNIT.
        x: the shape of the input.
        layer: the layer to be chosen.
        order: its axes as [N, C, *S].
        sizes: those of the pictures that the map is enlarged to.
        laid: from [N, 1, *sizes] to the attribution.
    """

    text: str
    x: tuple[int, ...]
    layer: str
    order: tuple[int, ...]
    sizes: tuple[int, ...]
    laid: Callable[[Array], Array]


def as_it_is(a: Array) -> Array:
    return a


CONV = "float[4, 3, 3, 3] w, float[4] b, float[4, 5] v"
GREY = "float[4, 1, 3, 3] w, float[4] b, float[4, 5] v"

CASES = {
    "an LSTM behind a line": Case(
        net(
            "float[N, 2, 12] x",
            "float[6, 2, 3] w, float[1, 20, 6] wi, float[1, 20, 5] wr, float[5, 5] v",
            """
    c = Conv <pads = [1, 1], strides = [2]> (x, w)
    r = Relu (c)
    t = Transpose <perm = [2, 0, 1]> (r)
    a, h = LSTM <hidden_size = 5> (t, wi, wr)
    s = Transpose <perm = [2, 1, 0, 3]> (a)
    l = ReduceMean <axes = [2], keepdims = 0> (s)
    q = ReduceMean <axes = [1], keepdims = 0> (l)
    y = MatMul (q, v)
""",
        ),
        (2, 2, 12),
        "r",
        (0, 1, 2),
        (12,),
        as_it_is,
    ),
    "heads of attention": Case(
        net(
            "float[N, 3, 8, 6] x",
            "float[4, 3, 2, 2] w, float[4, 4] wq, float[4, 5] v",
            """
    c = Conv <strides = [2, 2]> (x, w)
    r = Relu (c)
    g = Reshape (r, flat)
    t = Transpose <perm = [0, 2, 1]> (g)
    q = MatMul (t, wq)
    h = Reshape (q, heads)
    k = Transpose <perm = [0, 2, 1, 3]> (h)
    kt = Transpose <perm = [0, 2, 3, 1]> (h)
    a = MatMul (k, kt)
    s = Softmax <axis = -1> (a)
    o = MatMul (s, k)
    u = ReduceMean <axes = [2], keepdims = 0> (o)
    f = Flatten (u)
    y = MatMul (f, v)
""",
            constants=f"{ints('flat', 0, 4, 12)}, {ints('heads', 0, 12, 2, 2)}",
        ),
        (2, 3, 8, 6),
        "r",
        (0, 1, 2, 3),
        (8, 6),
        as_it_is,
    ),
    "a head of four axes behind the global mean": Case(
        net(
            "float[N, 3, 7, 6] x",
            "float[4, 3, 3, 3] w, float[4] b, float[4, 20] v",
            """
    c = Conv <pads = [1, 1, 1, 1]> (x, w, b)
    r = Relu (c)
    p = GlobalAveragePool (r)
    f = Flatten (p)
    m = MatMul (f, v)
    h = Reshape (m, four)
    t = Tanh (h)
    q = Mul (t, t)
    y = ReduceSum <keepdims = 0> (q, places)
""",
            constants=f"{ints('four', 0, 5, 2, 2)}, {ints('places', 2, 3)}",
        ),
        (2, 3, 7, 6),
        "r",
        (0, 1, 2, 3),
        (7, 6),
        as_it_is,
    ),
    "windows in the batch axis": Case(
        net(
            "float[N, 3, 8, 8] x",
            "float[4, 3, 2, 2] w, float[4, 5] v",
            """
    c = Conv <strides = [2, 2]> (x, w)
    r = Relu (c)
    t = Transpose <perm = [0, 2, 3, 1]> (r)
    s = Reshape (t, cut)
    i = Transpose <perm = [0, 1, 3, 2, 4, 5]> (s)
    q = Reshape (i, windows)
    k = Transpose <perm = [0, 2, 1]> (q)
    a = MatMul (q, k)
    e = Softmax <axis = -1> (a)
    o = MatMul (e, q)
    j = Reshape (o, items)
    m = ReduceMean <axes = [1], keepdims = 0> (j)
    y = MatMul (m, v)
""",
            constants=", ".join(
                [
                    ints("cut", 0, 2, 2, 2, 2, 4),
                    ints("windows", -1, 4, 4),
                    ints("items", -1, 16, 4),
                ]
            ),
        ),
        (2, 3, 8, 8),
        "t",
        (0, 3, 1, 2),
        (8, 8),
        as_it_is,
    ),
    "a layer that meets itself": Case(
        net(
            "float[N, 2, 10] x",
            "float[4, 2, 3] w, float[4, 5] v",
            """
    c = Conv <pads = [1, 1]> (x, w)
    r = Relu (c)
    t = Transpose <perm = [0, 2, 1]> (r)
    a = MatMul (t, r)
    s = Softmax <axis = -1> (a)
    o = MatMul (r, s)
    p = ReduceMean <axes = [2], keepdims = 0> (o)
    y = MatMul (p, v)
""",
        ),
        (2, 2, 10),
        "r",
        (0, 1, 2),
        (10,),
        as_it_is,
    ),
    "channels in groups, normalised": Case(
        net(
            "float[N, 3, 8, 6] x",
            "float[4, 3, 3, 3] w, float[4, 4, 3, 3] w2, float[4] b, float[4, 5] v",
            """
    c = Conv <pads = [1, 1, 1, 1]> (x, w, b)
    g = Reshape (c, groups)
    n = InstanceNormalization (g, one, zero)
    s = Shape (c)
    d = Reshape (n, s)
    e = Relu (d)
    k = Conv <strides = [2, 2]> (e, w2)
    r = Relu (k)"""
            + HEAD,
            constants=(
                f"{ints('groups', 0, 2, -1)}, float[2] one = {{1.0, 1.0}}, "
                "float[2] zero = {0.0, 0.0}"
            ),
        ),
        (2, 3, 8, 6),
        "r",
        (0, 1, 2, 3),
        (8, 6),
        as_it_is,
    ),
    "gates of channels": Case(
        net(
            "float[N, 3, 9, 6] x",
            "float[4, 3, 3, 3] w, float[4] b, float[4, 4] u, float[4, 5] v",
            """
    c = Conv <strides = [2, 1]> (x, w, b)
    a = Relu (c)
    g = GlobalAveragePool (a)
    h = Flatten (g)
    i = MatMul (h, u)
    j = Sigmoid (i)
    k = Reshape (j, four)
    r = Mul (k, a)"""
            + HEAD,
            constants=ints("four", 0, 4, 1, 1),
        ),
        (2, 3, 9, 6),
        "r",
        (0, 1, 2, 3),
        (9, 6),
        as_it_is,
    ),
    "NHWC with a dense layer": Case(
        net(
            "float[N, 7, 6, 3] x",
            "float[4, 3, 3, 3] w, float[4, 4] u, float[4, 5] v",
            """
    t = Transpose <perm = [0, 3, 1, 2]> (x)
    c = Conv (t, w)
    a = Transpose <perm = [0, 2, 3, 1]> (c)
    d = MatMul (a, u)
    r = Relu (d)
    p = ReduceMean <axes = [1, 2], keepdims = 0> (r)
    y = MatMul (p, v)
""",
        ),
        (2, 7, 6, 3),
        "r",
        (0, 3, 1, 2),
        (7, 6),
        lambda a: a.transpose(0, 2, 3, 1),
    ),
    "volumes": Case(
        net(
            "float[N, 2, 4, 5, 6] x",
            "float[4, 2, 2, 2, 2] w, float[4] b, float[4, 5] v",
            "\n    c = Conv <strides = [2, 1, 2]> (x, w, b)\n    r = Relu (c)" + HEAD,
        ),
        (2, 2, 4, 5, 6),
        "r",
        (0, 1, 2, 3, 4),
        (4, 5, 6),
        as_it_is,
    ),
    "frames in the batch": Case(
        net(
            "float[N, 3, 3, 6, 5] x",
            CONV,
            """
    i = Reshape (x, frames)
    c = Conv <strides = [2, 2]> (i, w, b)
    r = Relu (c)
    p = GlobalAveragePool (r)
    f = Reshape (p, videos)
    m = ReduceMax <axes = [1], keepdims = 0> (f)
    y = MatMul (m, v)
""",
            constants=f"{ints('frames', -1, 3, 6, 5)}, {ints('videos', -1, 3, 4)}",
        ),
        (2, 3, 3, 6, 5),
        "r",
        (0, 1, 2, 3),
        (6, 5),
        lambda a: a.reshape(2, 3, 1, 6, 5),
    ),
    "frames in the batch, times first": Case(
        net(
            "float[N, 3, 3, 6, 5] x",
            CONV,
            """
    n = Div (x, half)
    o = Transpose <perm = [1, 0, 2, 3, 4]> (n)
    i = Reshape (o, frames)
    c = Conv <strides = [2, 2]> (i, w, b)
    r = Relu (c)
    p = GlobalAveragePool (r)
    f = Reshape (p, videos)
    m = ReduceMax <axes = [0], keepdims = 0> (f)
    y = MatMul (m, v)
""",
            constants=(
                f"{ints('frames', -1, 3, 6, 5)}, {ints('videos', 3, -1, 4)}, float half = {{0.5}}"
            ),
        ),
        (2, 3, 3, 6, 5),
        "r",
        (0, 1, 2, 3),
        (6, 5),
        lambda a: a.reshape(3, 2, 1, 6, 5).transpose(1, 0, 2, 3, 4),
    ),
    "tiles in the batch": Case(
        net(
            "float[N, 3, 8, 12] x",
            CONV,
            """
    n = Reshape (x, cut)
    o = Transpose <perm = [0, 2, 4, 1, 3, 5]> (n)
    i = Reshape (o, tiles)
    c = Conv <strides = [2, 1]> (i, w, b)
    r = Relu (c)
    p = GlobalAveragePool (r)
    f = Reshape (p, bags)
    m = ReduceMax <axes = [1], keepdims = 0> (f)
    y = MatMul (m, v)
""",
            constants=(
                f"{ints('cut', 0, 3, 2, 4, 2, 6)}, {ints('tiles', -1, 3, 4, 6)}, "
                f"{ints('bags', -1, 4, 4)}"
            ),
        ),
        (2, 3, 8, 12),
        "r",
        (0, 1, 2, 3),
        (4, 6),
        lambda a: a.reshape(2, 2, 2, 1, 4, 6).transpose(0, 3, 1, 4, 2, 5).reshape(2, 1, 8, 12),
    ),
    "halves that overlap, joined along the batch": Case(
        net(
            "float[1, 3, 6, 9] x",
            CONV,
            """
    n = Slice (x, none, five, axis)
    o = Slice (x, four, end, axis)
    i = Concat <axis = 0> (n, o)
    c = Conv <strides = [1, 2]> (i, w, b)
    r = Relu (c)
    p = GlobalAveragePool (r)
    f = Reshape (p, halves)
    m = ReduceMax <axes = [0], keepdims = 0> (f)
    y = MatMul (m, v)
""",
            outputs="float[1, 5] y",
            constants=", ".join(
                [
                    ints("none", 0),
                    ints("five", 5),
                    ints("four", 4),
                    ints("end", 9),
                    ints("axis", 3),
                    ints("halves", 2, -1, 4),
                ]
            ),
        ),
        (1, 3, 6, 9),
        "r",
        (0, 1, 2, 3),
        (6, 5),
        lambda a: np.concatenate(
            [a[:1, ..., :4], (a[:1, ..., 4:] + a[1:, ..., :1]) / 2, a[1:, ..., 1:]], axis=3
        ),
    ),
    "no channels: Unsqueeze": Case(
        net(
            "float[N, 9, 6] x",
            GREY,
            "\n    i = Unsqueeze (x, one)\n    c = Conv <strides = [2, 2]> (i, w, b)\n"
            "    r = Relu (c)" + HEAD,
            constants=ints("one", 1),
        ),
        (2, 9, 6),
        "r",
        (0, 1, 2, 3),
        (9, 6),
        lambda a: a[:, 0],
    ),
    "no channels: Unsqueeze behind, Transpose": Case(
        net(
            "float[N, 9, 6] x",
            GREY,
            "\n    u = Unsqueeze (x, last)\n    i = Transpose <perm = [0, 3, 1, 2]> (u)\n"
            "    c = Conv <strides = [2, 2]> (i, w, b)\n    r = Relu (c)" + HEAD,
            constants=ints("last", -1),
        ),
        (2, 9, 6),
        "r",
        (0, 1, 2, 3),
        (9, 6),
        lambda a: a[:, 0],
    ),
    "neither channels nor batch": Case(
        net(
            "float[9, 6] x",
            GREY,
            "\n    i = Reshape (x, four)\n    c = Conv <strides = [2, 2]> (i, w, b)\n"
            "    r = Relu (c)" + HEAD,
            constants=ints("four", -1, 1, 9, 6),
        ),
        (9, 6),
        "r",
        (0, 1, 2, 3),
        (9, 6),
        lambda a: a[0, 0],
    ),
    "a flat picture": Case(
        net(
            "float[N, 54] x",
            GREY,
            "\n    i = Reshape (x, four)\n    c = Conv <strides = [2, 2]> (i, w, b)\n"
            "    r = Relu (c)" + HEAD,
            constants=ints("four", -1, 1, 9, 6),
        ),
        (2, 54),
        "r",
        (0, 1, 2, 3),
        (9, 6),
        lambda a: a.reshape(2, 54),
    ),
    "a flat picture in colour": Case(
        net(
            "float[N, 90] x",
            CONV,
            "\n    n = Reshape (x, four)\n    i = Transpose <perm = [0, 3, 1, 2]> (n)\n"
            "    c = Conv <strides = [2, 2]> (i, w, b)\n    r = Relu (c)" + HEAD,
            constants=ints("four", -1, 6, 5, 3),
        ),
        (2, 90),
        "r",
        (0, 1, 2, 3),
        (6, 5),
        lambda a: a.transpose(0, 2, 3, 1).repeat(3, axis=3).reshape(2, 90),
    ),
    "every other position in a channel of its own": Case(
        net(
            "float[N, 1, 8, 6] x",
            "float[4, 2, 3, 3] w, float[4] b, float[4, 5] v",
            """
    e = Slice (x, zero, all, axis, step)
    o = Slice (x, one, all, axis, step)
    i = Concat <axis = 1> (e, o)
    c = Conv (i, w, b)
    r = Relu (c)"""
            + HEAD,
            constants=", ".join(
                [
                    ints("zero", 0),
                    ints("one", 1),
                    ints("all", 2147483647),
                    ints("axis", 2),
                    ints("step", 2),
                ]
            ),
        ),
        (2, 1, 8, 6),
        "r",
        (0, 1, 2, 3),
        (8, 6),
        as_it_is,
    ),
}

SCORES = net(
    "float[N, 3, 8, 6] x",
    "float[4, 3, 3, 3] w, float[4] b, float[5, 4, 1, 1] v",
    """
    c = Conv <strides = [2, 2], pads = [1, 1, 1, 1]> (x, w, b)
    r = Relu (c)
    s = Conv (r, v)
    y = Resize <mode = "linear"> (s, , twice)
""",
    outputs="float[N, 5, 8, 6] y",
    constants="float[4] twice = {1.0, 1.0, 2.0, 2.0}",
)


def in_double(model: ModelProto) -> ModelProto:
    """The same net in float64."""
    twin = ModelProto()
    twin.CopyFrom(model)
    graph = twin.graph
    for i, tensor in enumerate(graph.initializer):
        if tensor.data_type == TensorProto.FLOAT and tensor.name not in ("twice",):
            value = numpy_helper.to_array(tensor).astype(np.float64)
            graph.initializer[i].CopyFrom(numpy_helper.from_array(value, tensor.name))
    for value in (*graph.input, *graph.output):
        value.type.tensor_type.elem_type = TensorProto.DOUBLE
    del graph.value_info[:]
    return twin


def activation_and_gradient(
    model: ModelProto, layer: str, x: Array, unit: Sequence[int]
) -> tuple[Array, Array]:
    """The activation of a layer, and the gradient of the unit of every item by it."""
    whole = in_double(model)
    whole.graph.output.append(helper.make_tensor_value_info(layer, TensorProto.DOUBLE, None))
    y, a = ReferenceEvaluator(whole).run(["y", layer], {"x": x.astype(np.float64)})
    tail = in_double(model)
    nodes = [n for n in tail.graph.node if layer not in n.output]
    del tail.graph.node[:]
    tail.graph.node.extend(nodes)
    tail.graph.input.append(helper.make_tensor_value_info(layer, TensorProto.DOUBLE, list(a.shape)))
    after = ReferenceEvaluator(tail)

    def score(values: Array) -> float:
        (y,) = after.run(["y"], {"x": x.astype(np.float64), layer: values})
        return float(y[(slice(None), *unit)].sum())

    assert np.isclose(score(a), y[(slice(None), *unit)].sum())
    gradient = np.zeros_like(a)
    for index in np.ndindex(*a.shape):
        step = np.zeros_like(a)
        step[index] = 1e-5
        gradient[index] = (score(a + step) - score(a - step)) / 2e-5
    return a, gradient


@cache
def of_case(name: str) -> tuple[Array, Array]:
    case = CASES[name]
    x = noise(*case.x, seed=2)
    return activation_and_gradient(parse(case.text, seed=3), case.layer, x, [UNIT])


def explained(model: ModelProto, method: str, x: Array, unit: Sequence[int]) -> tuple[Array, str]:
    """The attribution, and the layer that was chosen."""
    built = retrograph.build(model, method=method, select="unit")
    onnx.checker.check_model(built, full_check=True)
    rows = 1 if len(unit) > 1 and unit[0] == 0 and x.ndim == 2 else len(x)
    select = np.tile(np.array(unit, np.int64), (rows, 1))
    found: Array = runner(built)(x=x, select=select)["attribution"]
    (layer,) = {p.value for p in built.metadata_props if '"layer"' in p.value}
    return found, str(json.loads(layer)["layer"])


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", CASES)
def test_the_map_is_that_of_its_definition(name: str, method: str) -> None:
    case = CASES[name]
    model, x = parse(case.text, seed=3), noise(*case.x, seed=2)
    a, g = of_case(name)
    turned = (t.transpose(case.order) for t in (a, g))
    wanted = case.laid(linear(_cam(method, *turned), case.sizes))
    unit = [0, UNIT] if name == "neither channels nor batch" else [UNIT]
    found, layer = explained(model, method, x, unit)
    assert layer == case.layer
    assert found.shape == wanted.shape
    assert wanted.max() > 0
    np.testing.assert_allclose(found, wanted, rtol=2e-3, atol=2e-5 * wanted.max())


def _cam(method: str, a: Array, g: Array) -> Array:
    """A map [N, 1, *S]; of lines and volumes by the formula for pictures."""
    flat = (t.reshape(*t.shape[:2], -1, 1) for t in (a, g))
    found: Array = class_activation_map(method, *flat).reshape(len(a), 1, *a.shape[2:])
    return found


@pytest.mark.parametrize("name", CASES)
def test_guided_grad_cam_is_the_product_at_the_same_layer(name: str) -> None:
    case = CASES[name]
    if "Relu" not in case.text:
        pytest.skip("guided backpropagation needs a ReLU")
    model, x = parse(case.text, seed=3), noise(*case.x, seed=2)
    unit = [0, UNIT] if name == "neither channels nor batch" else [UNIT]
    cam, _ = explained(model, "grad-cam", x, unit)
    built = retrograph.build(model, method="guided", select="unit")
    rows = 1 if len(unit) > 1 else len(x)
    select = np.tile(np.array(unit, np.int64), (rows, 1))
    wanted = cam * runner(built)(x=x, select=select)["attribution"]
    found, layer = explained(model, "guided-grad-cam", x, unit)
    assert layer == case.layer
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-7)


def test_of_a_segmentation_it_is_the_last_feature_map_before_the_scores() -> None:
    model, x, unit = parse(SCORES, seed=3), noise(2, 3, 8, 6, seed=2), (UNIT, 3, 4)
    a, g = activation_and_gradient(model, "r", x, unit)
    wanted = linear(class_activation_map("grad-cam", a, g), (8, 6))
    found, layer = explained(model, "grad-cam", x, unit)
    assert layer == "r"
    assert wanted.max() > 0
    np.testing.assert_allclose(found, wanted, rtol=2e-3, atol=2e-5 * wanted.max())


def test_the_target_is_no_layer_of_its_own_map() -> None:
    for layer in ("y", "scores"):
        with pytest.raises(InputError, match=r"'y' is the explained layer itself.* such as 'r'"):
            retrograph.build(parse(SCORES), method=GradCam(layer=layer))


def notes(text: str, layer: str = "") -> str:
    return "\n".join(
        Model(retrograph.build(parse(text), method=GradCam(layer=layer))).contract.notes
    )


def test_what_is_not_plain_is_said() -> None:
    assert "picture of 'i'" in notes(CASES["frames in the batch"].text)
    assert "'s' makes the units of 'y' themselves" in notes(SCORES, "s")
    itself = CASES["a layer that meets itself"].text
    assert "could not be followed" in notes(itself, "o")
    assert "passes beside it" in notes(itself, "t")
    assert notes(CASES["gates of channels"].text) == ""


def test_where_there_is_none_it_is_said_what_was_looked_at() -> None:
    text = net(
        "float[N, 6] x",
        "float[6, 12] u, float[2, 3, 2, 2] w, float[2, 5] v",
        "\n    m = MatMul (x, u)\n    h = Reshape (m, four)\n"
        "    r = ConvTranspose <strides = [2, 2]> (h, k)" + HEAD,
        constants=ints("four", -1, 3, 2, 2),
    ).replace("float[2, 3, 2, 2] w", "float[3, 2, 2, 2] k")
    with pytest.raises(InputError, match=r"'r' .* are not pictures, channels and the positions"):
        retrograph.build(parse(text), method="grad-cam")
