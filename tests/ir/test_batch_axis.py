"""Operators that mix the items of a batch, or move them, are refused where units are many."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import numpy_helper, parser

from retrograph.backward import Request, build_backward
from retrograph.errors import UnsupportedError
from retrograph.ir.analysis.batch_axis import follow_batch
from retrograph.ir.passes.canonicalize import canonicalize
from retrograph.methods import GRADIENT

_CONSTANTS = {
    "zero": np.array(0),
    "two": np.array([2, 1]),
    "four": np.array([1, 2, 3, 4]),
    "first": np.array([[0], [2]]),
    "one_row": np.ones((2, 1), np.float32),
    "corners": np.array([[0, 0], [1, 2]]),
    "pair": np.ones(2, np.float32),
    "places": np.array([[[0, 3]], [[4, 7]]]),
}


@pytest.mark.parametrize(
    "body",
    [
        "z = CumSum(x, zero)",
        "z = CumProd(x, zero)",
        "z = CumSum(x, k)",
        "z = Unique<axis=1>(x)",
        "z = Tile(x, two)",
        "z = Tile(x, r)",
        "z = Trilu(x)",
        "d = Det(x) z = Mul(x, d)",
        "z = ReverseSequence(x, four)",
        "z = ReverseSequence<batch_axis=0, time_axis=1>(x, four)",
        "u = Unsqueeze(x, one) z = TensorScatter<axis=2>(u, u, l)",
        "u = Unsqueeze(x, one) z = MaxUnpool<kernel_shape=[2], strides=[2]>(u, places)",
        "z = ScatterElements<axis=1>(x, first, one_row)",
        "z = ScatterND(x, corners, pair)",
        "s = SplitToSequence<axis=1, keepdims=0>(x) z = ConcatFromSequence<axis=0>(s)",
    ],
)
def test_a_mixed_batch_allows_no_many(body: str) -> None:
    text = (
        '<ir_version: 10, opset_import: ["": 26]> model '
        "(float[N,4] x, int64 k, int64[2] r, int64[1] l) => (float[] y) <int64[1] one = {1}> "
        f"{{ {body} y = Sin(z) }}"
    )
    model = parser.parse_model(text)
    constants = (numpy_helper.from_array(v, k) for k, v in _CONSTANTS.items())
    model.graph.initializer.extend(constants)
    request = Request(canonicalize(model), ("x",), "y", GRADIENT, "cotangent", many=True)
    with pytest.raises(UnsupportedError, match="so many=True is not possible"):
        build_backward(request)


_ROWS = "t = Sin(c) z = ScatterND(x, places, t)"
_SCATTERS = {
    "constants at any place": ("z = ScatterND(x, places, ones)", [[1, 0], [2, 3], [0, 1]], True),
    "each in its own row": (_ROWS, [[0, 1], [1, 1], [2, 0]], True),
    "in another row": (_ROWS, [[0, 1], [2, 1], [1, 0]], False),
    "into constants": ("t = Sin(c) z = ScatterND(k, places, t)", [[0, 1], [1, 1], [2, 0]], True),
    "along another axis": ("t = Sin(x) z = ScatterElements<axis=1>(x, q, t)", [[0, 1]], True),
    "along the batch": ("t = Sin(x) z = ScatterElements<axis=0>(x, q, t)", [[0, 1]], False),
}


@pytest.mark.parametrize("scatter", _SCATTERS)
def test_what_is_scattered_within_each_item_keeps_items_apart(scatter: str) -> None:
    body, places, apart = _SCATTERS[scatter]
    text = (
        '<ir_version: 10, opset_import: ["": 18]> model (float[3,4] x) => (float[3,4] y) '
        "<int64[1] zero = {0}, int64[1] one = {1}, float[3] ones = {1, 1, 1}, "
        f"int64 first = {{0}}> {{ c = Gather<axis=1>(x, first) {body} y = Sin(z) }}"
    )
    model = parser.parse_model(text)
    constants = {"places": np.array(places), "k": np.ones((3, 4), np.float32)}
    constants["q"] = np.tile([[3, 0, 1, 2]], (3, 1)) % (4 if apart else 3)
    model.graph.initializer.extend(numpy_helper.from_array(v, k) for k, v in constants.items())
    assert follow_batch(canonicalize(model)).leads("y") == apart


@pytest.mark.parametrize("body", ["y = Mul(x, c)", "y = Max(x, c)", "y = PRelu(x, c)"])
def test_a_constant_with_a_row_for_each_item_allows_no_many(body: str) -> None:
    text = (
        '<ir_version: 10, opset_import: ["": 18]> model (float[2,4] x) => (float[2,4] y) '
        f"<float[2,4] c = {{1, 2, 3, 4, 5, 6, 7, 8}}> {{ {body} }}"
    )
    graph = canonicalize(parser.parse_model(text))
    with pytest.raises(UnsupportedError, match="'c' has a row for each item"):
        build_backward(Request(graph, ("x",), "y", GRADIENT, "unit", many=True))
    build_backward(Request(graph, ("x",), "y", GRADIENT, "unit"))
