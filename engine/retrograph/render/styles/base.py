"""What a style of drawing attributions is: how it draws, and what its colours mean."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np

from retrograph.render.colour import (
    PERCENTILE,
    Attribution,
    Floats,
    Layout,
    Order,
    Picture,
    Pixels,
)

BAR_WIDTH: Final = 300
BAR_HEIGHT: Final = 40


@dataclass(frozen=True)
class Key:
    """A style of drawing in a legend.

    Attributes:
        bar: its colours, uint8 [H, W, 3].
        ends: what the bar's left, possibly middle, and right are.
        text: what they mean.
    """

    bar: Pixels
    ends: tuple[str, ...]
    text: str


class Style(ABC):
    """A way to draw attributions.

    Attributes:
        name: by which it is chosen.
        has_sign: whether what speaks for a unit looks otherwise than what speaks against it.
        on_picture: whether it is drawn on the picture that was explained.
        strip_words: what the colours of a strip under a sequence mean.
    """

    name: ClassVar[str]
    has_sign: ClassVar[bool]
    on_picture: ClassVar[bool] = False
    strip_words: ClassVar[str]

    @abstractmethod
    def draw(
        self,
        attribution: Attribution,
        *,
        layout: Layout = "nchw",
        order: Order = "rgb",
        picture: Picture | None = None,
        percentile: float = PERCENTILE,
    ) -> Pixels:
        """The attribution in colours, uint8 [H, W, 3].

        Args:
            attribution: [C, H, W], or [H, W, C] by `layout`.
            layout: nchw or nhwc.
            order: of the channels: rgb, bgr or gray.
            picture: what was explained, uint8 [H, W, 3] or of Pillow, for a style that is drawn on
                it.
            percentile: of the magnitudes other than 0, the end of the colours.

        Raises:
            InputError: the attribution is not finite.
        """

    @abstractmethod
    def key(self, *, coloured: bool = True) -> Key:
        """The legend.

        Args:
            coloured: whether the map has the picture's three colours by themselves.
        """


def ramp(start: float) -> Floats:
    """From a value to 1: [1, 1, BAR_WIDTH]."""
    return np.linspace(start, 1, BAR_WIDTH)[np.newaxis, np.newaxis]


def bar(row: Pixels) -> Pixels:
    """A row or a few of colours, as high as a legend's bar."""
    return row.repeat(BAR_HEIGHT // len(row), axis=0)
