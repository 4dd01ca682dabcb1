"""Weights that are no numbers, for which nothing that a model computes of them is one."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from onnx import TensorProto

from retrograph.ir.graph import Array, Graph, is_float
from retrograph.ir.tensor_data import to_array

_WEIGHTED = {"Conv", "ConvTranspose", "Gemm", "MatMul", "BatchNormalization", "LSTM", "GRU", "RNN"}
_WEIGHTED |= {"InstanceNormalization", "LayerNormalization", "QuantizeLinear", "DequantizeLinear"}
"""Operators of which no weight is meant to be infinite, as the bound or the mask of others may."""

_MEND = "export the model again, from a checkpoint without them"


def nonfinite_weights(graph: Graph, target: str) -> str:
    """Which of the constants that a tensor is computed of hold NaN, or infinite weights.

    Constants are read one at a time.

    Returns:
        In words, with what to do, such as "the weights 'w' hold NaN (3 of 432 numbers); export the
        model again, from a checkpoint without them"; "" where none does.
    """
    for tensor in _needed(graph, target):
        value = _floats(tensor)
        if value is None:
            continue
        nans, infinite = int(np.isnan(value).sum()), int(np.isinf(value).sum())
        if nans:
            return f"the weights '{tensor.name}' hold NaN ({nans} of {value.size} numbers); {_MEND}"
        if infinite and _is_weight(graph, tensor.name):
            share = f"{infinite} of {value.size}"
            return f"the weights '{tensor.name}' hold infinite numbers ({share}); {_MEND}"
    return ""


def _needed(graph: Graph, target: str) -> Iterator[TensorProto]:
    """The constants that a tensor is computed of: the file's first, then what became of them."""
    file = Graph(graph.model)
    is_own = target in file.producer
    own = file.needed([target] if is_own else file.output_names())[1]
    yield from own
    names = {tensor.name for tensor in own}
    yield from (t for t in graph.needed([target])[1] if t.name not in names)


def _floats(tensor: TensorProto) -> Array | None:
    value = to_array(tensor)
    return value if is_float(value.dtype) else None


def _is_weight(graph: Graph, name: str) -> bool:
    readers = [n for n in graph.model.graph.node if name in n.input]
    return any(node.op_type in _WEIGHTED for node in readers)
