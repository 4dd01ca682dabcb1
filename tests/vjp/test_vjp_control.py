"""If, Loop and Scan beyond their derivatives: methods, what is refused, what is stored."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from onnx import GraphProto, ModelProto, helper, numpy_helper, parser

import retrograph
from retrograph.backward import Request, build_backward, check_support
from retrograph.errors import InputError
from retrograph.ir.passes.canonicalize import canonicalize
from retrograph.ir.subgraphs import subgraphs
from retrograph.layers import layers
from retrograph.methods import DECONVNET, GRADIENT, GUIDED, Method
from retrograph.report import Report
from support.finite import Array, runtime

X = np.array([[-2.0, 0.5, 1.5], [0.25, -0.75, 3.0]], np.float32)
CT = np.array([[1.0, -2.0, 0.5], [-1.0, 3.0, 2.0]], np.float32)
CHOSEN = {"c": np.array(True)}

IF = """y = If (c) <
  then_branch = some () => (float[2,3] a) { a = OP(x) },
  else_branch = other () => (float[2,3] b) { b = Neg(x) }
>"""
SCAN = (
    """y = Scan <num_scan_inputs = 1, body = step (float[3] a) => (float[3] b) { b = OP(a) }> (x)"""
)
LOOP = """y = Loop (one, "", x) <body = step (int64 i, bool on, float[2,3] a)
    => (bool go, float[2,3] b) {
  go = Identity(on)
  b = OP(a)
}>"""
BODIES = pytest.mark.parametrize("body", [IF, SCAN, LOOP], ids=["If", "Scan", "Loop"])


def parsed(body: str, dims: str = "2,3") -> ModelProto:
    inputs = f"float[{dims}] x" + (", bool c" if "(c)" in body else "")
    text = f'<ir_version: 8, opset_import: ["": 18]> g ({inputs}) => (float[{dims}] y)'
    return parser.parse_model(f"{text} <int64 one = {{1}}, float zero = {{0}}> {{ {body} }}")


def request(model: ModelProto, method: Method = GRADIENT, many: bool = False) -> Request:
    return Request(canonicalize(model), ("x",), "y", method, "cotangent", many)


def attribution(model: ModelProto, method: Method = GRADIENT) -> Array:
    given = CHOSEN if len(model.graph.input) > 1 else {}
    built = build_backward(request(model, method))[0]
    return runtime(built)({"x": X, "cotangent": CT, **given})["attribution"]


def refused(model: ModelProto, many: bool = False) -> str:
    problems = check_support(request(model, many=many)).problems
    return "; ".join(problem.reason for problem in problems)


def report(model: ModelProto, method: Method) -> Report:
    return check_support(request(model, method))


def graphs(graph: GraphProto) -> Iterator[GraphProto]:
    yield graph
    for node in graph.node:
        for body in subgraphs(node):
            yield from graphs(body)


@BODIES
@pytest.mark.parametrize("method", [GUIDED, DECONVNET], ids=lambda method: method.name)
@pytest.mark.parametrize("op", ["Relu(", "Max(zero, "])
def test_relus_in_bodies_take_the_rule_of_the_method(body: str, method: Method, op: str) -> None:
    model = parsed(body.replace("OP(", op))
    wanted = attribution(parsed("y = Relu(x)"), method)
    assert (attribution(model, method) == wanted).all()
    assert (attribution(model) != wanted).any()
    assert len(report(model, method).relu) == 1


@BODIES
def test_a_method_for_relus_wants_one_in_a_body(body: str) -> None:
    with pytest.raises(InputError, match="only 1 Tanh"):
        report(parsed(body.replace("OP", "Tanh")), GUIDED)


@BODIES
def test_activations_in_bodies_are_noted(body: str) -> None:
    two = body.replace("a = OP(x)", "t = Relu(x) a = Tanh(t)")
    two = two.replace("b = OP(a)", "t = Relu(a) b = Tanh(t)")
    wanted = "guided: the ordinary derivative at 1 Tanh on the path"
    assert wanted in report(parsed(two), GUIDED).notes


@BODIES
def test_many_units_are_refused_with_the_reason(body: str) -> None:
    reason = refused(parsed(body.replace("OP", "Tanh"), dims="N,3"), many=True)
    assert "many=True is not possible" in reason


@BODIES
def test_what_cannot_be_treated_in_a_body_is_named(body: str) -> None:
    model = parsed(body.replace("OP", "other.Own"))
    model.opset_import.append(helper.make_opsetid("other", 1))
    for graph in graphs(model.graph):
        for node in graph.node:
            if node.op_type == "other.Own":
                node.op_type, node.domain = "Own", "other"
    reason = refused(model)
    assert "in its body" in reason
    assert "(other.Own): no VJP rule" in reason


@BODIES
def test_a_body_through_which_nothing_flows_is_refused(body: str) -> None:
    assert "no cotangent passes" in refused(
        parsed(body.replace("OP", "Floor").replace("Neg", "Ceil"))
    )


def test_a_state_that_grows_is_refused() -> None:
    model = parsed(
        """s = Loop (one, "", x) <body = step (int64 i, bool on, float a) => (bool go, float b) {
          go = Identity(on)
          b = Concat <axis = 0> (a, x)
        }>
        y = ReduceSum(s)"""
    )
    assert "changes its shape from step to step" in refused(model)


def test_a_weight_in_a_body_is_stored_once() -> None:
    weight = np.arange(9, dtype=np.float32).reshape(3, 3)
    model = parsed(SCAN.replace("b = OP(a)", "t = MatMul(a, w) s = Sin(t) b = MatMul(s, w)"))
    (body,) = subgraphs(model.graph.node[0])
    body.initializer.append(numpy_helper.from_array(weight, "w"))
    built, _ = build_backward(request(model))
    stored = [t for graph in graphs(built.graph) for t in graph.initializer]
    assert [tuple(t.dims) for t in stored].count((3, 3)) == 1
    sums = np.cos(X @ weight) * (CT @ weight.T) @ weight.T
    np.testing.assert_allclose(attribution(model), sums, rtol=1e-4)


def test_names_in_the_built_graph_are_unique() -> None:
    model = parsed(IF.replace("OP", "Tanh").replace("y =", "x2 =") + IF.replace("OP", "Sin"))
    built, _ = build_backward(request(model))
    made = [
        name
        for graph in graphs(built.graph)
        for node in graph.node
        if node.name.startswith("bwd/")
        for name in node.output
    ]
    assert len(made) == len(set(made))


@BODIES
def test_layers_tell_nothing_of_the_field_behind_a_body(body: str) -> None:
    (layer,) = layers(canonicalize(parsed(body.replace("OP", "Tanh"))), ["x"])
    assert layer.tensor.shape == (2, 3)
    assert layer.field is None


def test_constants_of_a_body_stand_outside() -> None:
    graph = canonicalize(
        parsed(SCAN.replace("b = OP(a)", "k = Constant <value_float = 2.0>() b = Mul(a, k)"))
    )
    (body,) = subgraphs(graph.nodes[0])
    assert [node.op_type for node in body.node] == ["Mul"]
    assert not body.initializer


# --- branches of different shapes and types ----------------------------------------------------

HALVED = "a = MaxPool<kernel_shape=[2,2], strides=[2,2]>(r)"
WHOLE = "b = Identity(r)"
KERNEL = np.random.default_rng(5).normal(size=(4, 3, 3, 3)).astype(np.float32)


def pooled(middle: str) -> ModelProto:
    """A network with something between its ReLU and the mean over all positions."""
    model = parser.parse_model(
        '<ir_version: 8, opset_import: ["": 18]> g (float[N,3,8,8] x, bool c) => (float[N,4,1,1] y)'
        f" {{ k1 = Conv(x, k) r = Relu(k1) {middle} y = GlobalAveragePool(i) }}"
    )
    model.graph.initializer.append(numpy_helper.from_array(KERNEL, "k"))
    return model


def either(then: str, otherwise: str, shapes: tuple[str, str] = ("[]", "[]")) -> ModelProto:
    return pooled(
        f"i = If (c) <then_branch = some () => (float{shapes[0]} a) {{ {then} }},"
        f" else_branch = other () => (float{shapes[1]} b) {{ {otherwise} }}>"
    )


@pytest.mark.parametrize("select", ["top", "unit", "cotangent"])
@pytest.mark.parametrize("shapes", [("[]", "[]"), ("[N,4,3,3]", "[N,4,6,6]")])
@pytest.mark.parametrize("taken", [True, False])
def test_branches_of_different_shapes(taken: bool, shapes: tuple[str, str], select: str) -> None:
    x = np.random.default_rng(6).normal(size=(2, 3, 8, 8)).astype(np.float32)
    feeds = {"x": x, "c": np.array(taken)}
    if select == "unit":
        feeds["select"] = np.array([[2, 0, 0], [3, 0, 0]])
    if select == "cotangent":
        feeds["cotangent"] = np.ones((2, 4, 1, 1), np.float32)
    alone = (HALVED if taken else WHOLE).replace("a =", "i =").replace("b =", "i =")
    wanted = runtime(retrograph.build(pooled(alone), select=select))(feeds)
    for optimised in (True, False):
        built = retrograph.build(either(HALVED, WHOLE, shapes), select=select)
        found = runtime(built, optimised)(feeds)
        for name in ("y", "attribution", "score", "unit"):
            np.testing.assert_allclose(found[name], wanted[name], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", [6, 7, 9, 11])
def test_branches_of_different_types_are_refused(kind: int) -> None:
    with pytest.raises(InputError, match=r"'If_\d' \(If\) makes 'i' as .*; no runtime takes"):
        retrograph.build(either(HALVED, f"b = Cast<to={kind}>(r)"))
