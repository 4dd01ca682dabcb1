"""What can be told from what two regions compute alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np

from retrograph.auditing.axes import relative_error
from retrograph.auditing.diagnosis.difference import Cause, Difference
from retrograph.auditing.diagnosis.weights import permutation
from retrograph.auditing.pairing import usual_orders
from retrograph.runtime import Array

_CLOSE = 1e-4
_APART = 1e-3
_MATCHED = 2048
_MANY = 1000


def axes_causes(difference: Difference) -> Iterator[Cause]:
    """What goes into the region with its axes in another order than tensors elsewhere."""
    entries = set(difference.b.network.before(difference.b.tensors))
    others = [pair for pair in difference.pairs if pair.b not in entries]
    usual = usual_orders(others)
    for pair in difference.pairs:
        orders = usual.get(len(pair.order), ())
        if pair.b in entries and orders and pair.order not in orders:
            is_swap = len(pair.order) == 3 and pair.order[0] == orders[0][0]
            how = "height and width swapped" if is_swap else f"axes in the order {[*pair.order]}"
            yield Cause("axes", f"what goes in there has {how} in B")
            return


def nonfinite_causes(difference: Difference) -> Iterator[Cause]:
    """Values of B that are no numbers where A's are."""
    b = difference.value_b
    if b is not None and not np.isfinite(b).all():
        share = 100 * (1 - float(np.isfinite(b).mean()))
        yield Cause("nonfinite", f"{share:.3g} % of the values are inf or NaN in B")


def _apart(difference: Difference) -> tuple[Array, Array] | None:
    """The values of both where they are numbers and farther apart than relations are exact."""
    a, b = difference.value_a, difference.value_b
    if a is None or b is None or not (np.isfinite(a).all() and np.isfinite(b).all()):
        return None
    return (a, b) if relative_error(a, b) > _APART else None


def order_causes(difference: Difference) -> Iterator[Cause]:
    """B's values as A's in another order."""
    both = _apart(difference)
    text = order_text(*both) if both is not None else ""
    if text:
        yield Cause("values-permuted", f"what B computes is A's {text}")


def order_text(a: Array, b: Array) -> str:
    """In which order B's values [N, *item] hold A's; "" where they are not A's."""
    for axis in range(1, a.ndim):
        if relative_error(np.flip(a, axis), b) <= _CLOSE:
            return f"reversed along axis {axis}"
        if a.shape[axis] > _MATCHED:
            continue
        moved = permutation(np.moveaxis(a, axis, 0), np.moveaxis(b, axis, 0), _CLOSE)
        if moved is not None:
            return f"in another order along axis {axis} ({moved} of {a.shape[axis]} moved)"
    is_moved = relative_error(np.sort(a, axis=None), np.sort(b, axis=None)) <= _CLOSE
    return "in another order" if is_moved else ""


_FUNCTIONS: Mapping[str, Callable[[Array], Array]] = {
    "ReLU": lambda x: np.maximum(x, 0),
    "ReLU6": lambda x: np.clip(x, 0, 6),
    "Sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "tanh": np.tanh,
    "Softmax": lambda x: softmax(x, 1),
    "Softmax along the last axis": lambda x: softmax(x, -1),
    "exponential": np.exp,
    "reciprocal": lambda x: 1 / x,
    "square": np.square,
    "absolute value": np.abs,
    "SiLU": lambda x: x / (1 + np.exp(-x)),
}
"""What an operator that is missing or added may do to values [N, *item], by its name."""


def softmax(x: Array, axis: int) -> Array:
    """Exponentials along an axis over their sum."""
    raised = np.exp(x - x.max(axis, keepdims=True))
    shares: Array = raised / raised.sum(axis, keepdims=True)
    return shares


def function_causes(difference: Difference) -> Iterator[Cause]:
    """One file's values as a known function of the other's."""
    both = _apart(difference)
    if both is None or both[0].ndim < 2:
        return
    a, b = both
    with np.errstate(all="ignore"):
        for name, function in _FUNCTIONS.items():
            if relative_error(function(a), b) <= _CLOSE:
                yield Cause("values-function", f"what B computes is the {name} of A's")
                return
            if relative_error(function(b), a) <= _CLOSE:
                yield Cause("values-function", f"what A computes is the {name} of B's")
                return


def scale_causes(difference: Difference) -> Iterator[Cause]:
    """B's values as A's times a number, or plus one."""
    both = _apart(difference)
    if both is None:
        return
    a, b = both
    factor = float((a * b).sum() / max(float((a * a).sum()), 1e-30))
    if abs(factor - 1) > _CLOSE and factor and relative_error(a * np.float32(factor), b) <= _CLOSE:
        yield Cause("values-scaled", f"what B computes is A's times {factor:.5g}")
        return
    shift = np.float32(np.mean(b - a))
    if abs(shift) > _CLOSE and relative_error(a + shift, b) <= _CLOSE:
        yield Cause("values-shifted", f"what B computes is A's plus {shift:.5g}")


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
