"""Pictures: [N, C, H, W], [N, H, W, C], [N, H, W], and the same without a batch axis."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from retrograph.errors import InputError
from retrograph.inputs.kinds.frames import FramesInput
from retrograph.preprocess import (
    Coding,
    InputAxes,
    Item,
    Pending,
    PictureFile,
    Shape,
    prepare,
)
from retrograph.preprocess.arrays import AnyArray, as_bytes, as_image, as_pictures
from retrograph.preprocess.recipe import spatial
from retrograph.preprocess.table import Row, rows_of
from retrograph.render import Style, colour

_ELONGATED = 8
"""How many times as long as wide no picture without a channel axis is."""


class PictureInput(FramesInput):
    """A picture of one or three channels."""

    name = "picture"
    things = "pictures"
    has_windows = True
    mend_shape = (
        "floats are the model's input as it is: reshape it, or give pictures as bytes (uint8), as "
        "files or as pictures of Pillow"
    )

    @classmethod
    def matches(cls, axes: InputAxes, coding: Coding | None) -> bool:
        """Height and width, and one or three channels."""
        return axes.takes_pictures

    @property
    def _frame(self) -> Shape:
        assert self.axes.frame is not None
        return self.axes.frame

    def read_pictures(self, files: Iterable[PictureFile]) -> Iterator[Pending]:
        """Each file is an input."""
        return (Pending(file.name, partial(self._from_file, file), file.held) for file in files)

    def _from_file(self, file: PictureFile) -> Item:
        opened = file.open()
        return self._from_image(file.name, opened.image, file.label, opened.note)

    def _from_image(
        self, name: str, image: Image.Image, label: str | None = None, note: str = ""
    ) -> Item:
        try:
            array, shown = prepare(image, self.preprocessing, self._frame)
        except InputError as error:
            raise InputError(f"{name}: {error}") from None
        return Item(name, self.axes.to_item(array[np.newaxis]), shown, label, note)

    def read_table(self, path: Path) -> Iterator[Pending]:
        """A picture a row, where the model fixes its size."""
        height, width = spatial(self._frame, self.preprocessing.layout)
        if height is None or width is None:
            yield from super().read_table(path)
            return
        size = height, width, self.preprocessing.channels
        for number, row in enumerate(rows_of(path, math.prod(size))):
            name = f"{path}[{number}]"
            yield Pending(name, partial(self._from_table_row, name, row, size))

    def _from_table_row(self, name: str, row: Row, size: Sequence[int]) -> Item:
        try:
            taken = row.columns.take(row.cells)
        except InputError as error:
            raise InputError(f"{name}: line {row.line} {error}") from None
        try:
            pixels = as_bytes(taken.values)
        except InputError as error:
            raise InputError(f"{name}: line {row.line}: {error}") from None
        return self._from_image(name, as_image(pixels.reshape(size)), taken.label, taken.note)

    def from_bytes(self, array: AnyArray) -> AnyArray:
        """Pictures, grey or RGB, for `prepared`."""
        return as_pictures(array, self._frame, self.preprocessing)

    def prepared(self, name: str, row: AnyArray) -> Item:
        """A picture of bytes, preprocessed."""
        return self._from_image(name, as_image(row))

    def from_numbers(self, name: str, values: AnyArray) -> Item:
        """The model's input as it is, and the picture that it looks like."""
        item = super().from_numbers(name, values)
        return Item(name, item.array, self.shown(item.array))

    def shown(self, array: AnyArray) -> Image.Image | None:
        """The picture that an input was made of.

        None for an array of other channels; without a channel axis for one that is very elongated;
        and of one channel for one beyond the values of a picture, by more than a grey level:
        rather a spectrogram or a matrix.
        """
        channel = self.axes.channel
        if channel is not None and array.shape[channel] != self.preprocessing.channels:
            return None
        if channel is None and max(array.shape) > _ELONGATED * min(array.shape):
            return None
        if (channel is None or array.shape[channel] == 1) and self._is_beyond(array):
            return None
        return Image.fromarray(self.axes.frames_of(array, self.preprocessing)[0])

    def _is_beyond(self, array: AnyArray) -> bool:
        """Whether values are less or more than a picture's can become, by over a grey level."""
        least, most = self.axes.limits(self.preprocessing)
        level = (most - least) / 255
        return bool((array < least - level).any() or (array > most + level).any())

    def is_coloured(self, attribution: AnyArray, shown: Image.Image | None) -> bool:
        """Whether the picture has three channels, and the attribution one for each."""
        return shown is not None and self.has_colours(attribution)

    def input_picture(self, array: AnyArray, shown: Image.Image | None) -> colour.Picture:
        """The picture; what looks like none as a plane."""
        return super().input_picture(array, shown) if shown is None else shown

    def map_picture(
        self, values: AnyArray, style: Style, array: AnyArray, shown: Image.Image | None
    ) -> colour.Picture:
        """In colours where each channel has its own numbers."""
        if shown is None:
            return super().map_picture(values, style, array, shown)
        drawn: colour.Pixels = self.map_frames(values, style, np.asarray(shown)[np.newaxis])[0]
        return drawn
