"""Integer sums of products: float ones of the same numbers.

Below 2^24 every sum is exact in float32; beyond, it is rounded as any float sum.
"""

from __future__ import annotations

import numpy as np
from onnx import NodeProto, TensorProto

from retrograph.ir.graph import attributes
from retrograph.ir.passes.quantize.codes import FLOAT32, NOUGHT, Code, Codes, follows, limits_of


@follows("ConvInteger")
def _conv(codes: Codes, node: NodeProto) -> bool:
    """Conv of x - x_zero and w - w_zero; w may have a zero point for each of its kernels."""
    w = codes.graph.tensor(node.input[1])
    if w is None or w.rank is None:
        return False
    return _product(codes, node, "Conv", ([], [-1] + [1] * (w.rank - 1)))


@follows("MatMulInteger")
def _matmul(codes: Codes, node: NodeProto) -> bool:
    """(a - a_zero) @ (b - b_zero); a may have a zero point for each row, b for each column."""
    return _product(codes, node, "MatMul", ([-1, 1], [-1]))


def _product(codes: Codes, node: NodeProto, op: str, spread: tuple[list[int], list[int]]) -> bool:
    if not any(name in codes.of for name in node.input[:2]):
        return False
    codes.keep(node)
    operands = [_operand(codes, node, i, spread[i]) for i in (0, 1)]
    y = codes.add(node, op, *operands, **attributes(node))
    codes.of[node.output[0]] = Code(y, FLOAT32, NOUGHT, limits_of(np.int32))
    return True


def _operand(codes: Codes, node: NodeProto, i: int, spread: list[int]) -> str:
    """Input `i` less its zero point; a vector of zero points takes the shape `spread`."""
    name = node.input[i]
    zero = str(node.input[2 + i]) if len(node.input) > 2 + i else ""
    tensor = codes.graph.tensor(zero) if zero else None
    single = tensor is not None and tensor.rank == 0
    code = codes.of.get(name)
    if code is not None and (single or not zero):
        value = codes.graph.value(zero) if zero else NOUGHT
        return codes.less(node, code, zero if value is None else value.astype(NOUGHT.dtype))
    if code is not None:
        whole = codes.less(node, code, NOUGHT)
    else:
        whole = codes.add(node, "Cast", name, to=TensorProto.FLOAT)
    if not zero:
        return whole
    shift = codes.add(node, "Cast", zero, to=TensorProto.FLOAT)
    if tensor is not None and tensor.rank == 1 and tensor.shape != (1,):
        shape = codes.constant(node, spread, NOUGHT.dtype)
        shift = codes.add(node, "Reshape", shift, shape)
    return codes.add(node, "Sub", whole, shift)
