"""The self-test: the sample model is explained, and its gradient held against its own scores."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from retrograph.demonstration import demo, sample_model
from retrograph.errors import RetrographError
from retrograph.explainer import Explainer

_UNIT: Final = (3,)
_STEP: Final = 1e-3
_TOLERANCE: Final = 1e-2


@dataclass(frozen=True)
class Trial:
    """One thing that was tried.

    Attributes:
        name: what was tried.
        passed: whether it went well.
        outcome: what came of it, or what went wrong.
    """

    name: str
    passed: bool
    outcome: str


def self_test() -> list[Trial]:
    """Both halves of the program tried once: the arithmetic, and reading and drawing."""
    return [
        _tried("gradient against differences of the score", _check_gradient),
        _tried("a photograph explained and drawn", _check_drawing),
    ]


def _tried(name: str, trial: Callable[[], str]) -> Trial:
    try:
        return Trial(name, True, trial())
    except RetrographError as error:
        return Trial(name, False, str(error))
    except Exception as error:  # whatever a broken installation raises is the answer
        return Trial(name, False, f"{type(error).__name__}: {error}".splitlines()[0])


def _check_gradient() -> str:
    """The score along the gradient rises as steeply as the gradient is long."""
    explainer = Explainer(sample_model(), method="gradient", select="unit", device="cpu")
    x = np.random.default_rng(0).random((1, 3, 32, 32), np.float32)
    gradient = explainer.attribute(x, unit=_UNIT).attribution
    length = float(np.linalg.norm(gradient))
    step = (_STEP / length * gradient).astype(np.float32)
    above, below = (explainer.attribute(x + s, unit=_UNIT).score for s in (step, -step))
    slope = float((above[0] - below[0]) / (2 * _STEP))
    error = abs(slope - length) / length
    if not error < _TOLERANCE:
        raise ArithmeticError(f"the gradient is {length:.4g}, the scores' difference {slope:.4g}")
    return f"equal to {error:.1%}"


def _check_drawing() -> str:
    width, height = demo().image().size
    return f"{width}x{height} pixels"
