"""How an ascent goes, in the numbers that a user may choose."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from typing import TypeVar

from retrograph.errors import InputError, parameter
from retrograph.synthesis.ascent import Ascent, Step
from retrograph.synthesis.octaves import Octave, octaves
from retrograph.synthesis.regularisers import (
    Blur,
    ClipContribution,
    ClipNorm,
    Decay,
    Regulariser,
    TotalVariation,
)
from retrograph.synthesis.smoothing import Smoothing
from retrograph.synthesis.space import Space
from retrograph.synthesis.views import Shaking, Size, Still


@dataclass(frozen=True)
class Settings:
    """How an ascent goes. Rates are in the measure of a canvas, on which 1 is from black to white.

    Attributes:
        steps: of all octaves together.
        rate: how far a step goes, as the root mean square of the change.
        octaves, ratio: how many sizes, and how much larger the next is.
        smooth: the exponent by which high frequencies are held back in a picture's step; 0 for
            steps by the plain gradient.
        jitter: the greatest shift of the model's view, as a share of it.
        zoom: the greatest change of its scale, as a share.
        decay: the share towards mid-grey at each step.
        variation: the rate down the total variation.
        blur: the sigma, in pixels, of a Gaussian blur every `blur_every` steps; 0 for none.
        blur_every: steps from one blur to the next.
        clip_norm, clip_contribution: the percentile of pixels that become grey at each step.

    Raises:
        InputError: a number cannot be.
    """

    steps: int = 192
    rate: float = 0.03
    octaves: int = 5
    ratio: float = 1.5
    smooth: float = 1.0
    jitter: float = 0.1
    zoom: float = 0.2
    decay: float = 0.03
    variation: float = 0.008
    blur: float = 0.0
    blur_every: int = 4
    clip_norm: float = 0.0
    clip_contribution: float = 0.0

    def __post_init__(self) -> None:
        check_ranges(self, _RANGES)

    def ascent(self, space: Space, size: Size, window: Size | None) -> Ascent:
        """The ascent to pictures of a size, of which the model sees a window; or to an input."""
        step = Step(self.rate)
        if space.recipe is None:
            decay = [Decay(self.decay)] if self.decay else []
            return Ascent([Octave(size, size, self.steps)], step, None, Still(), decay)
        sizes = octaves(size, count=self.octaves, ratio=self.ratio, steps=self.steps, window=window)
        shaking = Shaking(self.jitter, self.zoom)
        smoothing = Smoothing(self.smooth, coloured=space.recipe.channels == 3)
        return Ascent(sizes, step, smoothing, shaking, [*self._regularisers()])

    def _regularisers(self) -> Iterator[Regulariser]:
        if self.decay:
            yield Decay(self.decay)
        if self.variation:
            yield TotalVariation(self.variation)
        if self.blur:
            yield Blur(self.blur, self.blur_every)
        if self.clip_norm:
            yield ClipNorm(self.clip_norm)
        if self.clip_contribution:
            yield ClipContribution(self.clip_contribution)


@dataclass(frozen=True)
class CodeSettings:
    """How an ascent among the codes of a generator goes.

    Attributes:
        steps: how many.
        rate: how far a step goes, as the root mean square of the code's change.
        prior: the weight of the penalty |z|^2 / 2 that keeps a code near the standard normal; with
            1 a code's root mean square stays about that of one drawn from it.
        draws: how many codes are drawn from the prior; each unit starts from the one that activates
            it most.

    Raises:
        InputError: a number cannot be.
    """

    steps: int = 200
    rate: float = 0.05
    prior: float = 1.0
    draws: int = 16

    def __post_init__(self) -> None:
        check_ranges(self, _CODE_RANGES)


def check_ranges(settings: object, ranges: Mapping[str, tuple[float, float]]) -> None:
    """Raises InputError where a setting is not between the least and the most that it may be."""
    for name, (least, most) in ranges.items():
        value = getattr(settings, name)
        if not least <= value <= most:
            raise InputError(
                f"{parameter(name)} is {value:g}; give a number from {least:g} to {most:g}"
            )


AnySettings = TypeVar("AnySettings")


def with_settings(usual: AnySettings, settings: object) -> AnySettings:
    """The settings that somebody gives.

    Args:
        usual: those of whoever gives none.
        settings: all of them, of the same class; or a dictionary of some by their names; or None.

    Raises:
        InputError: there is no setting of a name, or a number cannot be.
    """
    if settings is None:
        return usual
    if isinstance(settings, type(usual)):
        return settings
    if not isinstance(settings, Mapping):
        raise InputError(
            f"settings are {type(usual).__name__} or a dictionary of numbers, not {settings!r:.60}"
        )
    names = [field.name for field in fields(usual)]  # type: ignore[arg-type]
    for name in settings:
        if name not in names:
            raise InputError(
                f"{parameter(name)} is no setting here; choose from: "
                f"{', '.join(map(parameter, names))}"
            )
    return replace(usual, **settings)  # type: ignore[type-var]


_RANGES = {
    "steps": (1, 1_000_000),
    "rate": (1e-9, 1e9),
    "octaves": (1, 16),
    "ratio": (1.05, 8),
    "smooth": (0, 4),
    "jitter": (0, 1),
    "zoom": (0, 1),
    "decay": (0, 1),
    "variation": (0, 0.01),
    "blur": (0, 100),
    "blur_every": (1, 1_000_000),
    "clip_norm": (0, 100),
    "clip_contribution": (0, 100),
}
_CODE_RANGES = {
    "steps": (1, 1_000_000),
    "rate": (1e-9, 1e9),
    "prior": (0, 1e9),
    "draws": (1, 10**6),
}

DREAM = Settings(
    steps=60,
    rate=0.02,
    octaves=3,
    ratio=1.4,
    smooth=0.5,
    jitter=0.25,
    zoom=0.0,
    decay=0.0,
    variation=0.0,
)
"""For a dream on a photograph, which stays what it is."""
