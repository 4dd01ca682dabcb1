"""What keeps a picture from noise: applied to the canvas after each step.

Decay, blur and the two clippings are those of Yosinski, Clune, Nguyen, Fuchs, Lipson:
Understanding Neural Networks Through Deep Visualization, 2015; total variation as in Mahendran,
Vedaldi: Understanding Deep Image Representations by Inverting Them, 2015. A canvas counts from
mid-grey (see space.py), as theirs from the mean picture.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from retrograph.render.smoothing import blurred
from retrograph.synthesis.space import Canvas


class Regulariser(Protocol):
    """A change of the canvas after a step."""

    def __call__(self, canvas: Canvas, gradient: Canvas, step: int) -> Canvas:
        """The canvas [N, C, H, W] (or [N, ...]), changed.

        Args:
            canvas: after the step.
            gradient: of the activation by the canvas, as it was before the step.
            step: its number, from 1.
        """
        ...


@dataclass(frozen=True)
class Decay:
    """Towards mid-grey: x (1 - rate)."""

    rate: float

    def __call__(self, canvas: Canvas, gradient: Canvas, step: int) -> Canvas:
        return canvas * (1 - self.rate)


@dataclass(frozen=True)
class Blur:
    """A Gaussian blur every so many steps, the border mirrored; sigma in pixels."""

    sigma: float
    every: int = 4

    def __call__(self, canvas: Canvas, gradient: Canvas, step: int) -> Canvas:
        if step % self.every:
            return canvas
        return blurred(canvas, self.sigma)


@dataclass(frozen=True)
class ClipNorm:
    """Pixels whose norm over the channels is under a percentile of the picture's become grey."""

    percentile: float

    def __call__(self, canvas: Canvas, gradient: Canvas, step: int) -> Canvas:
        return _without_small(canvas, np.sqrt((canvas**2).sum(axis=1)), self.percentile)


@dataclass(frozen=True)
class ClipContribution:
    """Pixels that contribute little become grey: |sum over channels of x times gradient| under a
    percentile of the picture's."""

    percentile: float

    def __call__(self, canvas: Canvas, gradient: Canvas, step: int) -> Canvas:
        return _without_small(canvas, np.abs((canvas * gradient).sum(axis=1)), self.percentile)


def _without_small(canvas: Canvas, size: Canvas, percentile: float) -> Canvas:
    """The canvas [N, C, H, W] with the pixels at 0 whose size [N, H, W] is under the percentile."""
    bound = np.percentile(size, percentile, axis=(1, 2), keepdims=True)
    kept: Canvas = canvas * (size >= bound)[:, np.newaxis]
    return kept


@dataclass(frozen=True)
class TotalVariation:
    """A step down the total variation, the sum of sqrt(d^2 + e^2) over all differences d of
    neighbours, along both axes. Rates over e / 4 would overshoot, into a chequerboard."""

    rate: float
    epsilon: float = 0.04

    def __call__(self, canvas: Canvas, gradient: Canvas, step: int) -> Canvas:
        return canvas - self.rate * self.gradient(canvas)

    def gradient(self, canvas: Canvas) -> Canvas:
        """Of the total variation by the canvas."""
        found = np.zeros_like(canvas)
        for axis in (2, 3):
            step = np.diff(canvas, axis=axis)
            slope = step / np.sqrt(step**2 + self.epsilon**2)
            widths = [(0, 0)] * canvas.ndim
            widths[axis] = (1, 1)
            found -= np.diff(np.pad(slope, widths), axis=axis)
        return found
