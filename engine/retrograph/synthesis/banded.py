"""Products with banded matrices: almost all of their numbers are 0, and are left out.

The products are of small blocks. That saves their zeros, and keeps the threads of NumPy's matrix
product asleep, which would take the processors from those of ONNX Runtime.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_ROWS = 24
"""Of a block: so few that no product of pictures up to 400 pixels wide is shared among threads."""


@dataclass(frozen=True)
class Banded:
    """A matrix [M, K] whose numbers other than 0 stand close to each other in each row.

    Attributes:
        rows: M.
        blocks: of successive rows the first one's number, the first column that is not 0, and the
            numbers from there on.
    """

    rows: int
    blocks: tuple[tuple[int, int, Floats], ...]

    @classmethod
    def of(cls, matrix: Floats) -> Banded:
        """The matrix [M, K] in blocks."""
        starts = range(0, len(matrix), _ROWS)
        return cls(len(matrix), tuple(_block(matrix, start) for start in starts))

    def along_rows(self, planes: Floats) -> Floats:
        """M times planes [..., K, W]: [..., M, W]."""
        product = np.empty((*planes.shape[:-2], self.rows, planes.shape[-1]))
        for row, column, part in self.blocks:
            height, width = part.shape
            used = planes[..., column : column + width, :]
            np.matmul(part, used, out=product[..., row : row + height, :])
        return product

    def along_columns(self, planes: Floats) -> Floats:
        """Planes [..., H, K] times the transpose of M: [..., H, M]."""
        product = np.empty((*planes.shape[:-1], self.rows))
        for row, column, part in self.blocks:
            height, width = part.shape
            used = planes[..., column : column + width]
            np.matmul(used, part.T, out=product[..., row : row + height])
        return product


def _block(matrix: Floats, start: int) -> tuple[int, int, Floats]:
    """Some rows of a matrix without the columns before and after those that are not 0."""
    part = matrix[start : start + _ROWS]
    columns = np.flatnonzero(part.any(axis=0))
    first, last = (columns[0], columns[-1]) if columns.size else (0, -1)
    return start, int(first), np.ascontiguousarray(part[:, first : last + 1])
