"""Waveforms: [N, T], [N, 1, T], [N, T, 1], [N, 2, T] and the like."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
from PIL import Image

from retrograph.errors import InputError
from retrograph.inputs.kinds.base import AttributionMap, InputKind, ShownInput
from retrograph.preprocess import Coding, InputAxes, Item, Pending, PictureFile
from retrograph.preprocess.arrays import AnyArray
from retrograph.preprocess.recipe import describe, known
from retrograph.preprocess.sounds import SOUND_SUFFIXES, WaveformSize, read_waveform
from retrograph.render import BAR_SCALE, Caption, Page, Style, colour
from retrograph.render.waveform import (
    WaveTrack,
    attribution_plot,
    in_colour,
    waveform_page,
    waveform_plot,
)

_PICTURE = (448, 112)
"""Width and height, in pixels, of a waveform that is drawn as one picture."""


class WaveformInput(InputKind):
    """The samples of a sound, or of another signal, of one or two channels."""

    name = "waveform"
    things = "waveforms"
    files = "sounds"

    @classmethod
    def matches(cls, axes: InputAxes, coding: Coding | None) -> bool:
        """One long axis, and one or two channels."""
        return axes.takes_waveforms

    @property
    def no_picture(self) -> str:
        shape = describe(self.axes.shape)
        return f"the model takes waveforms, {shape}; give a WAV or FLAC file, or a .npy array"

    @property
    def _size(self) -> WaveformSize:
        """What a sound becomes."""
        item, samples = self.axes.item, self.axes.samples
        assert samples is not None
        channels = [known(dim) or 1 for axis, dim in enumerate(item) if axis != samples]
        return WaveformSize(int(np.prod(channels)), known(item[samples]), self.sample_rate)

    @property
    def file_suffixes(self) -> frozenset[str]:
        return SOUND_SUFFIXES

    def read_files(self, files: Iterable[PictureFile]) -> Iterator[Pending]:
        return self.read_sounds(files)

    def read_sounds(self, files: Iterable[PictureFile]) -> Iterator[Pending]:
        """Each file is an input."""
        return (Pending(file.name, partial(self._from_file, file), file.held) for file in files)

    def _from_file(self, file: PictureFile) -> Item:
        if isinstance(file.source, Image.Image):
            raise InputError(f"{file.name}: {self.no_picture}")
        waveform = read_waveform(file.name, file.source, self._size)
        return Item(
            file.name,
            self.axes.from_waveform(waveform.samples),
            None,
            file.label,
            waveform.note,
            sample_rate=waveform.rate,
        )

    def as_batch(self, array: AnyArray) -> AnyArray:
        """Also one channel alone, [T], for an input that has axes of 1 besides."""
        length = self._size.length
        if array.ndim == 1 and self._size.channels == 1 and length in (None, len(array)):
            return super().as_batch(self.axes.from_waveform(array[np.newaxis]))
        return super().as_batch(array)

    def from_row(self, name: str, row: AnyArray) -> Item:
        """Samples as they are; of whole numbers a note says so."""
        item = self.from_numbers(name, row)
        if row.dtype.kind not in "iu":
            return item
        note = (
            f"its values, {row.dtype} from {row.min()} to {row.max()}, are taken as they are; of "
            "sound files the largest is 1"
        )
        return replace(item, note=note)

    def draws_values(self, array: AnyArray, shown: Image.Image | None) -> bool:
        """As a curve, whose colour says nothing."""
        return False

    def drawn_style(self, style: Style, array: AnyArray) -> Style:
        """Red and blue instead of greys, in which bars are hard to see."""
        return in_colour(style)

    def scale_notes(self, array: AnyArray, count: int) -> Sequence[str]:
        """Bars end where colours do."""
        return (BAR_SCALE,)

    def is_plane(self, shown: Image.Image | None) -> bool:
        return False

    def can_draw(self, array: AnyArray) -> bool:
        return True

    def is_one_picture(self, array: AnyArray) -> bool:
        return True

    def input_picture(self, array: AnyArray, shown: Image.Image | None) -> colour.Picture:
        """The curve of each channel."""
        return waveform_plot(self.axes.to_waveform(array), *_PICTURE)

    def map_picture(
        self, values: AnyArray, style: Style, array: AnyArray, shown: Image.Image | None
    ) -> colour.Picture:
        """A bar from 0 for each sample, in the style's colours."""
        waveform = self.axes.to_waveform(np.broadcast_to(values, array.shape))
        return attribution_plot(waveform, style, *_PICTURE)

    def patch_pictures(
        self,
        values: AnyArray,
        style: Style,
        array: AnyArray,
        shown: Image.Image | None,
        longest: int,
    ) -> tuple[colour.Picture, colour.Picture]:
        """Both curves, half as high as wide."""
        size = longest, longest // 2
        attribution = self.axes.to_waveform(np.broadcast_to(values, array.shape))
        return (
            waveform_plot(self.axes.to_waveform(array), *size),
            attribution_plot(attribution, style, *size),
        )

    def figure(self, shown: ShownInput, maps: Sequence[AttributionMap], caption: Caption) -> Page:
        """The waveform over its attributions, on one axis of time."""
        tracks = [
            WaveTrack(
                each.title,
                self.axes.to_waveform(np.broadcast_to(each.values, shown.array.shape)),
                each.style,
            )
            for each in maps
        ]
        waveform = self.axes.to_waveform(shown.array)
        rate = self.sample_rate or shown.sample_rate
        return waveform_page(shown.title, waveform, tracks, rate, caption)
