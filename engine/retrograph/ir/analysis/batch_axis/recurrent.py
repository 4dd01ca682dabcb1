"""LSTM, GRU and RNN: every step treats the items alike, and none by another.

T steps, N items, D directions, H hidden units. With layout 0 x is [T, N, I], Y is [T, D, N, H] and
the last states are [D, N, H]; with layout 1 these are [N, T, I], [N, T, D, H] and [N, D, H].
"""

from __future__ import annotations

from retrograph.ir.analysis.batch_axis.passage import Passage, Place

_LENGTHS, _STATES = 4, (5, 6)


def recurrent(p: Passage) -> list[Place | None]:
    """The places of the items in Y and in the last states."""
    by_item = bool(p.attrs.get("layout", 0))
    axis = 0 if by_item else 1
    wanted = {0: axis, _LENGTHS: 0, **dict.fromkeys(_STATES, axis)}
    factors = {(place.before, place.after) for place in p.placed.values()}
    apart = all(wanted.get(i) == place.axis for i, place in p.placed.items())
    if not apart or len(factors) != 1:
        return [None] * len(p.node.output)
    ((before, after),) = factors
    axes = [0, 0, 0] if by_item else [2, 1, 1]
    return [Place(axis, before, after) for axis in axes]
