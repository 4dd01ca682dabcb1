"""Relative errors in words."""

from __future__ import annotations

import math

_IN_PERCENT = 1e-3
_WHOLE_PERCENT = 0.1


def amount(error: float) -> str:
    """A relative error as people read it: percent where it is seen, else as 2e-06."""
    if not math.isfinite(error):
        return "no number"
    if error >= _WHOLE_PERCENT:
        return f"{100 * error:,.0f} %"
    if error >= _IN_PERCENT:
        return f"{100 * error:.2g} %"
    return f"{error:.0e}" if error else "0"
