"""The kinds of inputs: one class each, in one list."""

from __future__ import annotations

from typing import Final

from retrograph.inputs.kinds.array import ArrayInput
from retrograph.inputs.kinds.base import AttributionMap, InputKind, ShownInput
from retrograph.inputs.kinds.letters import LetterInput
from retrograph.inputs.kinds.picture import PictureInput
from retrograph.inputs.kinds.table import TableInput
from retrograph.inputs.kinds.video import VideoInput
from retrograph.inputs.kinds.volume import VolumeInput
from retrograph.inputs.kinds.waveform import WaveformInput
from retrograph.preprocess import Coding, InputAxes, Preprocessing
from retrograph.render.seen import NamedWindow, Window

KINDS: Final[tuple[type[InputKind], ...]] = (
    LetterInput,
    WaveformInput,
    VideoInput,
    PictureInput,
    VolumeInput,
    TableInput,
    ArrayInput,
)
"""An input is of the first kind that matches it; the last one matches all."""

__all__ = [
    "KINDS",
    "ArrayInput",
    "AttributionMap",
    "InputKind",
    "NamedWindow",
    "ShownInput",
    "Window",
    "input_kind",
]


def input_kind(
    axes: InputAxes,
    preprocessing: Preprocessing,
    coding: Coding | None = None,
    sample_rate: int | None = None,
) -> InputKind:
    """The kind of a model's input.

    Args:
        axes: what the axes of the input count.
        preprocessing: how a picture becomes it, where it takes some.
        coding: which channels are which letters; None where it takes no letters.
        sample_rate: of a waveform, samples a second; None where that is not known.

    Raises:
        InputError: the preprocessing does not go with a model of pictures.
    """
    kind = next(kind for kind in KINDS if kind.matches(axes, coding))
    return kind(axes, preprocessing, coding, sample_rate)
