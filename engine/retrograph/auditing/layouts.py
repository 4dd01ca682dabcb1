"""An item in the layout of another file."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from retrograph.runtime import Array


def in_layout(item: Array, shape: Sequence[int | str | None]) -> Array | None:
    """An item of A as B takes it.

    Args:
        item: an input without its batch axis.
        shape: of an item of B; a size that is no number is open.

    Returns:
        The item with its channels first, last or as they are, or with axes of size 1 added or
        dropped; None where none of these fits.
    """
    ways = [item]
    if item.ndim >= 2:
        ways += [np.moveaxis(item, 0, -1), np.moveaxis(item, -1, 0)]
    for moved in ways:
        if _fits(moved.shape, shape):
            return np.ascontiguousarray(moved)
    sizes = [size if isinstance(size, int) else 1 for size in shape]
    if [d for d in item.shape if d != 1] == [d for d in sizes if d != 1]:
        return item.reshape(sizes)
    return None


def may_fit(item: Sequence[int | str | None], shape: Sequence[int | str | None]) -> bool:
    """Whether items of one shape can be those of another by `in_layout`; open sizes fit all."""
    ways = [[*item], [*item[1:], *item[:1]], [*item[-1:], *item[:-1]]]
    if any(_match(way, shape) for way in ways):
        return True
    return _match(*([size for size in each if size != 1] for each in (item, shape)))


def _match(sizes: Sequence[int | str | None], shape: Sequence[int | str | None]) -> bool:
    return len(sizes) == len(shape) and all(
        size == wanted or not (isinstance(size, int) and isinstance(wanted, int))
        for size, wanted in zip(sizes, shape, strict=True)
    )


def _fits(sizes: Sequence[int], shape: Sequence[int | str | None]) -> bool:
    return len(sizes) == len(shape) and all(
        not isinstance(wanted, int) or wanted == size
        for size, wanted in zip(sizes, shape, strict=True)
    )
