"""Element by element."""

from __future__ import annotations

from retrograph.ir.op_traits import FUNCTIONS
from retrograph.receptive_field.reading import BROADCAST, Reading, rule
from retrograph.receptive_field.span import Spans, along, fixed

_UNARY = (FUNCTIONS - {"Clip", "PRelu"}) | {"Identity", "Expand"}


@rule(*_UNARY, *BROADCAST)
def elementwise(r: Reading) -> Spans:
    """Axes aligned from the back. A size that is not known is taken not to be stretched."""
    lead = len(r.y) - r.rank
    return tuple(
        fixed(0, 0) if size == 1 != r.y[i] else along(i) for i, size in enumerate(r.x, lead)
    )
