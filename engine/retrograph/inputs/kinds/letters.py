"""Sequences of letters, one-hot: [N, C, L] and [N, L, C]."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from retrograph.errors import InputError
from retrograph.inputs.kinds.base import AttributionMap, InputKind, ShownInput
from retrograph.preprocess import Coding, InputAxes, Item, Pending
from retrograph.preprocess.arrays import AnyArray
from retrograph.preprocess.sequences import read_fasta
from retrograph.render import Caption, Page, Style, Track, ValueGreys, colour, letter_tiles, strips

_MOST_LETTERS = 64
"""Longer parts of a sequence are drawn as colours alone where they have to be small."""


class LetterInput(InputKind):
    """A sequence of letters, a channel for each."""

    name = "letters"
    things = "sequences"
    has_spans = True

    @classmethod
    def matches(cls, axes: InputAxes, coding: Coding | None) -> bool:
        """What an alphabet is named for."""
        return coding is not None

    @property
    def _coding(self) -> Coding:
        assert self.coding is not None
        return self.coding

    @property
    def no_picture(self) -> str:
        return "the model takes sequences of letters; give FASTA or a .npy array"

    def read_letters(self, path: Path) -> Iterator[Pending]:
        """Each sequence of the file."""
        if self._coding.unnamed:
            raise InputError(
                f"{path}: {self._coding.unnamed} of the model's {len(self._coding.alphabet)} "
                "channels are no letters, and FASTA does not tell them; give a .npy array"
            )
        for header, sequence in read_fasta(path):
            name = f"{path}:{header}"
            yield Pending(name, partial(self._from_letters, name, sequence), len(sequence))

    def _from_letters(self, name: str, sequence: str) -> Item:
        try:
            array, note = self._coding.encode(sequence)
        except InputError as error:
            raise InputError(f"{name}: {error}") from None
        return Item(name, array, None, note=note)

    def patch_pictures(
        self,
        values: AnyArray,
        style: Style,
        array: AnyArray,
        shown: Image.Image | None,
        longest: int,
    ) -> tuple[colour.Picture, colour.Picture]:
        """The letters, on white and on the colours of their values; long parts as planes."""
        coding = self._coding
        if array.shape[coding.positions] > _MOST_LETTERS:
            return super().patch_pictures(values, style, array, shown, longest)
        matrix = coding.matrix(np.broadcast_to(values, array.shape))
        return letter_tiles(coding.letters(array), matrix, coding.alphabet, style)

    def draws_values(self, array: AnyArray, shown: Image.Image | None) -> bool:
        """Where the letters do not tell them."""
        return not self._coding.is_one_hot(array)

    def drawn_span(self, array: AnyArray) -> tuple[float, float]:
        """Those of all positions, which are drawn one by one."""
        return float(array.min()), float(array.max())

    def figure(self, shown: ShownInput, maps: Sequence[AttributionMap], caption: Caption) -> Page:
        """The attributions as strips under the letters; the input too if these do not tell it."""
        coding, array, tracks = self._coding, shown.array, []
        if self.draws_values(array, shown.picture):
            values = coding.matrix(array)
            tracks.append(Track(shown.title, values, ValueGreys(), is_attribution=False))
        for each in maps:
            values = np.broadcast_to(each.values, array.shape)
            tracks.append(Track(each.title, coding.matrix(values), each.style))
        _, _, file = shown.title.partition("\n")
        if file and not self.draws_values(array, shown.picture):
            caption = replace(caption, text=f"{caption.text}\n{file}")
        spans = [each.span for each in maps if each.span is not None]
        return strips(tracks, coding.letters(array), coding.alphabet, caption, spans)
