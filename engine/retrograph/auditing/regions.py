"""Where two networks part: which nodes of each, and whether putting A's tensor there repairs B."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from retrograph.auditing.axes import Order
from retrograph.auditing.network import Network

WEIGHTED = ("Conv", "ConvTranspose", "Gemm", "MatMul")


@dataclass(frozen=True)
class Region:
    """A place where B parts from A.

    Attributes:
        a_tensors, b_tensors: the tensors of each from the first unsettled ones to the ends, in
            forward order, the ends last; empty where the other file alone has something there.
        a_moves, b_moves: those right before whose nodes only move numbers.
        a_end, b_end: the tensors of which A's was put in the place of B's.
        order: the order of axes that brought it there; None where no order does.
        local_error: how far B's end was from A's.
        error_after: the largest relative error of the outputs after; None where nothing was put in.
        repaired: whether all outputs agree after.
        next_agree: whether the tensors right behind agree after.
    """

    a_tensors: tuple[str, ...]
    b_tensors: tuple[str, ...]
    a_moves: tuple[str, ...]
    b_moves: tuple[str, ...]
    a_end: str
    b_end: str
    order: Order | None
    local_error: float
    error_after: float | None
    repaired: bool
    next_agree: bool

    @property
    def is_proved(self) -> bool:
        """Whether what was put in made B agree with A behind it."""
        return self.repaired or self.next_agree


def is_local(a: Network, regions: Sequence[Region]) -> bool:
    """Whether the regions, all repaired, hold no more than half of A's layers with weights."""
    if not regions or not regions[-1].repaired:
        return False
    layers = {point for point in a.points if a.op(point) in WEIGHTED}
    held = {name for region in regions for name in region.a_tensors} & layers
    return len(held) <= max(1, len(layers) // 2)
