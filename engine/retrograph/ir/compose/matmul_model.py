"""One matrix product as a model, which shows how fast a device multiplies."""

from __future__ import annotations

import numpy as np
from onnx import ModelProto, helper, numpy_helper

from retrograph.ir.emit import FLOAT32

_OPSET = 13
_IR_VERSION = 8


def product(size: int) -> ModelProto:
    """y = x w with a constant w, all float32 [size, size]."""
    weight = np.random.default_rng(0).standard_normal((size, size)).astype(FLOAT32)
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(FLOAT32))
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "product",
        [helper.make_tensor_value_info("x", kind, [size, size])],
        [helper.make_tensor_value_info("y", kind, [size, size])],
        [numpy_helper.from_array(weight, "w")],
    )
    opset = helper.make_opsetid("", _OPSET)
    return helper.make_model(graph, opset_imports=[opset], ir_version=_IR_VERSION)
