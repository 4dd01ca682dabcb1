"""What a kind of input is: what it matches, how files become it, how it is drawn."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from retrograph.errors import InputError, parameter
from retrograph.preprocess import (
    Coding,
    InputAxes,
    Item,
    Pending,
    PictureFile,
    Preprocessing,
    check_fits,
)
from retrograph.preprocess.arrays import AnyArray, as_inputs, finite
from retrograph.preprocess.axes import sample_axis
from retrograph.preprocess.formats import picture_suffixes
from retrograph.preprocess.recipe import USE_NPY, describe
from retrograph.render import (
    LONE_SCALE,
    NO_MARKS,
    SCALE,
    Caption,
    Marks,
    Page,
    Style,
    colour,
    marked,
    panels,
    values_picture,
)
from retrograph.render.page import Titled, panel_side
from retrograph.render.plane_page import plane_page
from retrograph.render.planes import axis_names, is_sparse, plane, rows_and_columns
from retrograph.render.seen import NamedWindow, Seen, seen_rows
from retrograph.render.seen_page import seen_page

_MOST_AXES = 4
"""The axes of an array that can be drawn."""
_DOTS = "dots on the maps: where the input is 1"
_ACROSS = 4
"""The pictures of a row of a figure."""
_WIDE = 2.5
"""How many times as wide as high are pictures that have a row for each."""


@dataclass(frozen=True)
class ShownInput:
    """An input that is drawn beside its attributions.

    Attributes:
        title: what it is; a second line says where it is from.
        array: [*input].
        picture: what it was made of; None where that is not known, or it is none.
        marks: boxes and contours on it.
        sample_rate: of a sound, samples a second; None where that is not known.
    """

    title: str
    array: AnyArray
    picture: Image.Image | None
    marks: Marks = NO_MARKS
    sample_rate: int | None = None


@dataclass(frozen=True)
class AttributionMap:
    """An attribution that is drawn.

    Attributes:
        title: what it is, in a few words; a second line says more.
        values: [*input], or with one entry along an axis whose entries have it in common.
        style: how it is drawn.
        windows: what of a picture its units see; none for those that see all of it.
        marks: boxes and contours on it.
        span: the first position of a sequence that its unit sees and the one after the last; None
            where it sees all of it.
    """

    title: str
    values: AnyArray
    style: Style
    windows: Sequence[NamedWindow] = ()
    marks: Marks = NO_MARKS
    span: tuple[int, int] | None = None


@dataclass(frozen=True)
class InputKind(ABC):
    """A kind of input, for one model: by default an array, drawn as a plane.

    What a kind does not read it refuses. To add one, write a class in a file of its own and put it
    into the list in `inputs/kinds/__init__.py`.

    Attributes:
        axes: what the axes of the input count.
        preprocessing: how a picture becomes the input.
        coding: which channels are which letters; None where the input takes no letters.
        sample_rate: of a waveform, samples a second; None where that is not known.
        name: of the kind.
        things: what inputs of this kind are called where they are counted.
        files: what the files are called that are looked for in folders and archives.
        mend_shape: what to do about an array that does not fit the model's input.
        is_file_each: whether every picture file is an input by itself.
        has_windows: whether figures show what of the input a unit sees.
        has_spans: whether figures mark what of a sequence a unit sees.
    """

    axes: InputAxes
    preprocessing: Preprocessing
    coding: Coding | None = None
    sample_rate: int | None = None

    name: ClassVar[str]
    things: ClassVar[str] = "inputs"
    files: ClassVar[str] = "pictures"
    mend_shape: ClassVar[str] = "reshape it"
    is_file_each: ClassVar[bool] = True
    has_windows: ClassVar[bool] = False
    has_spans: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if self.axes.frame is not None and self.coding is None:
            check_fits(self.preprocessing, self.axes.frame)

    @classmethod
    @abstractmethod
    def matches(cls, axes: InputAxes, coding: Coding | None) -> bool:
        """Whether an input is of this kind, if it is of none before it in the list."""

    # Reading

    @property
    def file_suffixes(self) -> frozenset[str]:
        """By which the inputs in folders and archives are known."""
        return picture_suffixes()

    def read_files(self, files: Iterable[PictureFile]) -> Iterator[Pending]:
        """The inputs in the files of one folder or archive, in its order."""
        return self.read_pictures(files)

    def read_pictures(self, files: Iterable[PictureFile]) -> Iterator[Pending]:
        """The inputs in picture files."""
        for file in files:
            yield Pending.failed(file.name, InputError(f"{file.name}: {self.no_picture}"))

    def read_table(self, path: Path) -> Iterator[Pending]:
        """The inputs in a .csv.

        Raises:
            InputError: this kind is not read from tables.
        """
        raise InputError(
            f"{path}: a .csv is for models of pictures of one fixed size; "
            "give the input as a .npy array"
        )

    def read_letters(self, path: Path) -> Iterator[Pending]:
        """The inputs in a FASTA file.

        Raises:
            InputError: this kind is not read from letters.
        """
        raise InputError(
            f"{path}: it is not known which channel of the model is which letter; "
            f"give {parameter('alphabet')}, such as dna, protein or ACGT"
        )

    def read_sounds(self, files: Iterable[PictureFile]) -> Iterator[Pending]:
        """The inputs in sound files."""
        for file in files:
            yield Pending.failed(file.name, InputError(f"{file.name}: {self._no_sound}"))

    @property
    def _no_sound(self) -> str:
        """Why sounds are refused."""
        shape = describe(self.axes.shape)
        if sample_axis(self.axes.item) is not None:
            return (
                f"it is not known whether the model's input {shape} counts samples; if it does, "
                f"give {parameter('sample_rate', 'HZ')}"
            )
        return (
            f"the model's input {shape} is no waveform; if it is a spectrogram, make it as in "
            "training and give it as a .npy array"
        )

    @property
    def no_picture(self) -> str:
        """Why pictures are refused."""
        return f"the model's input {describe(self.axes.shape)} is no picture; {USE_NPY}"

    def as_batch(self, array: AnyArray) -> AnyArray:
        """An array as a batch of what `from_row` takes, without a copy.

        Raises:
            InputError: it does not fit.
        """
        return as_inputs(array, self.axes.shape, self.axes.item, self.mend_shape)

    def from_row(self, name: str, row: AnyArray) -> Item:
        """An input of a row of a batch.

        Raises:
            InputError: its values cannot be one.
        """
        return self.from_numbers(name, row)

    def from_numbers(self, name: str, values: AnyArray) -> Item:
        """An input of numbers that are the model's input as they are.

        Raises:
            InputError: some are not finite.
        """
        return Item(name, finite(name, values), None)

    # Drawing

    def shown(self, array: AnyArray) -> Image.Image | None:
        """The picture that an input [*input] was made of, RGB; None where it looks like none."""
        return None

    def can_draw(self, array: AnyArray) -> bool:
        """Whether an input has a figure."""
        return array.ndim <= _MOST_AXES

    def is_one_picture(self, array: AnyArray) -> bool:
        """Whether an input and its attributions can be drawn as one picture each."""
        return array.ndim < _MOST_AXES

    def has_picture(self, shown: Image.Image | None) -> bool:
        """Whether an attribution can be laid over the input."""
        return shown is not None

    def draws_values(self, array: AnyArray, shown: Image.Image | None) -> bool:
        """Whether a figure has the values of the input as a plane."""
        return not self.has_picture(shown)

    def drawn_span(self, array: AnyArray) -> tuple[float, float]:
        """The least and the greatest of the values that a figure has as a plane."""
        values = plane(array)
        return float(values.min()), float(values.max())

    def drawn_style(self, style: Style, array: AnyArray) -> Style:
        """The style that stands for another one in figures of an input."""
        return style

    def scale_notes(self, array: AnyArray, count: int) -> Sequence[str]:
        """What the small print of a figure of so many maps says of the scale of its colours."""
        return (SCALE if count > 1 else LONE_SCALE,)

    def is_plane(self, shown: Image.Image | None) -> bool:
        """Whether `input_picture` gives the values of the input as a plane."""
        return not self.has_picture(shown)

    def is_coloured(self, attribution: AnyArray, shown: Image.Image | None) -> bool:
        """Whether a signed map [*input] has red, green and blue apart; else it is grey."""
        return False

    def input_picture(self, array: AnyArray, shown: Image.Image | None) -> colour.Picture:
        """An input as one picture.

        Args:
            array: [*input].
            shown: the picture that it was made of, if that is known.
        """
        return values_picture(plane(array))

    def map_picture(
        self, values: AnyArray, style: Style, array: AnyArray, shown: Image.Image | None
    ) -> colour.Picture:
        """An attribution as one picture.

        Args:
            values: [*input]; where it has one number for all channels, each has it.
            style: one that `has_picture` allows.
            array, shown: the input, as in `input_picture`.

        Raises:
            InputError: it is not finite.
        """
        return style.draw(plane(np.broadcast_to(values, array.shape)))

    def patch_pictures(
        self,
        values: AnyArray,
        style: Style,
        array: AnyArray,
        shown: Image.Image | None,
        longest: int,
    ) -> tuple[colour.Picture, colour.Picture]:
        """A part of an input and its attribution there, as small pictures.

        Args:
            values, style, array, shown: of the part, as in `map_picture`.
            longest: the side that a picture is scaled down to.

        Raises:
            InputError: no patches are drawn of this kind, or the attribution is not finite.
        """
        if not self.is_one_picture(array):
            raise InputError(
                f"the model takes {self.things}, of which no patches are drawn; explain a unit "
                f"instead, with {parameter('layer', 'NAME')} and {parameter('unit', 'UNIT')}"
            )
        first = self.input_picture(array, shown)
        second = self.map_picture(values, style, array, shown)
        return shrink(first, longest), shrink(second, longest)

    def figure(self, shown: ShownInput, maps: Sequence[AttributionMap], caption: Caption) -> Page:
        """An input beside its attributions, over the caption.

        Raises:
            InputError: an attribution is not finite.
        """
        picture = self.input_picture(shown.array, shown.picture)
        side = panel_side(picture)
        seen, smooth = self._seen(shown, maps, side), _is_smooth(maps)
        first = shown.title, marked(picture, shown.marks, side)
        page = seen_page(first, seen, side, caption, smooth=smooth)
        if page is not None:
            return page
        (cells,) = seen_rows(first, seen, side, smooth=smooth)
        if self.is_plane(shown.picture) and not any(each.windows for each in maps):
            values = rows_and_columns(shown.array)
            axes = [*zip(axis_names(shown.array), values.shape, strict=True)]
            dots = values != 0 if is_sparse(values) else None
            if dots is not None:
                caption = replace(caption, notes=[_DOTS, *caption.notes])
            return plane_page([cell for cell in cells if cell], axes, caption, dots)
        across = 1 if _is_wide(picture) else _ACROSS
        return panels([cells[i : i + across] for i in range(0, len(cells), across)], caption)

    def rows(
        self, shown: ShownInput, maps: Sequence[AttributionMap], side: int, larger: float = 1.0
    ) -> list[list[Titled | None]]:
        """An input beside its attributions, over the parts that units see.

        Args:
            shown, maps: as in `figure`.
            side: what the short side of small pictures is enlarged to.
            larger: how many times as large as the input its parts may get.

        Raises:
            InputError: an attribution is not finite.
        """
        picture = self.input_picture(shown.array, shown.picture)
        first = shown.title, marked(picture, shown.marks, side)
        seen, smooth = self._seen(shown, maps, side), _is_smooth(maps)
        return seen_rows(first, seen, side, smooth=smooth, larger=larger)

    def _seen(self, shown: ShownInput, maps: Sequence[AttributionMap], side: int) -> list[Seen]:
        """The attributions as pictures, with what their units see."""
        seen = []
        for each in maps:
            drawn = self.map_picture(each.values, each.style, shown.array, shown.picture)
            drawn = marked(drawn, each.marks, side, _is_smooth(maps))
            seen.append(Seen(each.title, drawn, each.windows, self._live(each.values)))
        return seen

    def _live(self, values: AnyArray) -> NDArray[np.bool_]:
        """Where an attribution is not 0: [H, W] of two axes of space, else of one number."""
        spatial = self.axes.spatial
        others = tuple(axis for axis in range(values.ndim) if axis not in spatial)
        is_plane = len(spatial) == 2
        return (values != 0).any(axis=others) if is_plane else np.array([[values.any()]])


def _is_smooth(maps: Sequence[AttributionMap]) -> bool:
    """Whether the pictures of attributions are enlarged without edges between their pixels."""
    return any(each.style.is_smooth for each in maps)


def _is_wide(picture: colour.Picture) -> bool:
    """Whether pictures lie better under than beside each other."""
    height, width = np.asarray(picture).shape[:2]
    return bool(width > _WIDE * height)


def shrink(picture: colour.Picture, longest: int) -> Image.Image:
    """A picture no side of which is longer."""
    image = Image.fromarray(np.asarray(picture))
    image.thumbnail((longest, longest), Image.Resampling.BOX)
    return image
