"""What an output is where all that the network computes is 0: a decoder gives its first boxes.

What follows the last convolutions of a detector only shifts and scales their numbers. Run on zeros
it gives each box as it is before the network moves it: in the middle of its own cell. Compared with
the cells, this tells in which order and unit the coordinates are.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from retrograph.heads.elements import shape_of
from retrograph.heads.table import Array
from retrograph.ir.graph import Graph, is_float, reads
from retrograph.ir.op_traits import TRAITS, Numbers
from retrograph.ir.reference import reference_outputs

_LIGHT = {Numbers.FUNCTION, Numbers.ARITHMETIC, Numbers.MOVED, Numbers.TAKEN, Numbers.JOINED}
_LIGHT |= {Numbers.NORMALISED, Numbers.REDUCED, Numbers.MADE}
_MOST_NODES = 400
_MOST_NUMBERS = 1 << 24


def at_zero(graph: Graph, changed: Collection[str], name: str) -> Array | None:
    """The tensor where what the last heavy operators before it give is 0; None if that is unknown.

    Args:
        graph: canonical, of fixed shapes.
        changed: the tensors that change with the inputs.
        name: the tensor.
    """
    nodes: dict[str, None] = {}
    ends: set[str] = set()
    waiting = [name]
    while waiting:
        tensor = waiting.pop()
        node = graph.producer.get(tensor)
        if tensor in graph.constants or tensor in ends:
            continue
        if tensor in changed and (node is None or not _is_light(graph, node.op_type, node.output)):
            ends.add(tensor)
            continue
        if node is None or len(nodes) > _MOST_NODES:
            return None
        if node.name not in nodes:
            nodes[node.name] = None
            waiting += reads(node)
    return _run(graph, nodes, ends, name)


def _is_light(graph: Graph, op: str, outputs: Collection[str]) -> bool:
    traits = TRAITS.get(op)
    sizes = [shape_of(graph, name) for name in outputs]
    fits = all(0 < np.prod(size, dtype=float) <= _MOST_NUMBERS for size in sizes if size)
    return traits is not None and traits.numbers in _LIGHT and fits


def _run(graph: Graph, names: Collection[str], ends: Collection[str], output: str) -> Array | None:
    nodes = [node for node in graph.nodes if node.name in names]
    constants = {
        n: graph.constants[n] for node in nodes for n in reads(node) if n in graph.constants
    }
    zeros = {}
    for end in ends:
        tensor = graph.tensor(end)
        if tensor is None or not shape_of(graph, end):
            return None
        zeros[end] = np.zeros(shape_of(graph, end), tensor.dtype)
    if not ends or any(not is_float(value.dtype) for value in zeros.values()):
        return None
    model = helper.make_model(
        helper.make_graph(
            nodes,
            "at_zero",
            [
                helper.make_tensor_value_info(
                    end, helper.np_dtype_to_tensor_dtype(value.dtype), value.shape
                )
                for end, value in zeros.items()
            ],
            [helper.make_tensor_value_info(output, TensorProto.FLOAT, None)],
            [numpy_helper.from_array(numpy_helper.to_array(c), n) for n, c in constants.items()],
        ),
        opset_imports=[helper.make_opsetid("", graph.opset)],
    )
    try:
        with np.errstate(all="ignore"):
            (value,) = reference_outputs(model, zeros)
    except Exception:  # the evaluator raises whatever its NumPy code meets; unknown is correct
        return None
    return np.asarray(value, np.float64)
