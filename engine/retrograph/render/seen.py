"""What a unit sees of a picture: a box around it, and the part in it by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageOps

from retrograph.render.blocks import WHITE
from retrograph.render.box_labels import Area, label_area
from retrograph.render.colour import Picture, Pixels, to_bytes
from retrograph.render.page import Titled, enlarge, enlarged_size, fill
from retrograph.render.text import font_of

Window: TypeAlias = tuple[tuple[int, int], tuple[int, int]]
"""The first row and the one after the last, and the same of columns."""


_DARK: Final = (20, 20, 20)
_COLOURS: Final = ((255, 214, 10), (80, 205, 255), (255, 120, 205), (150, 235, 100))
"""Of the boxes of several windows, in turn; one alone is white."""
_EDGE: Final = 5
"""The width of the line around what a box holds, in pixels."""
_BLANK: Final = "0 everywhere"
_FULL: Final = 200
"""The levels, of 256, between the darkest and the brightest place of an input's part."""
_MOST_CONTRAST: Final = 4.0
_LEAST_CONTRAST: Final = 2.0
"""An input's part whose contrast would grow less stays as it is."""
_LARGEST: Final = 0.7
"""The share of both sides of a picture from which on its part is not shown by itself."""


THE_UNIT: Final = "the unit"

NamedWindow: TypeAlias = tuple[str, Window]
"""A unit, such as "the unit" or "channel 17", and what it sees."""


@dataclass(frozen=True)
class Seen:
    """A picture of an attribution.

    Attributes:
        title: as of a panel.
        picture: uint8 [H, W, 3] or of Pillow.
        windows: what the units see of it that are explained by it; none for those that see all.
        live: bool [H, W], where the attribution is not 0; None where that is not known. "0
            everywhere" is written across a picture, or a part of it, without such a place.
    """

    title: str
    picture: Picture
    windows: Sequence[NamedWindow] = ()
    live: NDArray[np.bool_] | None = None

    @property
    def places(self) -> list[Window]:
        """The windows without the names."""
        return [window for _, window in self.windows]

    @property
    def goes_beyond(self) -> bool:
        """Whether the attribution is not 0 at a place that is not shown by itself."""
        if self.live is None:
            return True
        outside = self.live.copy()
        for (top, bottom), (left, right) in self.places:
            outside[top:bottom, left:right] = False
        return bool(outside.any())


def seen_rows(
    first: Titled,
    maps: Sequence[Seen],
    side: int,
    *,
    smooth: bool = False,
    larger: float = 1.0,
) -> list[list[Titled | None]]:
    """An input beside its attributions with boxes, over the parts in the boxes.

    Args:
        first: the input.
        maps: its attributions, of its height and width.
        side: the short side that pictures are enlarged to.
        smooth: whether the attributions are enlarged without edges between their pixels.
        larger: how many times as large as the input its parts may get.

    Returns:
        The row of `whole_row`, and those of `part_rows`. Where there are parts, attributions that
        are 0 outside of theirs are not there as a whole.
    """
    whole, *drawn = whole_row(first, maps, side, smooth=smooth)
    size = [round(larger * extent) for extent in enlarged_size(first[1], side)]
    parts = part_rows(first, maps, size, smooth=smooth)
    beyond = [
        cell if not parts or each.goes_beyond else None
        for cell, each in zip(drawn, maps, strict=True)
    ]
    return [[whole, *beyond], *parts]


def whole_row(
    first: Titled, maps: Sequence[Seen], side: int, *, smooth: bool = False
) -> list[Titled | None]:
    """An input beside its attributions, with a box around each window; arguments of `seen_rows`."""
    labels = _labels(maps)
    windows = [*labels]
    title, picture = first
    inks = _inks(windows)
    names, colours = [*labels.values()], [*inks.values()]
    first_boxed = boxed(picture, windows, side, labels=names, inks=colours)
    whole: list[Titled | None] = [(title, first_boxed)]
    for number, each in zip(_numbers(maps, labels), maps, strict=True):
        inside = [labels[window] for window in each.places]
        colours = [inks[window] for window in each.places]
        drawn = boxed(each.picture, each.places, side, smooth=smooth, labels=inside, inks=colours)
        whole.append((number + each.title, labelled_if_blank(drawn, each.live)))
    return whole


def part_rows(
    first: Titled, maps: Sequence[Seen], size: Sequence[int], *, smooth: bool = False
) -> list[list[Titled | None]]:
    """What units see, where that is a small part of the input.

    Args:
        first, maps, smooth: as in `seen_rows`.
        size: height and width that parts are enlarged into.

    Returns:
        A row of the parts of input and attributions for each window that all attributions have;
        else under each attribution the parts of the input, and of itself, in its own windows.
    """
    windows = [*_labels(maps)]
    if all(each.places == windows for each in maps):
        return _shared_parts(first[1], maps, size, smooth=smooth)
    return _own_parts(first[1], maps, size, smooth=smooth)


def _inks(windows: Sequence[Window]) -> dict[Window, tuple[int, int, int]]:
    """The colour of each window's box: white where there is one."""
    if len(windows) == 1:
        return dict.fromkeys(windows, WHITE)
    return {window: _COLOURS[n % len(_COLOURS)] for n, window in enumerate(windows)}


def _numbers(maps: Sequence[Seen], labels: Mapping[Window, str]) -> list[str]:
    """What stands before each map's title: the number in its box, if it has one of several."""
    by_box = any(len(each.places) > 1 for each in maps)
    own = [
        labels[each.places[0]] if by_box and each.places else str(number)
        for number, each in enumerate(maps, 1)
    ]
    return [
        f"{number} · " if len(each.places) == 1 and len(labels) > 1 else ""
        for number, each in zip(own, maps, strict=True)
    ]


def _labels(maps: Sequence[Seen]) -> dict[Window, str]:
    """What stands in each box: the numbers of the maps that share it, as in "1, 3".

    Where a map has several boxes, each of all boxes has one number instead.
    """
    windows = [*dict.fromkeys(place for each in maps for place in each.places)]
    if any(len(each.places) > 1 for each in maps):
        return {window: str(number) for number, window in enumerate(windows, 1)}
    return {
        window: ", ".join(str(n) for n, each in enumerate(maps, 1) if window in each.places)
        for window in windows
    }


def _shared_parts(
    picture: Picture, maps: Sequence[Seen], size: Sequence[int], *, smooth: bool
) -> list[list[Titled | None]]:
    """A row of the parts of input and attributions for each window that is small."""
    names = maps[0].windows if maps else []
    rows: list[list[Titled | None]] = []
    for number, (name, window) in enumerate(names, 1):
        if _is_large(window, np.asarray(picture).shape):
            continue
        inside, words = _input_part(picture, window, size)
        is_alone = len(names) == 1
        numbered, box = ("", " (white box)") if is_alone else (f"{number} · ", "")
        parts = [
            (
                _part_title(each, number),
                _attribution_part(each, window, size, smooth=smooth),
            )
            for each in maps
        ]
        rows.append([(f"{numbered}receptive field{_of(name)}{box}\n{words}", inside), *parts])
    return rows


def _of(name: str) -> str:
    """Whose a receptive field is; nothing where there is one unit."""
    return "" if name == THE_UNIT else f" of {name}"


def _part_title(each: Seen, number: int) -> str:
    """The title of a map's part; of a difference, which has several boxes, which box it is in."""
    if len(each.windows) == 1:
        return each.title
    names = [name for name, _ in each.windows]
    return f"{each.title} in box {number}\nof {' minus '.join(names)}"


def _own_parts(
    picture: Picture, maps: Sequence[Seen], size: Sequence[int], *, smooth: bool
) -> list[list[Titled | None]]:
    """Under each attribution the parts of the input, and of itself, in its own windows."""
    rows: list[list[Titled | None]] = []
    shape, labels = np.asarray(picture).shape, _labels(maps)
    windows = [*labels]
    inks = _inks(windows)
    for place in range(max(len(each.windows) for each in maps)):
        inputs: list[Titled | None] = [None]
        attributions: list[Titled | None] = [None]
        for number, each in zip(_numbers(maps, labels), maps, strict=True):
            name, window = each.windows[place] if place < len(each.windows) else ("", None)
            if window is None or _is_large(window, shape):
                inputs.append(None)
                attributions.append(None)
                continue
            inside, words = _input_part(picture, window, size)
            is_alone = len(each.windows) == 1
            title = number + each.title if is_alone else f"{labels[window]} · {name}"
            if len(windows) > 1:
                inside = _edged(inside, inks[window])
            inputs.append((f"{title} · {words}" if "\n" in title else f"{title}\n{words}", inside))
            part = _attribution_part(each, window, size, smooth=smooth)
            if len(windows) > 1:
                part = _edged(part, inks[window])
            of, *more = each.title.split("\n")
            where = " · ".join([f"{of}\nin box {labels[window]}", *more])
            attributions.append(("attribution in the box" if is_alone else where, part))
        if any(inputs):
            rows += [inputs, attributions]
    return rows


def _edged(picture: Pixels, ink: tuple[int, int, int]) -> Pixels:
    """The picture in a line of the colour that its box has."""
    return np.asarray(ImageOps.expand(Image.fromarray(picture), _EDGE, ink))


def _input_part(picture: Picture, window: Window, size: Sequence[int]) -> tuple[Pixels, str]:
    """What of an input is in a window, enlarged and of more contrast where it is flat, and how."""
    (top, bottom), (left, right) = window
    pixels = np.asarray(picture)[top:bottom, left:right]
    low, high = np.percentile(pixels, (1, 99), axis=(0, 1))
    stretch = min(_MOST_CONTRAST, _FULL / max(1.0, float((high - low).max())))
    height, width = np.asarray(picture).shape[:2]
    at_border = top == 0 or left == 0 or bottom == height or right == width
    words = f"{bottom - top} x {right - left} px{' (at border)' * at_border}"
    if stretch > _LEAST_CONTRAST:
        middle = (low + high) / 2
        pixels = to_bytes(np.clip(middle + stretch * (pixels - middle), 0, 255))
        words += f", display contrast x {stretch:.1f}"
    return fill(pixels, size[1], size[0]), words


def _part(of: Picture, window: Window, size: Sequence[int], *, smooth: bool) -> Pixels:
    """What of a picture is in a window, enlarged into a height and width."""
    (top, bottom), (left, right) = window
    return fill(np.asarray(of)[top:bottom, left:right], size[1], size[0], smooth=smooth)


def boxed(
    picture: Picture,
    windows: Sequence[Window],
    side: int,
    *,
    smooth: bool = False,
    labels: Sequence[str] = (),
    inks: Sequence[tuple[int, int, int]] = (),
) -> Pixels:
    """The picture, enlarged as by `enlarge`, with a box around each window; several are labelled.

    The labels count from 1 where none are given. A box is white, or in its ink, in black, so that
    it stands out on any picture, and lies around its window.
    """
    large = enlarge(picture, side, smooth=smooth)
    if not windows:
        return large
    factor = len(large) / np.asarray(picture).shape[0]
    page = Image.fromarray(large)
    draw = ImageDraw.Draw(page)
    thick = max(2, round(min(page.size) / 200))
    counted = labels or [*map(str, range(1, len(windows) + 1))]
    boxes = [
        [round(factor * edge) for edge in (left, top, right, bottom)]
        for (top, bottom), (left, right) in windows
    ]
    colours = inks or [WHITE] * len(boxes)
    for corners, ink in zip(boxes, colours, strict=True):
        _outline(draw, corners, thick, page.size, ink)
    if len(windows) > 1:
        size = max(10 * thick, min(page.size) // 16)
        font, written = font_of(size), list[Area]()
        for label, corners, ink in zip(counted, boxes, colours, strict=True):
            others = [each for each in boxes if each is not corners]
            area = label_area(corners, font.getlength(label), size, page.size, written, others)
            middle = (area[0], (area[1] + area[3]) / 2)
            draw.text(middle, label, ink, font, "lm", stroke_width=2, stroke_fill=_DARK)
            written.append(area)
    return np.asarray(page)


def _attribution_part(each: Seen, window: Window, size: Sequence[int], *, smooth: bool) -> Pixels:
    """What of an attribution is in a window, which is said where that is nothing."""
    (top, bottom), (left, right) = window
    live = None if each.live is None else each.live[top:bottom, left:right]
    return labelled_if_blank(_part(each.picture, window, size, smooth=smooth), live)


def labelled_if_blank(picture: Pixels, live: NDArray[Any] | None) -> Pixels:
    """The picture of an attribution, with words across it where that is 0."""
    if live is None or live.any():
        return picture
    page = Image.fromarray(picture)
    font = font_of(min(page.height / 8, page.width / (0.6 * len(_BLANK))))
    place = (page.width / 2, page.height / 2)
    ImageDraw.Draw(page).text(place, _BLANK, WHITE, font, "mm", stroke_width=2, stroke_fill=_DARK)
    return np.asarray(page)


def _outline(
    draw: ImageDraw.ImageDraw,
    corners: Sequence[int],
    thick: int,
    size: tuple[int, int],
    ink: tuple[int, int, int],
) -> None:
    """A line between two black ones; inside the picture where the window ends at its edge."""
    for colour, out, width in ((_DARK, thick + 2, thick + 2), (ink, thick + 1, thick)):
        least = thick + 2 - out
        left, top = (max(least, edge - out) for edge in corners[:2])
        right, bottom = (
            min(most - 1 - least, edge - 1 + out)
            for edge, most in zip(corners[2:], size, strict=True)
        )
        draw.rectangle([left, top, right, bottom], outline=colour, width=width)


def _is_large(window: Window, shape: Sequence[int]) -> bool:
    return all(
        stop - start > _LARGEST * size for (start, stop), size in zip(window, shape, strict=False)
    )
