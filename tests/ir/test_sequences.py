"""Sequences that only run time knows are refused with the reason; those given out stay."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import ModelProto, numpy_helper, parser

from retrograph.backward import Request, build_backward
from retrograph.errors import UnsupportedError
from retrograph.ir.passes.canonicalize import canonicalize
from retrograph.ir.passes.resolve_sequences import MOST
from retrograph.methods import GRADIENT
from support.finite import Array, runtime

X = np.random.default_rng(3).normal(size=(2, 4)).astype(np.float32)
FOUR = np.array(4)


def model_of(
    body: str, inputs: str = "", outputs: str = "float[N,M] y", **constants: Array
) -> ModelProto:
    header = '<ir_version: 8, opset_import: ["": 18]>'
    model = parser.parse_model(f"{header} model (float[N,4] x{inputs}) => ({outputs}) {{ {body} }}")
    model.graph.initializer.extend(numpy_helper.from_array(v, k) for k, v in constants.items())
    return model


def built(model: ModelProto) -> ModelProto:
    return build_backward(Request(canonicalize(model), ("x",), "y", GRADIENT, "cotangent"))[0]


_LOOP = (
    "e = SequenceEmpty() s = Loop<body = b (int64 i, bool c, seq(float[N,4]) u) "
    "=> (bool d, seq(float[N,4]) v) { d = Identity(c) v = SequenceInsert(u, x) }>(n, , e) "
)


@pytest.mark.parametrize(
    ("body", "inputs", "reason"),
    [
        (
            "s = SequenceConstruct(x, x) t = SequenceInsert(s, x, p) y = SequenceAt(t, one)",
            ", int64 p",
            r"SequenceAt_2  the position of 'SequenceInsert_1' .* comes at run time; constant",
        ),
        (
            "s = SequenceConstruct(x, x) t = SequenceErase(s, p) y = ConcatFromSequence<axis=1>(t)",
            ", int64 p",
            r"ConcatFromSequence_2  the position of 'SequenceErase_1' .* comes at run time",
        ),
        (
            "z = Concat<axis=1>(x, x) s = SequenceConstruct(x, z) y = SequenceAt(s, p)",
            ", int64 p",
            r"the position of 'SequenceAt_2' \(SequenceAt\) comes at run time",
        ),
        (
            "s = SequenceConstruct(x, x) y = SequenceAt(s, four)",
            "",
            r"'SequenceAt_1' \(SequenceAt\) has the position 4 of 2",
        ),
        (
            "s = SplitToSequence<axis=1>(x, l) y = ConcatFromSequence<axis=0>(s)",
            ", int64[2] l",
            r"the lengths of 'SplitToSequence_0' .* come at run time",
        ),
        (
            "s = SplitToSequence<axis=0>(x) y = ConcatFromSequence<axis=1>(s)",
            "",
            r"only run time tells how many parts 'SplitToSequence_0' \(SplitToSequence\) gives",
        ),
        (
            "s = SequenceInsert(q, x) y = ConcatFromSequence<axis=0>(s)",
            ", seq(float[N,4]) q",
            r"'q' is an input of the model, so only run time tells what it holds",
        ),
        (
            f"{_LOOP} y = ConcatFromSequence<axis=0>(s)",
            ", int64 n",
            r"ConcatFromSequence_2  only run time tells how often 'Loop_1' \(Loop\) runs",
        ),
        (
            f"{_LOOP} z = ConcatFromSequence<axis=0>(s) y = Concat<axis=0>(z, x)",
            ", int64 n",
            r"only run time tells how often 'Loop_1' \(Loop\) runs",
        ),
    ],
)
def test_what_only_run_time_knows_is_refused(body: str, inputs: str, reason: str) -> None:
    with pytest.raises(UnsupportedError, match=reason):
        built(model_of(body, inputs, one=np.array(1), four=FOUR))


def test_a_long_split_is_not_followed() -> None:
    body = "z = Expand(x, far) s = SplitToSequence<axis=0>(z) y = ConcatFromSequence<axis=0>(s)"
    model = model_of(body, far=np.array([2 * MOST, 4]))
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1
    with pytest.raises(UnsupportedError, match=f"gives more than {MOST} parts"):
        built(model)


def test_a_sequence_that_the_model_gives_out_stays() -> None:
    body = (
        "s = SplitToSequence<axis=1>(x, two) t = SequenceInsert(s, c) a = SequenceAt(t, one) "
        "y = Mul(a, a) n = SequenceLength(t)"
    )
    outputs = "float[N,2] y, seq(float[N,2]) s, seq(float[]) t, int64 n"
    c = np.ones((1, 1), np.float32)
    model = model_of(body, "", outputs, one=np.array(1), two=np.array(2), c=c)
    ct = np.ones((2, 2), np.float32)
    found = runtime(built(model))({"x": X, "cotangent": ct})
    wanted = runtime(model)({"x": X})
    for name in ("s", "t"):
        assert len(found[name]) == len(wanted[name])
        for a, b in zip(found[name], wanted[name], strict=True):
            np.testing.assert_array_equal(a, b)
    assert found["n"] == wanted["n"] == 3
    np.testing.assert_allclose(found["attribution"], np.concatenate([0 * ct, 2 * X[:, 2:]], 1))


def test_a_sequence_of_constants_is_no_tensor() -> None:
    body = (
        "s = SequenceConstruct(a, b) t = SplitToSequence<axis=1>(a, two) e = SequenceEmpty() "
        "p = ConcatFromSequence<axis=1>(s) q = SequenceAt(t, one) n = SequenceLength(e) "
        "f = Cast<to=1>(n) r = Add(q, f) m = MatMul(x, p) k = MatMul(x, r) y = Add(m, k)"
    )
    a, b = (np.random.default_rng(i).normal(size=(4, 2)).astype(np.float32) for i in range(2))
    model = model_of(body, a=a, b=b, two=np.array(1), one=np.array(1))
    graph = canonicalize(model)
    assert [n.op_type for n in graph.needed(["y"])[0]] == ["MatMul", "MatMul", "Add"]
    np.testing.assert_allclose(
        runtime(graph.to_model())({"x": X})["y"], runtime(model)({"x": X})["y"], rtol=1e-6
    )


def test_nothing_but_tensors_is_left() -> None:
    body = (
        "o = Optional(x) s = SplitToSequence<axis=1>(x) t = SequenceErase(s) "
        "h = OptionalHasElement(o) g = OptionalGetElement(o) z = ConcatFromSequence<axis=1>(t) "
        "w = Where(h, g, x) y = Concat<axis=1>(w, z)"
    )
    left = {n.op_type for n in canonicalize(model_of(body)).nodes}
    assert left <= {"Identity", "Split", "Where", "Concat"}
