"""What pictures and videos have in common: bytes preprocessed, maps drawn frame by frame."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np

from retrograph.errors import InputError
from retrograph.inputs.kinds.base import InputKind
from retrograph.preprocess import Item
from retrograph.preprocess.arrays import AnyArray
from retrograph.render import Style, colour


class FramesInput(InputKind):
    """A picture of one or three channels, or a series of such."""

    @abstractmethod
    def from_bytes(self, array: AnyArray) -> AnyArray:
        """A batch of bytes, grey or RGB, with the axes that files have."""

    @abstractmethod
    def prepared(self, name: str, row: AnyArray) -> Item:
        """One of that batch, preprocessed."""

    def as_batch(self, array: AnyArray) -> AnyArray:
        """Bytes as pictures, grey or RGB; floats as the model's input."""
        if array.dtype == np.uint8:
            return self.from_bytes(array)
        if array.dtype.kind != "f":
            raise InputError(
                f"its values are {array.dtype}; save uint8 for a picture, "
                "float32 for the model's input as it is"
            )
        return super().as_batch(array)

    def from_row(self, name: str, row: AnyArray) -> Item:
        """Bytes are preprocessed, floats are the model's input."""
        return self.prepared(name, row) if row.dtype == np.uint8 else self.from_numbers(name, row)

    def has_colours(self, attribution: AnyArray) -> bool:
        """Whether an attribution [*input] has a number for each of three colours."""
        channel = self.axes.channel
        return channel is not None and attribution.shape[channel] == 3

    def map_frames(self, values: AnyArray, style: Style, frames: colour.Pixels) -> colour.Pixels:
        """An attribution on one scale for all frames: uint8 [T, H, W, 3].

        Args:
            values: [*input], or one number for all frames, or for all channels.
            style: how it is drawn.
            frames: of the input, uint8 [T, H, W, 3].
        """
        recipe, stack = self.preprocessing, self.axes.to_stack(values)
        rows_axis = 1 if recipe.layout == "nchw" else 0
        tall = np.concatenate(np.broadcast_to(stack, (len(frames), *stack.shape[1:])), rows_axis)
        drawn = style.draw(
            tall,
            layout=recipe.layout,
            order=recipe.order,
            picture=np.concatenate(frames),
            frames=len(frames),
        )
        return drawn.reshape(frames.shape)
