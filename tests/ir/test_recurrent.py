"""Recurrent layers: their definition as a Scan, against kernels and equations; what is refused.

Their gradients are rows of the table of cases (vjp_cases_recurrent.py).
"""

from __future__ import annotations

from functools import cache

import numpy as np
import onnxruntime as ort
import pytest
from onnx import ModelProto, NodeProto, numpy_helper, parser
from onnx.reference import ReferenceEvaluator

import retrograph
from retrograph import Model
from retrograph.errors import UnsupportedError
from retrograph.ir.passes.canonicalize import canonicalize
from retrograph.ir.passes.expand import expand
from support.finite import Array, reference, runtime
from support.vjp_case import FLOAT32, FLOAT64, Case
from tables.vjp_cases_recurrent import CASES, FORMS, GATES

STEPS = 4
LEVELS = ["ORT_DISABLE_ALL", "ORT_ENABLE_BASIC", "ORT_ENABLE_EXTENDED", "ORT_ENABLE_ALL"]

each = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


def is_plain(node: NodeProto) -> bool:
    return node.op_type not in GATES


def definition(model: ModelProto) -> ModelProto:
    """The model with its recurrent layers written out."""
    graph = canonicalize(model)
    written = expand(graph, {n.name for n in graph.nodes if not is_plain(n)}, is_plain)
    assert all(map(is_plain, written.nodes))
    return written.to_model()


def text(body: str, ends: str, opset: int = 17, **constants: Array) -> ModelProto:
    model = parser.parse_model(
        f'<ir_version: 8, opset_import: ["": {opset}]> recurrent {ends} {{ {body} }}'
    )
    for name, value in constants.items():
        kind = np.float32 if value.dtype == np.float64 else value.dtype
        model.graph.initializer.append(numpy_helper.from_array(value.astype(kind), name))
    return model


def weights(op: str, directions: int, inputs: int, hidden: int) -> dict[str, Array]:
    random, gates = np.random.default_rng(3), GATES[op] * hidden
    sizes = {"W": (gates, inputs), "R": (gates, hidden), "B": (2 * gates,)}
    return {name: random.normal(size=(directions, *size)) / 2 for name, size in sizes.items()}


# --- the definition ----------------------------------------------------------------------------


@pytest.mark.one_in(5)
@each
def test_the_definition_gives_what_the_kernel_gives(case: Case) -> None:
    feeds = case.feeds(FLOAT32)
    written = definition(case.model())
    exact = reference(case.model(FLOAT64))(case.feeds(FLOAT64))["y"]
    wanted = exact if case.no_runtime else runtime(case.model(), optimised=False)(feeds)["y"]
    np.testing.assert_allclose(wanted, exact, rtol=0, atol=1e-5 * np.abs(exact).max())
    for optimised in (False, True):
        found = runtime(written, optimised)(feeds)["y"]
        np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-5 * np.abs(exact).max())


@pytest.mark.one_in(5)
@each
def test_the_definition_gives_what_the_equations_give(case: Case) -> None:
    feeds = case.feeds(FLOAT64)
    found = reference(definition(case.model(FLOAT64)))(feeds)["y"]
    np.testing.assert_allclose(found, reference(case.model(FLOAT64))(feeds)["y"], rtol=1e-11)


@pytest.mark.parametrize(
    "case",
    [c for c in FORMS if "lengths" not in c.inputs and "clip" not in c.body],
    ids=lambda case: case.name,
)
def test_the_equations_give_what_the_reference_of_onnx_gives(case: Case) -> None:
    model, feeds = case.model(FLOAT64), case.feeds(FLOAT64)
    found = ReferenceEvaluator(model).run(None, feeds)[0]
    np.testing.assert_allclose(reference(model)(feeds)["y"], found, rtol=1e-11)


@pytest.mark.parametrize("op", GATES)
def test_the_input_is_projected_outside_the_steps(op: str) -> None:
    body = f"y = {op}<hidden_size=5>(x, W, R, B)"
    model = text(body, "(float[L,N,4] x) => (float[L,1,N,5] y)", **weights(op, 1, 4, 5))
    nodes = definition(model).graph.node
    scan = next(n for n in nodes if n.op_type == "Scan")
    step = next(a.g for a in scan.attribute if a.name == "body")
    assert [n.op_type for n in nodes].count("MatMul") == 1
    assert [n.op_type for n in step.node].count("Gemm") == (3 if op == "GRU" else 1)


# --- built files -------------------------------------------------------------------------------


@cache
def of_open_length(op: str) -> ModelProto:
    """As PyTorch exports a batch-first layer in both directions, with the classifier behind it."""
    return text(
        f"""t = Transpose<perm=[1, 0, 2]>(x)
        p, q = {op}<hidden_size=5, direction="bidirectional">(t, W, R, B)
        u = Transpose<perm=[2, 0, 1, 3]>(p)
        v = Reshape(u, shape)
        m = ReduceMean<axes=[1], keepdims=0>(v)
        y = MatMul(m, F)""",
        "(float[N,L,4] x) => (float[N,3] y)",
        **weights(op, 2, 4, 5),
        F=np.random.default_rng(7).normal(size=(10, 3)),
        shape=np.array([0, 0, -1]),
    )


@cache
def at_lengths(op: str) -> list[tuple[Array, Array, Array, Array]]:
    """Inputs of several lengths, cotangents, outputs, and slopes by central differences."""
    model, random, found = of_open_length(op), np.random.default_rng(1), []
    for items, length in ((2, 7), (1, 1), (3, 12)):
        x = random.normal(size=(items, length, 4)).astype(np.float32)
        ct = random.normal(size=(items, 3)).astype(np.float32)
        y = runtime(model, optimised=False)({"x": x})["y"]
        found.append((x, ct, y, slope(model, x, ct)))
    return found


@pytest.mark.one_in(2)
@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("op", GATES)
def test_an_open_length_runs_at_every_level(op: str, level: str) -> None:
    built = retrograph.build(of_open_length(op), method="gradient", select="cotangent")
    options = ort.SessionOptions()
    options.graph_optimization_level = getattr(ort.GraphOptimizationLevel, level)
    session = ort.InferenceSession(built.SerializeToString(), options)
    for x, ct, y, wanted in at_lengths(op):
        output, found = session.run(["y", "attribution"], {"x": x, "cotangent": ct})
        np.testing.assert_allclose(output, y, atol=1e-5)
        np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-4 * np.abs(wanted).max())


def slope(model: ModelProto, x: Array, ct: Array) -> Array:
    """<ct, dy/dx> number by number, by central differences of the source model in float64."""
    double = ModelProto()
    double.CopyFrom(model)
    for value in (*double.graph.input, *double.graph.output):
        value.type.tensor_type.elem_type = 11
    for tensor in double.graph.initializer:
        array = numpy_helper.to_array(tensor)
        if array.dtype == FLOAT32:
            tensor.CopyFrom(numpy_helper.from_array(array.astype(FLOAT64), tensor.name))
    forward, wanted = reference(double), np.zeros(x.shape)
    for place in np.ndindex(x.shape):
        ends = []
        for step in (1e-5, -1e-5):
            moved = x.astype(FLOAT64)
            moved[place] += step
            ends.append(float(np.sum(ct * forward({"x": moved})["y"])))
        wanted[place] = (ends[0] - ends[1]) / 2e-5
    return wanted


def unrolled() -> tuple[ModelProto, ModelProto]:
    """A layer whose cell is a ReLU, and the same steps one by one."""
    given = weights("RNN", 1, 3, 5)
    layer = text(
        'p, y = RNN<hidden_size=5, activations=["Relu"]>(x, W, R, B)',
        f"(float[{STEPS},2,3] x) => (float[1,2,5] y)",
        **given,
    )
    body = "h0 = Identity(zeros)"
    for t in range(STEPS):
        body += f""" x{t} = Gather<axis=0>(x, t{t}) a{t} = MatMul(x{t}, W) b{t} = MatMul(h{t}, R)
            c{t} = Add(a{t}, b{t}) d{t} = Add(c{t}, B) h{t + 1} = Relu(d{t})"""
    steps = text(
        f"{body} y = Unsqueeze(h{STEPS}, first)",
        f"(float[{STEPS},2,3] x) => (float[1,2,5] y)",
        W=given["W"][0].T,
        R=given["R"][0].T,
        B=given["B"][0].reshape(2, 5).sum(0),
        zeros=np.zeros((2, 5)),
        first=np.array([0]),
        **{f"t{t}": np.array(t) for t in range(STEPS)},
    )
    return layer, steps


@pytest.mark.parametrize("method", ["gradient", "guided", "deconvnet"])
def test_a_relu_in_the_cell_takes_the_rule(method: str) -> None:
    random = np.random.default_rng(5)
    feeds = {
        "x": random.normal(size=(STEPS, 2, 3)).astype(np.float32),
        "cotangent": random.normal(size=(1, 2, 5)).astype(np.float32),
    }
    found, wanted = (
        runtime(retrograph.build(m, method=method, layer="y", select="cotangent"))(feeds)
        for m in unrolled()
    )
    np.testing.assert_allclose(found["attribution"], wanted["attribution"], atol=1e-5)
    assert np.abs(found["attribution"]).max() > 0.1


@pytest.mark.parametrize("op", GATES)
def test_smooth_gates_are_refused_under_guided(op: str) -> None:
    model = text(
        f"y = {op}<hidden_size=5>(x, W, R)",
        "(float[4,2,3] x) => (float[4,1,2,5] y)",
        **weights(op, 1, 3, 5),
    )
    with pytest.raises(retrograph.InputError, match="there is none between 'y' and the input"):
        retrograph.build(model, method="guided", layer="y")


@pytest.mark.parametrize("op", GATES)
def test_many_units_are_refused(op: str) -> None:
    model = text(
        f"t = Transpose<perm=[1, 0, 2]>(x) p, q = {op}<hidden_size=5>(t, W, R) y = Squeeze(q, o)",
        "(float[N,L,3] x) => (float[N,5] y)",
        o=np.array([0]),
        **weights(op, 1, 3, 5),
    )
    retrograph.build(model, method="gradient", select="unit")
    with pytest.raises(UnsupportedError, match="explain one unit at a time") as refused:
        retrograph.build(model, method="gradient", select="unit", many=True)
    assert "the batch axis of 't' is not in front" in str(refused.value)


@pytest.mark.parametrize("op", GATES)
def test_a_unit_of_a_layer_sees_the_whole_sequence(op: str) -> None:
    model = text(
        f"t = Relu(x) y, h = {op}<hidden_size=5>(t, W, R)",
        "(float[L,N,3] x) => (float[L,1,N,5] y, float[1,N,5] h)",
        **weights(op, 1, 3, 5),
    )
    fields = {layer.alias: layer.field for layer in Model(model).layers()}
    kind = op.lower()
    assert [name for name in fields if name.startswith(kind)] == [f"{kind}1", f"{kind}2"]
    for name in (f"{kind}1", f"{kind}2"):
        field = fields[name]
        assert field is None or set(field.spans) == {None}


# --- what is refused ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("attributes", "reason"),
    [
        ('activations=["Swish"]', "the activation 'Swish' is unknown"),
        ('activations=["LeakyRelu"]', "disagree on the default of activation_alpha for LeakyRelu"),
        (
            'activations=["Affine"], activation_alpha=[0.5]',
            "disagree on the default of activation_beta for Affine",
        ),
    ],
)
def test_what_has_no_one_meaning_is_refused(attributes: str, reason: str) -> None:
    model = text(
        f"y = RNN<hidden_size=5, {attributes}>(x, W, R)",
        "(float[4,2,3] x) => (float[4,1,2,5] y)",
        **weights("RNN", 1, 3, 5),
    )
    with pytest.raises(UnsupportedError, match=reason):
        retrograph.build(model, method="gradient", layer="y")
