"""What a style of drawing attributions is: how it draws, and what its colours mean."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import ClassVar, Final

import numpy as np

from retrograph.methods.quantity import CONTRIBUTION, Quantity
from retrograph.render.colour import (
    PERCENTILE,
    Attribution,
    Floats,
    Layout,
    Order,
    Picture,
    Pixels,
    channels_last,
    to_bytes,
    to_unit,
)
from retrograph.render.smoothing import blurred

BAR_WIDTH: Final = 300
BAR_HEIGHT: Final = 40
ROWS_HEIGHT: Final = 80
"""Of a bar whose rows are named."""
SIGMA: Final = 0.015
"""The sigma of the blur of smooth maps, as a share of their shorter side."""


@dataclass(frozen=True)
class Key:
    """A style of drawing in a legend.

    Attributes:
        bar: its colours, uint8 [H, W, 3].
        ends: what the bar's left, possibly middle, and right are.
        text: what they mean.
        rows: what each row of the bar is; none where it has one.
    """

    bar: Pixels
    ends: tuple[str, ...]
    text: str
    rows: tuple[str, ...] = ()


@dataclass(frozen=True)
class Subject:
    """What is explained, as a legend names it.

    Attributes:
        name: the unit, or the first of a difference.
        against: what speaks against it; the second of a difference.
        value: its number.
    """

    name: str = "the unit"
    against: str = ""
    value: str = "the score"

    @property
    def sides(self) -> tuple[str, str]:
        """What counts for the unit, and what counts against it, in words."""
        return f"for {self.name}", f"for {self.against}" if self.against else "against it"

    @property
    def ends(self) -> tuple[str, str, str]:
        """The same at the ends of a bar, and 0 between them."""
        return (self.against, "0", self.name) if self.against else ("against", "0", "for")


@dataclass(frozen=True)
class Drawn:
    """What is drawn in a style, as far as a legend says it.

    Attributes:
        quantity: what the numbers are.
        subject: what is explained.
        coloured: whether the map has the picture's three colours by themselves.
        over_picture: whether the map is drawn on a picture, if the style draws on one.
        sigma: of the blur of a smooth map, in pixels; None where maps have several.
        grid: rows and columns of small maps, as in "32 x 32"; "" of others.
    """

    quantity: Quantity = CONTRIBUTION
    subject: Subject = Subject()
    coloured: bool = True
    over_picture: bool = False
    sigma: float | None = None
    grid: str = ""

    def signed_text(self, positive: str, negative: str) -> str:
        """What two colours mean in which positive and negative numbers are drawn."""
        if not self.quantity.has_sign:
            return f"{positive}: {self.size_text}"
        if self.quantity.is_derivative:
            what = "this colour value" if self.coloured else "the value"
            return f"{positive}: raising {what} raises {self.subject.value}; {negative}: lowers it"
        first, second = self.subject.sides
        return f"{positive}: {first}; {negative}: {second}"

    @property
    def signed_ends(self) -> tuple[str, str, str]:
        """What the ends and the middle of their bar are."""
        if not self.quantity.has_sign:
            return "", "0", "most"
        if self.quantity.is_derivative:
            return "lowers", "0", "raises"
        return self.subject.ends

    @property
    def size_text(self) -> str:
        """What a magnitude means."""
        name = self.quantity.name.replace("the unit", self.subject.name)
        if not self.quantity.has_sign:
            is_pooled = self.quantity.is_channel_max and self.over_picture
            return f"{name} (largest over channels)" if is_pooled else name
        return f"size of the {name}, whatever its sign (largest over channels)"


@dataclass(frozen=True)
class Style(ABC):
    """A way to draw attributions: what of the channels is drawn, and in which colours.

    Attributes:
        is_smooth: whether maps are blurred a little, which takes the grid of strides out of them,
            and small pictures are enlarged without edges between their pixels.
        end: the magnitude at which the colours end, for maps that have one scale; a percentile of
            each map's own if None.
        name: by which it is chosen.
        has_sign: whether what speaks for a unit looks otherwise than what speaks against it.
        in_colours: whether a picture's three colours are drawn apart.
        on_picture: whether it can only be drawn on the picture that was explained.
        percentile: of the magnitudes other than 0, the end of the colours where none is given.
    """

    is_smooth: bool = False
    end: float | None = None

    name: ClassVar[str]
    has_sign: ClassVar[bool]
    in_colours: ClassVar[bool] = False
    on_picture: ClassVar[bool] = False
    percentile: ClassVar[float] = PERCENTILE

    @abstractmethod
    def plane(self, values: Floats, order: Order) -> Floats:
        """What is drawn of an attribution [H, W, C]: [H, W], or [H, W, 3] of its colours."""

    @abstractmethod
    def colours(self, plane: Floats, picture: Picture | None) -> Floats:
        """The colours [H, W, 3], from 0 to 255, of a plane whose values are from -1 to 1."""

    @abstractmethod
    def _key(self, drawn: Drawn) -> Key:
        """The legend, without what is said of smoothing."""

    def draw(
        self,
        attribution: Attribution,
        *,
        layout: Layout = "nchw",
        order: Order = "rgb",
        picture: Picture | None = None,
        percentile: float | None = None,
        frames: int = 1,
    ) -> Pixels:
        """The attribution in colours, uint8 [H, W, 3].

        Args:
            attribution: [C, H, W], or [H, W, C] by `layout`.
            layout: nchw or nhwc.
            order: of the channels: rgb, bgr or gray.
            picture: what was explained, uint8 [H, W, 3] or of Pillow.
            percentile: of the magnitudes other than 0, the end of the colours; the style's if None.
            frames: how many pictures of one height lie under each other in the attribution.

        Raises:
            InputError: the attribution is not finite.
            ValueError: the style is drawn on a picture, and there is none of that height and width.
        """
        plane = self.plane(channels_last(attribution, layout), order)
        if self.is_smooth:
            plane = _smooth(plane, frames)
        scaled = to_unit(plane, self.percentile if percentile is None else percentile, self.end)
        return to_bytes(self.colours(scaled, picture))

    def key(self, drawn: Drawn = Drawn()) -> Key:
        """The legend of what is drawn; of a smooth style it says how smooth it is."""
        key = _sharp_key(self, drawn)
        if not self.is_smooth:
            return key
        share = f"{100 * SIGMA:g} % of the shorter side"
        sigma = share if drawn.sigma is None else f"{drawn.sigma:.2g} px"
        small = f", interpolated from {drawn.grid}" if drawn.grid else ""
        return replace(key, text=f"{key.text}; smoothed, sigma {sigma}{small}")

    def sharp(self) -> Style:
        """The same without smoothing."""
        return replace(self, is_smooth=False)


@lru_cache(maxsize=32)
def _sharp_key(style: Style, drawn: Drawn) -> Key:
    """A style's legend, without what is said of smoothing: drawn once."""
    return style._key(drawn)


def _smooth(plane: Floats, frames: int) -> Floats:
    """A plane [H, W] or [H, W, 3], each of its frames blurred by itself."""
    height, width = plane.shape[0] // frames, plane.shape[1]
    parts = np.moveaxis(plane.reshape(frames, height, width, -1), -1, 1)
    smooth = blurred(parts, SIGMA * min(height, width))
    back: Floats = np.moveaxis(smooth, 1, -1).reshape(plane.shape)
    return back


def ramp(start: float) -> Floats:
    """From a value to 1: [1, 1, BAR_WIDTH]."""
    return np.linspace(start, 1, BAR_WIDTH)[np.newaxis, np.newaxis]


def bar(row: Pixels, height: int = BAR_HEIGHT) -> Pixels:
    """A row or a few of colours, as high as a legend's bar."""
    return row.repeat(height // len(row), axis=0)
