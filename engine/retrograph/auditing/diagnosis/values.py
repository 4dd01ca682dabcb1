"""What can be told from what two regions compute alone."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from retrograph.auditing.axes import relative_error
from retrograph.auditing.diagnosis.difference import Cause, Difference
from retrograph.auditing.diagnosis.weights import permutation

_CLOSE = 1e-4
_MATCHED = 2048
_MANY = 1000


def nonfinite_causes(difference: Difference) -> Iterator[Cause]:
    """Values of B that are no numbers where A's are."""
    b = difference.value_b
    if b is not None and not np.isfinite(b).all():
        share = 100 * (1 - float(np.isfinite(b).mean()))
        yield Cause("nonfinite", f"{share:.3g} % of the values are inf or NaN in B")


def order_causes(difference: Difference) -> Iterator[Cause]:
    """B's values as A's in another order along an axis."""
    a, b = difference.value_a, difference.value_b
    if a is None or b is None or not np.isfinite(b).all():
        return
    for axis in range(1, a.ndim):
        if a.shape[axis] > _MATCHED:
            continue
        moved = permutation(np.moveaxis(a, axis, 0), np.moveaxis(b, axis, 0), _CLOSE)
        if moved is not None:
            size = a.shape[axis]
            moves = f"in another order along axis {axis} ({moved} of {size} moved)"
            yield Cause("values-permuted", f"what B computes is A's {moves}")
            return


def scale_causes(difference: Difference) -> Iterator[Cause]:
    """B's values as A's times a number."""
    a, b = difference.value_a, difference.value_b
    if a is None or b is None or not np.isfinite(b).all():
        return
    factor = float((a * b).sum() / max(float((a * a).sum()), 1e-30))
    if abs(factor - 1) > _CLOSE and factor and relative_error(a * np.float32(factor), b) <= _CLOSE:
        yield Cause("values-scaled", f"what B computes is A's times {factor:.5g}")


def size_causes(difference: Difference) -> Iterator[Cause]:
    """Other sizes of what both compute."""
    a, b = difference.shape_a, difference.shape_b
    if difference.value_a is None and a != b:
        yield Cause("size", f"what is computed has the size {[*a]} in A, {[*b]} in B")


def saturation_causes(difference: Difference) -> Iterator[Cause]:
    """Values of B that end where A's go on."""
    a, b = difference.value_a, difference.value_b
    if a is None or b is None or b.size < _MANY or not np.isfinite(b).all():
        return
    highest = float(b.max())
    share = float((b == highest).mean())
    if share > 1e-3 and a.max() > highest + 0.05 * abs(highest) and highest > 0:
        ends = f"B ends at {highest:.4g} ({100 * share:.2g} % of the values)"
        yield Cause("saturation", f"{ends}, A reaches {a.max():.4g}")
