"""Items of a fixed batch stay items behind recurrent layers and in bodies of If, Loop and Scan."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import ModelProto, numpy_helper, parser

import retrograph
from retrograph.ir.analysis.batch_axis import Place, follow_batch
from retrograph.ir.passes.canonicalize import canonicalize
from support.graphs import Array, runner

ITEMS = 3
NOTE = "the batch is not the first axis of 'y': all of it is one item"
LEAD = Place()
FIRST = "t = Transpose <perm = [1, 0, 2]> (x)"
HEAD = "<int64[1] a0 = {0}, int64[1] a1 = {1}, int64[1] a2 = {2}, int64[3] flat = {0, 0, -1}"


def layer(op: str, layout: int = 0, directions: int = 1) -> str:
    """x [N, 4, 5] through a recurrent layer of two hidden units: Y and h."""
    gates = {"LSTM": 4, "GRU": 3, "RNN": 1}[op]
    both = ', direction = "bidirectional"' if directions == 2 else ""
    return (
        f"DECLARE float[{directions}, {2 * gates}, 5] w, float[{directions}, {2 * gates}, 2] r END "
        f"{'t = Identity (x)' if layout else FIRST} "
        f"Y, h = {op} <hidden_size = 2, layout = {layout}{both}> (t, w, r) "
    )


LOOP = """
    DECLARE int64 n = {3}, bool yes = {1} END
    y = Loop (n, yes, x) <body = step (int64 i, bool on, float[N, 4, 5] s)
        => (bool go, float[N, 4, 5] next) { go = Identity (on) BODY }>
"""
STACK = """
    DECLARE int64 n = {3}, bool yes = {1} END
    s, stack = Loop (n, yes, x) <body = step (int64 i, bool on, float[N, 4, 5] s)
        => (bool go, float[N, 4, 5] next, float[N, 4] out) {
            go = Identity (on) next = Tanh (s) out = ReduceMax <axes = [2], keepdims = 0> (s) }>
    y = Transpose <perm = [1, 2, 0]> (stack)
"""
SCAN = """
    DECLARE float[5, 5] m, float[N, 5] zeros END
    s, out = Scan <num_scan_inputs = 1, body = step (float[N, 5] s, float[N, 5] e)
        => (float[N, 5] next, float[N, 5] o) {
            p = MatMul (s, m) q = Add (p, e) BODY }> (zeros, SCANNED)
"""
IF = """
    y = If (CONDITION) <
        then_branch = a () => (float[N, 4, 5] p) { p = Tanh (x) },
        else_branch = b () => (float[N, 4, 5] q) { OTHER }>
"""
STEP = "next = Tanh (q) o = Sigmoid (q)"

APART = {
    "the last state of an LSTM": layer("LSTM") + "y = Squeeze (h, a0)",
    "the last state of a GRU": layer("GRU") + "y = Squeeze (h, a0)",
    "the last state of an RNN": layer("RNN") + "y = Squeeze (h, a0)",
    "an LSTM, items first": layer("LSTM", 1) + "y = Squeeze (h, a1)",
    "all steps": layer("GRU") + "s = Squeeze (Y, a1) y = Transpose <perm = [1, 0, 2]> (s)",
    "all steps, items first": layer("RNN", 1) + "y = Squeeze (Y, a2)",
    "both directions, as torch writes them": layer("LSTM", 0, 2)
    + "u = Transpose <perm = [0, 2, 1, 3]> (Y) v = Reshape (u, flat) "
    "z = Transpose <perm = [1, 0, 2]> (v) y = ReduceMean <axes = [1], keepdims = 0> (z)",
    "both directions, last states": layer("LSTM", 0, 2)
    + "u = Transpose <perm = [1, 0, 2]> (h) y = Flatten (u)",
    "a loop": LOOP.replace("BODY", "u = Tanh (s) next = Add (s, u)"),
    "a loop with the items outside": LOOP.replace("BODY", "u = Tanh (s) next = Add (x, u)"),
    "a stack of a loop": STACK,
    "the state of a scan": FIRST
    + SCAN.replace("BODY", STEP).replace("SCANNED", "t")
    + "y = Identity (s)",
    "the outputs of a scan": FIRST
    + SCAN.replace("BODY", STEP).replace("SCANNED", "t")
    + "y = Transpose <perm = [1, 0, 2]> (out)",
    "branches": IF.replace("CONDITION", "k").replace("OTHER", "q = Sigmoid (x)"),
}

MIXED = {
    "a loop that joins the items": LOOP.replace(
        "BODY", "u = ReduceMean <axes = [0], keepdims = 1> (s) next = Sub (s, u)"
    ),
    "a loop that exchanges the items": LOOP.replace(
        "BODY", "u, v = Split <axis = 0> (s, parts) next = Concat <axis = 0> (v, u)"
    ).replace("DECLARE", "DECLARE int64[2] parts = {1, 2},"),
    "a loop whose steps depend on the items": LOOP.replace(
        "go = Identity (on)", "u = ReduceSum <keepdims = 0> (s) go = Less (u, u)"
    ).replace("BODY", "next = Tanh (s)"),
    "a scan over the items": "t = Identity (x)"
    + SCAN.replace("BODY", STEP).replace("SCANNED", "t").replace("N, 5", "4, 5")
    + "y = Identity (out)",
    "a condition of the items": "c = ReduceSum <keepdims = 0> (x) d = Less (c, c)"
    + IF.replace("CONDITION", "d").replace("OTHER", "q = Sigmoid (x)"),
    "a branch that joins the items": IF.replace("CONDITION", "k").replace(
        "OTHER", "u = ReduceMean <axes = [0], keepdims = 1> (x) q = Sub (x, u)"
    ),
}


def model_of(text: str, items: int) -> ModelProto:
    """The model for so many items; weights are the same for every number of them."""
    heads = [part.split("END")[0].strip() for part in text.split("DECLARE")[1:]]
    body = "".join(part.split("END")[-1] for part in text.split("DECLARE"))
    head = ", ".join([HEAD, *heads]) + ">"
    source = (
        f'<ir_version: 8, opset_import: ["" : 17]> net (float[N, 4, 5] x, bool k) => (float[] y) '
        f"{head} {{ {body} }}"
    )
    model = parser.parse_model(source.replace("[N", f"[{items}"))
    model.graph.output[0].type.tensor_type.ClearField("shape")
    for declared in model.graph.value_info:
        shape = [dim.dim_value for dim in declared.type.tensor_type.shape.dim]
        zeros = declared.name == "zeros"
        values = np.zeros(shape) if zeros else np.random.default_rng(0).standard_normal(shape)
        stored = numpy_helper.from_array(values.astype(np.float32), declared.name)
        model.graph.initializer.append(stored)
    del model.graph.value_info[:]
    return model


X: Array = np.random.default_rng(4).standard_normal((ITEMS, 4, 5)).astype(np.float32)


def fed(x: Array) -> dict[str, Array]:
    return {"x": x, "k": np.array(False)}


@pytest.mark.one_in(3)
@pytest.mark.parametrize("name", APART)
def test_items_are_explained_as_if_alone(name: str) -> None:
    model = model_of(APART[name], ITEMS)
    assert follow_batch(canonicalize(model)).places.get("y") == LEAD
    assert NOTE not in retrograph.check(model).notes
    together = retrograph.Explainer(model, method="gradient").attribute(fed(X))
    alone = retrograph.Explainer(model_of(APART[name], 1), method="gradient")
    assert len(together.score) == ITEMS
    for row in range(ITEMS):
        wanted = alone.attribute(fed(X[row : row + 1]))
        assert together.unit[row].tolist() == wanted.unit[0].tolist()
        np.testing.assert_allclose(together.score[row], wanted.score[0], rtol=1e-5)
        np.testing.assert_allclose(together.attribution[row], wanted.attribution[0], atol=1e-6)
        assert np.abs(wanted.attribution).max() > 1e-3


@pytest.mark.parametrize("name", MIXED)
def test_what_may_join_them_makes_one_item_of_the_batch(name: str) -> None:
    model = model_of(MIXED[name], ITEMS)
    batch = follow_batch(canonicalize(model))
    assert "y" in batch.mixed
    assert NOTE in retrograph.check(model).notes


@pytest.mark.parametrize("name", ["a loop", "branches", "the last state of an LSTM"])
def test_many_units_are_refused(name: str) -> None:
    with pytest.raises(retrograph.UnsupportedError, match="many=True is not possible"):
        retrograph.build(model_of(APART[name], ITEMS), method="gradient", many=True)


@pytest.mark.parametrize("name", APART)
def test_a_batch_of_one_is_opened(name: str) -> None:
    model = model_of(APART[name], 1)
    opened = retrograph.build(model, method="gradient", open_batch=True)
    together = runner(opened)(**fed(X))
    alone = runner(retrograph.build(model, method="gradient"))
    for row in range(ITEMS):
        for output, wanted in alone(**fed(X[row : row + 1])).items():
            np.testing.assert_allclose(together[output][row : row + 1], wanted, rtol=1e-5)


@pytest.mark.parametrize("name", MIXED)
def test_a_body_that_joins_the_items_keeps_the_batch_closed(name: str) -> None:
    with pytest.raises(retrograph.UnsupportedError, match="joins the items of a batch"):
        retrograph.build(model_of(MIXED[name], ITEMS), method="gradient", open_batch=True)
