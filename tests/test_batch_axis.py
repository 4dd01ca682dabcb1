"""Operators that mix the items of a batch, or move them, are refused where units are many."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import numpy_helper, parser

from retrograph.backward import Request, build_backward
from retrograph.errors import UnsupportedError
from retrograph.ir.canonicalize import canonicalize
from retrograph.methods import GRADIENT

_CONSTANTS = {
    "zero": np.array(0),
    "two": np.array([2, 1]),
    "four": np.array([1, 2, 3, 4]),
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
