"""The canonical form of a model gives the model's outputs, and says what is a ReLU."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from onnx import ModelProto, TensorProto, helper, parser

import retrograph
from retrograph.backward import Request, build_backward
from retrograph.errors import InputError, UnsupportedError
from retrograph.ir.graph import Graph
from retrograph.ir.passes.canonicalize import canonicalize
from retrograph.methods import GUIDED
from support.canonical_case import RANDOM, X, canonical_output, model_of
from support.finite import Array, reference, runtime


def relu_names(model: ModelProto) -> set[str]:
    """The nodes that `y` needs and a ReLU rule treats."""
    graph = canonicalize(model)
    return {n.name for n in graph.needed(["y"])[0]} & graph.relu_like


def softmax(x: Array) -> Array:
    powers: Array = np.exp(x - x.max(-1, keepdims=True))
    return np.asarray(powers / powers.sum(-1, keepdims=True))


CHANNELS = np.array([1, -2, 0.5], np.float32)

# ONNX Runtime has no kernels for these forms: what is right is written out.
OLDEST: list[tuple[str, int, str, dict[str, Array], Callable[[Array], Array]]] = [
    ("Add along axis 1", 6, "y = Add<axis=1, broadcast=1>(x, c)", {"c": CHANNELS},
     lambda x: x + CHANNELS[:, None]),
    ("Mul along axis -2", 6, "y = Mul<axis=-2, broadcast=1>(x, c)", {"c": CHANNELS},
     lambda x: x * CHANNELS[:, None]),
    ("Sub of the last axes", 6, "y = Sub<broadcast=1>(x, c)", {"c": X[0]}, lambda x: x - X[0]),
    ("Div by a scalar", 6, "y = Div<broadcast=1>(x, c)", {"c": np.array([2], np.float32)},
     lambda x: x / 2),
    ("PRelu of channels", 6, "y = PRelu(x, c)", {"c": CHANNELS},
     lambda x: np.where(x > 0, x, x * CHANNELS[:, None])),
    ("Reshape by an attribute", 4, "y = Reshape<shape=[0,-1]>(x)", {},
     lambda x: x.reshape(len(x), -1)),
    ("Cast by a name", 5, 'd = Cast<to="DOUBLE">(x) y = Cast<to="FLOAT">(d)', {}, lambda x: x),
    ("Concat along axis 1", 3, "y = Concat(x, x)", {}, lambda x: np.concatenate([x, x], 1)),
    ("Dropout in test mode", 6, "y, m = Dropout<is_test=1, ratio=0.3>(x)", {}, lambda x: x),
    ("Pad by paddings", 1, "y = Pad<paddings=[0,0,1,0,0,2], value=2.0>(x)", {},
     lambda x: np.pad(x, ((0, 0), (0, 0), (1, 2)), constant_values=2)),
    ("BatchNormalization in test mode", 6, "y = BatchNormalization<is_test=1>(x, c, c, c, v)",
     {"c": CHANNELS, "v": CHANNELS**2},
     lambda x: (x - CHANNELS[:, None]) / np.sqrt(CHANNELS[:, None]**2 + 1e-5)
     * CHANNELS[:, None] + CHANNELS[:, None]),
    ("TopK by an attribute", 9, "y, i = TopK<k=2>(x)", {}, lambda x: -np.sort(-x, -1)[..., :2]),
    ("Softmax of everything behind", 11, "y = Softmax(x)", {},
     lambda x: softmax(x.reshape(len(x), -1)).reshape(x.shape)),
    ("Clip from below", 6, "y = Clip<min=0.5>(x)", {}, lambda x: np.maximum(x, 0.5)),
    ("Squeeze and Unsqueeze", 7, "a = Unsqueeze<axes=[1,4]>(x) y = Squeeze<axes=[4]>(a)", {},
     lambda x: x[:, None]),
    ("CastLike", 18, "d = Cast<to=11>(x) e = CastLike(d, x) y = Relu(e)", {},
     lambda x: np.maximum(x, 0)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("opset", "body", "constants", "wanted"), [c[1:] for c in OLDEST], ids=[c[0] for c in OLDEST]
)
def test_old_forms_mean_what_they_meant(
    opset: int, body: str, constants: dict[str, Any], wanted: Callable[[Array], Array]
) -> None:
    found = canonical_output(model_of(body, opset, "2,3,4", **constants), X)
    np.testing.assert_allclose(found, wanted(X), rtol=1e-5, atol=1e-6)


def test_an_old_softmax_along_the_last_axis_needs_no_rank() -> None:
    weight = RANDOM.normal(size=(4, 5)).astype(np.float32)
    model = model_of("f = FusedGemm(x, w) y = Softmax<axis=-1>(f)", 11, "N,4", w=weight)
    model.graph.node[0].domain = "com.microsoft"
    model.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    found = canonical_output(model, X[:, 0])
    np.testing.assert_allclose(found, softmax(X[:, 0] @ weight), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("opset", "kind"), [(7, "float"), (9, "float"), (10, "bool"), (11, "bool")]
)
def test_an_old_mask_is_what_the_runtime_makes_of_it(opset: int, kind: str) -> None:
    model = parser.parse_model(
        f'<ir_version: 8, opset_import: ["": {opset}]> '
        f"m (float[N,3,4] x) => (float[N,3,4] y, {kind}[N,3,4] m) {{ y, m = Dropout(x) }}"
    )
    wanted, found = (runtime(m)({"x": X}) for m in (model, canonicalize(model).to_model()))
    assert found["m"].dtype == wanted["m"].dtype
    np.testing.assert_array_equal(found["m"], wanted["m"])


def test_what_has_no_modern_form_is_refused_as_a_whole() -> None:
    mode = 'coordinate_transformation_mode="tf_half_pixel_for_nn"'
    scales = np.array([1, 1, 2], np.float32)
    body = f'a = Resize<{mode}>(x, , s) y = Resize<{mode}, nearest_mode="ceil">(a, , s)'
    with pytest.raises(UnsupportedError, match=r"2 of 2 nodes.*opset 11") as refusal:
        canonicalize(model_of(body, 11, s=scales))
    assert [p.op for p in refusal.value.problems] == ["Resize", "Resize"]
    assert "supported: nearest and floor" in str(refusal.value)


def test_unsorted_nodes_are_sorted() -> None:
    model = model_of("a = Relu(x) b = Neg(a) y = Exp(b)")
    wanted = reference(model)({"x": X})["y"]
    nodes = list(model.graph.node)[::-1]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    np.testing.assert_allclose(canonical_output(model, X), wanted, rtol=1e-6)
    assert [n.op_type for n in canonicalize(model).nodes] == ["Relu", "Neg", "Exp"]


def test_a_cycle_and_a_missing_tensor_are_said() -> None:
    with pytest.raises(InputError, match="cycle"):
        canonicalize(model_of("a = Add(x, y) y = Neg(a)"))
    with pytest.raises(InputError, match="'nowhere', which nothing makes"):
        canonicalize(model_of("y = Add(x, nowhere)"))


def test_initialisers_listed_as_inputs_are_constants() -> None:
    model = model_of("y = Mul(x, w)", w=CHANNELS[:, None])
    model.graph.input.append(helper.make_tensor_value_info("w", TensorProto.FLOAT, [3, 1]))
    assert canonicalize(model).input_names() == ["x"]
    np.testing.assert_allclose(canonical_output(model, X), X * CHANNELS[:, None])


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ("value_float = 2.5", np.float32(2.5)),
        ("value_floats = [1.0, 2.0, 3.0, 4.0]", np.arange(1, 5, dtype=np.float32)),
        ("value = float[4] {1.0, 2.0, 3.0, 4.0}", np.arange(1, 5, dtype=np.float32)),
    ],
)
def test_constant_nodes_become_initialisers(attribute: str, value: Array) -> None:
    model = model_of(f"c = Constant<{attribute}>() y = Mul(x, c)")
    assert [n.op_type for n in canonicalize(model).nodes] == ["Mul"]
    np.testing.assert_allclose(canonical_output(model, X), X * value)


@pytest.mark.parametrize(("attribute", "value"), [("value_int = 1", 1), ("value_ints = [1]", [1])])
def test_whole_constants_become_initialisers(attribute: str, value: int | list[int]) -> None:
    model = model_of(f"c = Constant<{attribute}>() y = Gather<axis=1>(x, c)")
    assert [n.op_type for n in canonicalize(model).nodes] == ["Gather"]
    np.testing.assert_allclose(canonical_output(model, X), X[:, value])


def test_shape_arithmetic_is_folded() -> None:
    body = (
        "s = Shape(x) c = Gather(s, i) d = Mul(c, two) e = Concat<axis=0>(n, d) y = Reshape(x, e)"
    )
    one, two = np.array([1]), np.array([2])
    model = model_of(body, x="2,3,4", i=one, two=two, n=np.array([4]))
    assert [n.op_type for n in canonicalize(model).nodes] == ["Reshape"]
    np.testing.assert_array_equal(canonical_output(model, X), X.reshape(4, 6))


@pytest.mark.parametrize("size", [-1, 0])
def test_sizes_that_are_no_sizes_are_open(size: int) -> None:
    """Paddle writes -1; ONNX's shape inference would halve it to 0."""
    model = model_of("y = MaxPool<kernel_shape=[2], strides=[2]>(x)", x="2,3,4")
    for axis in (0, 2):
        model.graph.input[0].type.tensor_type.shape.dim[axis].dim_value = size
    graph = canonicalize(model)
    shape = graph.types["y"].shape
    assert shape is not None
    assert shape[1] == 3
    assert not isinstance(shape[0], int)
    assert not isinstance(shape[2], int)
    assert canonical_output(model, X).shape == (2, 3, 2)


FUNCTIONS = """
<domain: "local", opset_import: ["": 18]> scaled_relu <factor> (v) => (w) {
    c = Constant<value_float: float = @factor>()
    r = Relu(v)
    w = Mul(r, c)
}
<domain: "local", opset_import: ["": 18, "local": 1]> twice (v) => (w) {
    a = local.scaled_relu<factor=0.5>(v)
    w = local.scaled_relu<factor=3.0>(a)
}
"""


def test_relu_inside_local_functions() -> None:
    model = model_of("y = local.twice(x)", functions=FUNCTIONS)
    np.testing.assert_allclose(canonical_output(model, X), np.maximum(X, 0) * 1.5, rtol=1e-6)
    assert len(relu_names(model)) == 2
    request = Request(canonicalize(model), ("x",), "y", GUIDED, "cotangent")
    built, report = build_backward(request)
    assert len(report.relu) == 2
    ct = RANDOM.normal(size=X.shape).astype(np.float32)
    found = runtime(built)({"x": X, "cotangent": ct})["attribution"]
    np.testing.assert_allclose(found, 1.5 * ct * (ct > 0) * (X > 0), rtol=1e-6)


ZERO, SIX, THREE = (np.array(v, np.float32) for v in (0, 6, 3))

RELUS = {
    "Relu": "y = Relu(x)",
    "Clip from 0": "y = Clip(x, zero)",
    "ReLU6": "y = Clip(x, zero, six)",
    "Max": "y = Max(x, zero)",
    "Max, the other way round": "y = Max(zero, x)",
    "Min of Max": "a = Max(x, zero) y = Min(a, six)",
    "Min of Max, the other way round": "a = Max(zero, x) y = Min(six, a)",
    "Min of Relu": "a = Relu(x) y = Min(a, six)",
    "Clip of Relu": "a = Relu(x) y = Clip(a, , six)",
    "ThresholdedRelu": "y = ThresholdedRelu<alpha=0.0>(x)",
    "LeakyRelu": "y = LeakyRelu<alpha=0.0>(x)",
    "PRelu": "y = PRelu(x, zero)",
    "Where": "c = Greater(x, zero) y = Where(c, x, zero)",
    "Where, at least": "c = GreaterOrEqual(x, zero) y = Where(c, x, zero)",
    "Where, less": "c = Less(zero, x) y = Where(c, x, zero)",
    "Where, not less": "l = LessOrEqual(x, zero) c = Not(l) y = Where(c, x, zero)",
    "Mul by a mask": "c = Greater(x, zero) m = Cast<to=1>(c) y = Mul(x, m)",
    "Mul by a mask, the other way round": "c = Greater(x, zero) m = Cast<to=1>(c) y = Mul(m, x)",
}


@pytest.mark.parametrize("body", RELUS.values(), ids=RELUS)
def test_relu_in_any_spelling(body: str) -> None:
    model = model_of(body, zero=ZERO, six=SIX)
    x = 5 * X
    wanted = np.clip(x, 0, 6 if "six" in body else None)
    np.testing.assert_allclose(reference(model)({"x": x})["y"], wanted)
    np.testing.assert_allclose(canonical_output(model, x), wanted)
    assert len(relu_names(model)) == 1
    request = Request(canonicalize(model), ("x",), "y", GUIDED, "cotangent")
    ct = RANDOM.normal(size=x.shape).astype(np.float32)
    found = runtime(build_backward(request)[0])({"x": x, "cotangent": ct})["attribution"]
    inside = (x > 0) & (x < 6) if "six" in body else x > 0
    np.testing.assert_allclose(found, ct * (ct > 0) * inside, rtol=1e-6)


SIXTH = np.array(1 / 6, np.float32)
HALF, ONE = np.array(0.5, np.float32), np.array(1, np.float32)

NO_RELUS = {
    "HardSigmoid": "y = HardSigmoid(x)",
    "HardSwish": "y = HardSwish(x)",
    "hard sigmoid by Clip": "a = Add(x, three) b = Clip(a, zero, six) y = Div(b, six)",
    "hard swish by Clip": "a = Add(x, three) b = Clip(a, zero, six) c = Mul(x, b) y = Div(c, six)",
    "hard swish by Min of Max": "a = Add(three, x) r = Max(a, zero) b = Min(r, six) "
    "c = Div(b, six) y = Mul(x, c)",
    "hard swish by ReLU6": "a = Add(x, three) r = Relu(a) b = Min(r, six) c = Mul(b, sixth) "
    "y = Mul(x, c)",
    "hard sigmoid, scaled first": "s = Mul(x, sixth) a = Add(s, half) y = Clip(a, zero, one)",
    "Clip from elsewhere": "y = Clip(x, half, six)",
    "Max with elsewhere": "y = Max(x, half)",
    "LeakyRelu": "y = LeakyRelu(x)",
    "ThresholdedRelu": "y = ThresholdedRelu<alpha=1.0>(x)",
    "Where of another": "c = Greater(x, zero) n = Neg(x) y = Where(c, n, zero)",
    "Where, the negative part": "c = Less(x, zero) y = Where(c, x, zero)",
    "Mul by a mask of another": "n = Neg(x) c = Greater(n, zero) m = Cast<to=1>(c) y = Mul(x, m)",
    "Min with a negative bound": "y = Min(x, zero)",
}


@pytest.mark.parametrize("body", NO_RELUS.values(), ids=NO_RELUS)
def test_what_only_looks_like_a_relu(body: str) -> None:
    constants: dict[str, Any] = {"zero": ZERO, "six": SIX, "three": THREE, "half": HALF, "one": ONE}
    model = model_of(body, sixth=SIXTH, **constants)
    x = 3 * X
    np.testing.assert_allclose(
        canonical_output(model, x), reference(model)({"x": x})["y"], rtol=1e-6, atol=1e-6
    )
    assert relu_names(model) == set()


@pytest.mark.parametrize(
    "body",
    [
        "y = Max(x, wide)",
        "y = Max(x, deep)",
        "c = Greater(x, zero) y = Where(c, x, wide)",
        "c = Greater(x, wide) m = Cast<to=1>(c) y = Mul(x, m)",
        "a = Relu(x) y = Min(a, sixes)",
    ],
)
def test_a_bound_that_widens_x_stays(body: str) -> None:
    wide, deep = np.zeros((3, 4), np.float32), np.zeros((1, 1, 1, 1), np.float32)
    model = model_of(body, x="N,1,4", zero=ZERO, wide=wide, deep=deep, sixes=deep + SIX)
    x = 5 * X[:, :1]
    wanted = reference(model)({"x": x})["y"]
    assert wanted.shape != x.shape
    np.testing.assert_allclose(canonical_output(model, x), wanted)


def test_whole_numbers_stay_as_they_are() -> None:
    """ONNX Runtime has no Relu of int64; exporters compute sizes so."""
    body = "s = Shape(x) t = Sub(s, many) u = Max(t, none) v = Add(u, s) y = Expand(x, v)"
    model = model_of(body, x="N,1,W", many=np.array([9]), none=np.array([0]))
    np.testing.assert_array_equal(canonical_output(model, X[:, :1]), X[:, :1])


PADS = np.array([0, 0, 1, 1, 0, 0, 1, 1])
NEGATIVE = -1 - RANDOM.random((1, 2, 6, 6)).astype(np.float32)


@pytest.mark.parametrize("pool", ["MaxPool", "AveragePool"])
def test_a_pad_before_a_pool_stays_a_pad(pool: str) -> None:
    """ONNX Runtime 1.31.1 folds the plain Pad into MaxPool's own padding, which is no zeros."""
    body = f"p = Pad(x, pads) y = {pool}<kernel_shape=[3,3], strides=[2,2]>(p)"
    model = model_of(body, x="1,2,6,6", pads=PADS)
    wanted = reference(model)({"x": NEGATIVE})["y"]
    built = retrograph.build(model, method="gradient")
    np.testing.assert_allclose(runtime(built)({"x": NEGATIVE})["y"], wanted, rtol=1e-6)


@pytest.mark.parametrize("mode", ["SAME_UPPER", "SAME_LOWER"])
@pytest.mark.parametrize("size", [1, 2, 5, 6, 7, 8])
@pytest.mark.parametrize(
    "op", ["Conv", "MaxPool", "AveragePool", "AveragePool count_include_pad=1"]
)
def test_auto_pad_over_open_sizes(op: str, size: int, mode: str) -> None:
    kind, _, more = op.partition(" ")
    attrs = f'auto_pad="{mode}", kernel_shape=[3,4], strides=[2,3]' + (f", {more}" if more else "")
    operands = "x, w" if kind == "Conv" else "x"
    weight = RANDOM.normal(size=(2, 2, 3, 4)).astype(np.float32)
    model = model_of(f"y = {kind}<{attrs}>({operands})", x="N,2,H,W", w=weight)
    x = -1 - RANDOM.random((2, 2, size, 9 - size)).astype(np.float32)
    wanted = runtime(model, optimised=False)({"x": x})["y"]
    np.testing.assert_allclose(canonical_output(model, x), wanted, rtol=1e-5, atol=1e-6)


def test_names_are_unique_and_kept() -> None:
    model = model_of("a = Relu(x) b = Neg(a) y = Exp(b)")
    for node, name in zip(model.graph.node, ("same", "same", "own"), strict=True):
        node.name = name
    graph: Graph = canonicalize(model)
    names = [n.name for n in graph.nodes]
    assert len(set(names)) == 3
    assert names[2] == "own"
    assert [n.output[0] for n in graph.nodes] == ["a", "b", "y"]
