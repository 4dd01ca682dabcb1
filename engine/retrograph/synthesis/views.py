"""What the model sees of a canvas: enlarged, shifted, zoomed, in tiles, all by matrices.

A view samples a canvas along each axis by a matrix: rows of the picture by R, columns by S, so that
the view is R V S^T and the gradient comes back as R^T G S. Sampling is linear between pixels;
beyond the border the canvas is mirrored.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from retrograph.render.smoothing import mirrored
from retrograph.synthesis.banded import Banded
from retrograph.synthesis.space import Canvas

Size = tuple[int, ...]
"""Height and width of a picture; whatever an input that is no picture has instead."""


class View(Protocol):
    """What is seen of a canvas."""

    def of(self, canvas: Canvas) -> Canvas:
        """What is seen of a canvas [N, C, H, W]."""
        ...

    def back(self, gradient: Canvas) -> Canvas:
        """The gradient by the canvas, of that by what is seen."""
        ...


class Whole:
    """A canvas as it is."""

    def of(self, canvas: Canvas) -> Canvas:
        """The canvas."""
        return canvas

    def back(self, gradient: Canvas) -> Canvas:
        """The gradient."""
        return gradient


@dataclass(frozen=True)
class Window:
    """One window on a canvas.

    Attributes:
        rows: [window height, canvas height].
        columns: [window width, canvas width].
    """

    rows: Canvas
    columns: Canvas

    def of(self, canvas: Canvas) -> Canvas:
        """What is seen of a canvas [N, C, H, W]."""
        return _product(self.rows, canvas, self.columns)

    def back(self, gradient: Canvas) -> Canvas:
        """The gradient by the canvas, of that by what is seen."""
        return _product(self.rows.T, gradient, self.columns.T)


def _product(rows: Canvas, pictures: Canvas, columns: Canvas) -> Canvas:
    """R V S^T; turned axes of V are copied first, for which NumPy has no fast product."""
    half = Banded.of(rows).along_rows(np.ascontiguousarray(pictures))
    return Banded.of(columns).along_columns(half)


def sampling(extent: int, canvas: int, *, pitch: float = 1.0, shift: float = 0.0) -> Canvas:
    """The matrix [extent, canvas] that samples along one axis.

    Args:
        extent: how many pixels are seen.
        canvas: how many pixels there are.
        pitch: the canvas' pixels from one seen pixel to the next.
        shift: of the window's centre from that of the canvas, in the canvas' pixels.
    """
    places = (np.arange(extent) + 0.5 - extent / 2) * pitch + canvas / 2 + shift - 0.5
    before = np.floor(places)
    part = places - before
    matrix = np.zeros((extent, canvas))
    rows = np.arange(extent)
    for index, weight in ((before, 1 - part), (before + 1, part)):
        np.add.at(matrix, (rows, mirrored(index.astype(np.int64), canvas)), weight)
    return matrix


def resized(canvas: Canvas, size: Size) -> Canvas:
    """A canvas [N, C, H, W] brought to a height and width, linear between its pixels."""
    if canvas.shape[2:] == size:
        return canvas
    height, width = canvas.shape[2:]
    rows = sampling(size[0], height, pitch=height / size[0])
    return Window(rows, sampling(size[1], width, pitch=width / size[1])).of(canvas)


class Views(Protocol):
    """How the model looks at a canvas, at each step anew."""

    def views(self, window: Size, canvas: Size, rng: np.random.Generator) -> Sequence[View]:
        """Views that together see the whole canvas."""
        ...


class Still:
    """The canvas as it is, at every step."""

    def views(self, window: Size, canvas: Size, rng: np.random.Generator) -> Sequence[View]:
        """One view of the whole."""
        return [Whole()]


@dataclass(frozen=True)
class Shaking:
    """How views are chosen anew at every step, so that what is found does not hang on a pixel.

    Attributes:
        jitter: the greatest shift either way, as a share of the window.
        zoom: the greatest change of scale either way, as a share.
    """

    jitter: float = 0.1
    zoom: float = 0.2

    def views(self, window: Size, canvas: Size, rng: np.random.Generator) -> Sequence[View]:
        """One view of a small canvas, enlarged to the window; tiles of a larger one."""
        zoom = float(np.exp(rng.uniform(-self.zoom, self.zoom)))
        pitches = [min(1.0, c / w) / zoom for c, w in zip(canvas, window, strict=True)]
        axes = [
            _axis(w, c, pitch, rng.uniform(-self.jitter, self.jitter) * w)
            for w, c, pitch in zip(window, canvas, pitches, strict=True)
        ]
        return [Window(rows, columns) for rows in axes[0] for columns in axes[1]]


def _axis(window: int, canvas: int, pitch: float, shift: float) -> list[Canvas]:
    """The matrices along one axis: as many windows side by side as cover the canvas."""
    reach = window * pitch
    count = max(1, int(np.ceil(canvas / reach - 0.15)))
    centres = (np.arange(count) + 0.5 - count / 2) * (canvas / count if count > 1 else 0.0)
    return [
        sampling(window, canvas, pitch=pitch, shift=float(centre) + shift * pitch)
        for centre in centres
    ]
