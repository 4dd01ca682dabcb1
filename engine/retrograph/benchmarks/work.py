"""How many multiply-adds a graph's convolutions and matrix products need."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TypeAlias

from retrograph.ir.graph import STANDARD_DOMAINS, Graph, NodeProto, attributes

_Shape: TypeAlias = tuple[int, ...]


def multiply_adds(graph: Graph, target: str, batch: int) -> int | None:
    """The multiply-adds of Conv, ConvTranspose, Gemm and MatMul that a tensor is computed with.

    Args:
        graph: canonical.
        target: the tensor.
        batch: the size of a leading axis that the graph leaves open.

    Returns:
        Their number; None where a shape is not known, or no such operator is there.
    """
    total = 0
    for node in graph.needed([target])[0]:
        count = _COUNTS.get(node.op_type) if node.domain in STANDARD_DOMAINS else None
        if count is None:
            continue
        shapes = [_shape(graph, name, batch) for name in (*node.input[:2], node.output[0])]
        x, w, y = shapes
        if x is None or w is None or y is None:
            return None
        total += count(node, x, w, y)
    return total or None


def _shape(graph: Graph, name: str, batch: int) -> _Shape | None:
    tensor = graph.tensor(name)
    if tensor is None or tensor.shape is None:
        return None
    sizes = [
        batch if axis == 0 and not isinstance(dim, int) else dim
        for axis, dim in enumerate(tensor.shape)
    ]
    known = [size for size in sizes if isinstance(size, int)]
    return tuple(known) if len(known) == len(sizes) else None


def _conv(node: NodeProto, x: _Shape, w: _Shape, y: _Shape) -> int:
    """Each number of y [N, M, *S] is a sum over w [M, C / group, *k]."""
    return math.prod(y) * math.prod(w[1:])


def _conv_transpose(node: NodeProto, x: _Shape, w: _Shape, y: _Shape) -> int:
    """Each number of x [N, C, *S] is multiplied with w [C, M / group, *k]."""
    return math.prod(x) * math.prod(w[1:])


def _gemm(node: NodeProto, x: _Shape, w: _Shape, y: _Shape) -> int:
    """y [M, N] is a product over the other axis of x, [M, K] or transposed."""
    return math.prod(y) * x[0 if attributes(node).get("transA", 0) else 1]


def _matmul(node: NodeProto, x: _Shape, w: _Shape, y: _Shape) -> int:
    """y [..., M, N] is a product over the last axis of x."""
    return math.prod(y) * x[-1]


_COUNTS: Mapping[str, Callable[[NodeProto, _Shape, _Shape, _Shape], int]] = {
    "Conv": _conv,
    "ConvTranspose": _conv_transpose,
    "Gemm": _gemm,
    "MatMul": _matmul,
}
