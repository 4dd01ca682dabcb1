"""What the numbers of an attribution are, which the legend of a picture says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Quantity:
    """What an attribution has at each place.

    Attributes:
        name: of the number, as in "the size of the gradient".
        is_derivative: whether its sign says what raising the input's value there does to the score;
            else it says whether the value that is there counts for or against the unit.
        has_sign: whether it can be negative.
        is_channel_max: whether it is the largest of the numbers of a place's channels.
    """

    name: str
    is_derivative: bool = False
    has_sign: bool = True
    is_channel_max: bool = False


GRADIENT: Final = Quantity("gradient", is_derivative=True)
GRADIENT_SIZE: Final = Quantity("size of the gradient", has_sign=False, is_channel_max=True)
GRADIENT_VARIANCE: Final = Quantity("variance of the gradient under noise", has_sign=False)
CONTRIBUTION: Final = Quantity("contribution")
EVIDENCE: Final = Quantity("evidence for the unit", has_sign=False)
