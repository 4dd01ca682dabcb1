"""Broadcasting undone: the sum over the axes along which an operand was repeated."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from retrograph.ir.emit import Emitter
from retrograph.ir.graph import Rows, Shape, Tensor
from retrograph.vjp.registry import Cotangents, Node, Rule, defvjp, shape_of


def elementwise(*ops: str) -> Callable[[Rule], Rule]:
    """Register the rule of element-by-element operators with broadcasting.

    The rule returns cotangents of the output's shape; each is summed to its input's shape.
    """

    def declare(rule: Rule) -> Rule:
        @defvjp(*ops)
        def summed(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
            cts = rule(e, node, ct)
            return [
                sum_to_input(e, c, node, i) if c is not None and i in node.wanted else None
                for i, c in enumerate(cts)
            ]

        return rule

    return declare


def sum_to_input(e: Emitter, ct: Tensor, node: Node, i: int) -> Tensor:
    """Sum `ct`, of the node's output shape, to the shape of input `i`, one of those broadcast."""
    others = [shape_of(t) for j, t in enumerate(node.inputs) if t is not None and j != i]
    return sum_to_shape(e, ct, node.input(i), shape_of(node.y), others)


def sum_to_shape(
    e: Emitter, ct: Tensor, x: Tensor, whole: Shape, others: Sequence[Shape]
) -> Tensor:
    """Sum `ct`, of the shape `whole` that x was broadcast to beside the others, to that of x."""
    own, lead = shape_of(x), len(whole) - len(shape_of(x))
    if x.rows is not Rows.SHARED and not lead:
        own, whole = (1, *own[1:]), (1, *whole[1:])  # each row is a unit's own
    axes = repeated_axes(own, whole, others)
    if axes is None:
        return sum_at_run_time(e, ct, x, lead)
    summed = e.reduce_sum(ct, axes)
    return e.reshape_like(summed, x) if lead else summed


def repeated_axes(x: Shape, y: Shape, others: Sequence[Shape]) -> list[int] | None:
    """The axes of y along which x was repeated; None where only run time tells.

    An open dimension of x was not repeated if it is that of y, or if every other operand is 1
    there.
    """
    lead = len(y) - len(x)
    axes = list(range(lead))
    for axis in range(lead, len(y)):
        own, whole = x[axis - lead], y[axis]
        if own == 1 and whole == 1:
            continue
        if own == 1:
            axes.append(axis)
        elif not isinstance(own, int) and not (own is not None and own == whole):
            rest = [s[axis - len(y)] for s in others if len(s) >= len(y) - axis]
            if any(d != 1 for d in rest):
                return None
    return axes


def sum_at_run_time(e: Emitter, ct: Tensor, x: Tensor, lead: int) -> Tensor:
    """Sum `ct`, with `lead` more axes in front than x, to the shape of x as run time finds it."""
    whole = e.sizes(replace(ct, shape=None), 0)
    own = e.sizes(x, 0)
    if x.rows is not Rows.SHARED:
        own = e.concat([e.dim(replace(ct, shape=None), 0), e.sizes(x, 1)], axis=0)
    aligned = e.concat([e.ints([1] * lead), own], axis=0) if lead else own
    differs = e.emit("Not", e.equal(aligned, whole))
    axes = e.reshape(e.emit("NonZero", differs, dtype=own.dtype), [-1])
    summed = e.emit("ReduceSum", ct, axes, keepdims=1, noop_with_empty_axes=1)
    return e.reshape_like(summed, x)
