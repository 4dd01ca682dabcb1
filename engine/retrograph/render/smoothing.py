"""A Gaussian blur of planes, as a matrix along each axis."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def blurred(values: Floats, sigma: float) -> Floats:
    """Planes [..., H, W], each blurred with its border mirrored.

    Args:
        values: the planes.
        sigma: of the Gaussian, in pixels.
    """
    rows, columns = (gaussian(extent, sigma) for extent in values.shape[-2:])
    smooth: Floats = rows @ values @ columns.T
    return smooth


def gaussian(extent: int, sigma: float) -> NDArray[np.float64]:
    """The matrix [extent, extent] of a Gaussian blur along an axis, mirrored at its ends."""
    reach = int(np.ceil(4 * sigma))
    offsets = np.arange(-reach, reach + 1)
    weights = np.exp(-0.5 * (offsets / sigma) ** 2)
    matrix = np.zeros((extent, extent))
    for offset, weight in zip(offsets, weights / weights.sum(), strict=True):
        places = mirrored(np.arange(extent) + offset, extent)
        np.add.at(matrix, (np.arange(extent), places), weight)
    return matrix


def mirrored(index: NDArray[np.int64], extent: int) -> NDArray[np.int64]:
    """Indices from beyond the ends of an axis, mirrored there."""
    around = np.mod(index, 2 * extent)
    return np.where(around < extent, around, 2 * extent - 1 - around)
