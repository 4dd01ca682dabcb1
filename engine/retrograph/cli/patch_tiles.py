"""Patches as small pictures: what the unit sees, and its attribution there."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from retrograph.cli.patch_finding import Seen
from retrograph.errors import InputError
from retrograph.patches import cut, windows
from retrograph.render import letter_tiles
from retrograph.render.colour import GREY, Picture
from retrograph.results.context import ExplainContext
from retrograph.results.explanation import Explanation
from retrograph.results.maps import attribution_picture, input_picture, style_of
from retrograph.runtime import Array

LONGEST = 160
"""The side, in pixels, that no patch of a picture is larger than; larger ones are scaled down."""

_MOST_LETTERS = 64
"""Longer stretches of a sequence are drawn as colours alone."""


@dataclass(frozen=True)
class Tile:
    """A patch and its attribution, as PNG, so that many fit in memory.

    Attributes:
        patch, attribution: the files' bytes.
        size: width and height of each.
    """

    patch: bytes
    attribution: bytes
    size: tuple[int, int]

    def pictures(self) -> tuple[Image.Image, Image.Image]:
        """The patch and its attribution."""
        first, second = (_opened(data) for data in (self.patch, self.attribution))
        return first, second


def tile(seen: Seen, scene: ExplainContext) -> Tile:
    """The patch of a unit.

    Raises:
        InputError: the input is a volume or a video, of which no patches are drawn, or the
            attribution is not finite.
    """
    found, method = _within(seen, scene), scene.methods[0]
    if found.array.ndim > 3:
        raise InputError(
            "the model takes volumes or videos, of which no patches are drawn; see a unit with "
            "`retrograph explain --layer NAME --unit UNIT`"
        )
    coding = scene.coding
    if coding is not None and found.array.shape[coding.positions] <= _MOST_LETTERS:
        values = np.broadcast_to(found.attributions[method][0], found.array.shape)
        drawn: tuple[Picture, Picture] = letter_tiles(
            coding.letters(found.array),
            coding.matrix(values),
            coding.alphabet,
            style_of(method, found, scene),
        )
    else:
        drawn = (
            _small(input_picture(found, scene)),
            _small(attribution_picture(found, scene, method)),
        )
    patch, attribution = (Image.fromarray(np.asarray(each)) for each in drawn)
    return Tile(_png(patch), _png(attribution), patch.size)


def _within(seen: Seen, scene: ExplainContext) -> Explanation:
    """What is known of a picture, within the unit's window alone."""
    unit, field, array = seen.wanted.unit, seen.wanted.layer.field, seen.item.array
    if field is not None and field.source != scene.contract.explained[0]:
        field = None
    places = windows(field, unit.index, array.shape, int(scene.axes.batched))
    shown = None
    if seen.item.shown is not None:
        sides = (*(places[axis] for axis in scene.axes.spatial), (0, 3))
        shown = Image.fromarray(cut(np.asarray(seen.item.shown), sides, GREY))
    attribution = cut(np.broadcast_to(seen.attribution, array.shape), places)
    return Explanation(
        name=unit.name,
        shown=shown,
        array=cut(array, places),
        attributions={scene.methods[0]: attribution[np.newaxis]},
        scores=np.array([seen.score]),
        units=np.array([unit.index]),
        classes=None,
    )


def _small(picture: Picture) -> Image.Image:
    image = Image.fromarray(np.asarray(picture))
    image.thumbnail((LONGEST, LONGEST), Image.Resampling.BOX)
    return image


def _png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def _opened(data: bytes) -> Image.Image:
    with Image.open(io.BytesIO(data)) as image:
        image.load()
        return image


def cell(tiles: Sequence[Tile]) -> tuple[int, int]:
    """The size that all tiles fit in."""
    sizes = [each.size for each in tiles] or [(1, 1)]
    return max(width for width, _ in sizes), max(height for _, height in sizes)


def strip(tiles: Sequence[Tile], size: tuple[int, int]) -> Array:
    """Tiles side by side in cells of a size, over their attributions: uint8 [2 H, n W, 3]."""
    width, height = size
    page = Image.new("RGB", (width * len(tiles), 2 * height), (GREY,) * 3)
    for column, each in enumerate(tiles):
        for row, picture in enumerate(each.pictures()):
            left = column * width + (width - picture.width) // 2
            page.paste(picture, (left, row * height + (height - picture.height) // 2))
    return np.asarray(page)
