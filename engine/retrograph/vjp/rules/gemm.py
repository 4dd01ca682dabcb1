"""Matrix products."""

from __future__ import annotations

from retrograph.ir.emit import Emitter
from retrograph.ir.graph import Rows, Tensor
from retrograph.vjp.lowering.broadcast import sum_at_run_time, sum_to_shape
from retrograph.vjp.registry import Cotangents, Node, defvjp, shape_of


@defvjp("Gemm")
def gemm(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """dA = alpha * ct B'^T, dB = alpha * A'^T ct, dC = beta * ct   (y = alpha A' B' + beta C)

    A' is A, or A^T where transA is set; ct: [M, N], A': [M, K], B': [K, N].
    """
    a, b = node.input(0), node.input(1)
    trans_a, trans_b = bool(node.attrs["transA"]), bool(node.attrs["transB"])
    scaled = ct if node.attrs["alpha"] == 1.0 else e.mul(ct, node.attrs["alpha"])

    def product(left: Tensor, right: Tensor, left_t: bool, right_t: bool) -> Tensor:
        return e.emit("Gemm", left, right, transA=int(left_t), transB=int(right_t))

    da = product(b, scaled, trans_b, True) if trans_a else product(scaled, b, False, not trans_b)
    db = None
    if 1 in node.wanted:
        db = (
            product(scaled, a, True, trans_a) if trans_b else product(a, scaled, not trans_a, False)
        )
    dc = None
    if 2 in node.wanted:
        whole = shape_of(node.y)
        dc = sum_to_shape(e, e.mul(ct, node.attrs["beta"]), node.input(2), whole, [whole])
    return [da, db, dc][: len(node.inputs)]


@defvjp("MatMul")
def matmul(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """dA = ct B^T, dB = A^T ct   (batches broadcast; a vector A is a row, a vector B a column)"""
    a, b = node.input(0), node.input(1)
    if len(shape_of(b)) == 1:
        ct = e.unsqueeze(ct, [-1])
    if len(shape_of(a)) == 1:
        ct = e.unsqueeze(ct, [-2])
    da = db = None
    if 0 in node.wanted:
        row = len(shape_of(b)) == 1
        da = e.matmul(ct, e.unsqueeze(b, [0]) if row else _swapped(e, b))
        da = _sum_batch(e, da, a, b)
    if 1 in node.wanted:
        column = len(shape_of(a)) == 1
        db = e.matmul(e.unsqueeze(a, [1]) if column else _swapped(e, a), ct)
        db = _sum_batch(e, db, b, a)
    return da, db


def _swapped(e: Emitter, a: Tensor) -> Tensor:
    """The last two axes swapped."""
    rank = len(shape_of(a))
    return e.transpose(a, [*range(rank - 2), rank - 1, rank - 2])


def _sum_batch(e: Emitter, ct: Tensor, x: Tensor, other: Tensor) -> Tensor:
    """Sum `ct` over the batch axes along which x was repeated against `other`."""
    own, against = shape_of(x)[:-2], shape_of(other)[:-2]
    if len(shape_of(x)) == 1:
        return e.reshape_like(e.reduce_sum(ct, list(range(len(against)))), x)
    by_rows = 0 if x.rows is Rows.SHARED else 1
    if not against or (own == against and None not in own[by_rows:]):
        return ct
    return sum_at_run_time(e, ct, x, lead=max(0, len(against) - len(own)))
