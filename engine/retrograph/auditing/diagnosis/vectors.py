"""What a vector of numbers, such as a bias, is beside A's."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from retrograph.auditing.axes import relative_error
from retrograph.runtime import Array

_NEAR = 1e-5
_FEW = 4
_SAME = 1e-6


def vector_text(a: Array, b: Array) -> str:
    """What B's numbers [*] are beside A's of as many, as "A's times 3"; "" where none is told."""
    return next((text for relation in RELATIONS for text in relation(a, b)), "")


def _equal(a: Array, b: Array) -> bool:
    return relative_error(a, b) <= _NEAR


def _few(a: Array, b: Array) -> Iterator[str]:
    largest = max(float(np.abs(a).max()), float(np.abs(b).max()))
    places = np.flatnonzero(np.abs(a - b) > _SAME * largest)
    if 0 < len(places) <= min(_FEW, len(a) // 4):
        values = "; ".join(
            f"[{place}] {a[place]:.4g} in A, {b[place]:.4g} in B" for place in places
        )
        yield f"A's but for {len(places)} of {len(a)} ({values})"


def _constant(a: Array, b: Array) -> Iterator[str]:
    if not np.ptp(b):
        yield f"all {b[0]:g}"


def _moved(a: Array, b: Array) -> Iterator[str]:
    if _equal(np.sort(a), np.sort(b)):
        yield "in another order"


def _scaled(a: Array, b: Array) -> Iterator[str]:
    factor = float((a * b).sum() / max(float((a * a).sum()), 1e-30))
    if _equal(a * np.asarray(factor, a.dtype), b):
        yield "A's with the other sign" if factor == -1 else f"A's times {factor:.6g}"


def _shifted(a: Array, b: Array) -> Iterator[str]:
    shift = float(np.mean(b - a))
    if _equal(a + np.asarray(shift, a.dtype), b):
        yield f"A's plus {shift:.6g}"


def _function(a: Array, b: Array) -> Iterator[str]:
    with np.errstate(all="ignore"):
        functions = (("the square root", np.sqrt(a)), ("the square", a * a), ("1 over it", 1 / a))
        yield from (text for text, value in functions if _equal(value, b))


RELATIONS: Sequence[Callable[[Array, Array], Iterator[str]]] = (
    _constant,
    _moved,
    _few,
    _scaled,
    _shifted,
    _function,
)
"""What one may be to the other, the simplest first."""
