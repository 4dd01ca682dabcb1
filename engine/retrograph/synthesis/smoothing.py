"""The gradient in another measure of distance, in which what is smooth and of one colour is near.

Steepest ascent in pixels makes noise: a change of one pixel counts like one of a whole area. Here a
frequency f weighs 1 / f^exponent, as in natural pictures, and colours are mixed as they occur
together there: Olah, Mordvintsev, Schubert: Feature Visualization, 2017 (preconditioning).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from retrograph.synthesis.space import Canvas

_COMMON = np.ones((3, 3)) / 3
"""The change that all three colours have in common."""


@dataclass(frozen=True)
class Smoothing:
    """What a gradient [N, C, H, W] goes through before a step.

    Attributes:
        exponent: of the frequency by which its parts are divided; 0 leaves them.
        grey: how much more a change of all colours alike weighs than one of a single colour.
        coloured: whether three channels each are the colours of a picture, where there are as many.
    """

    exponent: float = 1.0
    grey: float = 3.0
    coloured: bool = True

    def applied(self, gradient: Canvas) -> Canvas:
        """The gradient, smoothed."""
        if self.coloured and gradient.shape[1] % 3 == 0:
            mix = np.eye(3) + self.grey * _COMMON
            pictures = gradient.reshape(-1, 3, *gradient.shape[2:])
            gradient = np.einsum("cd,ndhw->nchw", mix, pictures).reshape(gradient.shape)
        if not self.exponent:
            return gradient
        height, width = gradient.shape[2:]
        spectrum = np.fft.rfft2(gradient)
        spectrum *= _weights(height, width, self.exponent)
        smooth: Canvas = np.fft.irfft2(spectrum, s=(height, width))
        return smooth


@lru_cache(maxsize=2)
def _weights(height: int, width: int, exponent: float) -> Canvas:
    """What each number of a real transform is multiplied by: 1 / f^exponent."""
    weights: Canvas = _frequencies(height, width) ** -exponent
    return weights


def _frequencies(height: int, width: int) -> Canvas:
    """The frequency of each number of a real transform, in cycles a pixel; that of the mean is
    taken for one cycle over the longer side."""
    rows, columns = np.fft.fftfreq(height)[:, np.newaxis], np.fft.rfftfreq(width)
    found: Canvas = np.maximum(np.hypot(rows, columns), 1 / max(height, width))
    return found
