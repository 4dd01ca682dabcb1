"""Sequences and optionals: tensor operators by now where known (ir/passes/resolve_sequences.py)."""

from __future__ import annotations

from collections.abc import Sequence

from retrograph.ir.emit import Emitter
from retrograph.ir.graph import Tensor
from retrograph.vjp.registry import Cotangents, Node, Unsupported, defvjp_multi, nondifferentiable


@defvjp_multi(
    *("SequenceEmpty", "SequenceConstruct", "SequenceInsert", "SequenceErase", "SequenceMap"),
    *("SplitToSequence", "SequenceAt", "ConcatFromSequence", "Optional", "OptionalGetElement"),
)
def sequence(e: Emitter, node: Node, cts: Sequence[Tensor | None]) -> Cotangents:
    """None: what comes here is held by a sequence that only run time knows."""
    raise Unsupported("only run time tells which tensors it reads")


nondifferentiable(
    "SequenceLength", "OptionalHasElement", why="gives a whole number or a truth value"
)
