"""Patches as small pictures: what a unit sees, and its attribution there."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from retrograph.patches.crop import cut, windows
from retrograph.patches.patch_reader import ExplainedUnit
from retrograph.render import png_bytes
from retrograph.render.colour import GREY
from retrograph.results.context import ExplainContext
from retrograph.results.explanation import Explanation
from retrograph.results.maps import style_of
from retrograph.runtime import Array

LONGEST = 160
"""The side, in pixels, that no patch of a picture is larger than; larger ones are scaled down."""


@dataclass(frozen=True)
class PatchImage:
    """A patch and its attribution, as PNG, so that many fit in memory.

    Attributes:
        patch, attribution: the files' bytes.
        size: width and height of each, in pixels.
    """

    patch: bytes
    attribution: bytes
    size: tuple[int, int]

    def pictures(self) -> tuple[Image.Image, Image.Image]:
        """The patch and its attribution, RGB."""
        return _decoded(self.patch), _decoded(self.attribution)


def draw_patch(unit: ExplainedUnit, context: ExplainContext) -> PatchImage:
    """Draw what a unit sees, and its attribution there.

    Raises:
        InputError: the input is a volume or a video, of which no patches are drawn, or the
            attribution is not finite.
    """
    window, method = _in_window(unit, context), context.methods[0]
    drawn = context.kind.patch_pictures(
        window.attributions[method][0],
        style_of(method, window),
        window.array,
        window.shown,
        LONGEST,
    )
    patch, attribution = (Image.fromarray(np.asarray(each)) for each in drawn)
    return PatchImage(png_bytes(patch), png_bytes(attribution), patch.size)


def _in_window(explained: ExplainedUnit, context: ExplainContext) -> Explanation:
    """The input and the attribution within the unit's window alone."""
    unit, array = explained.source.unit, explained.item.array
    field = explained.source.layer.field
    if field is not None and field.source != context.contract.explained[0]:
        field = None
    places = windows(field, unit.index, array.shape, int(context.kind.axes.batched))
    shown = None
    if explained.item.shown is not None:
        sides = (*(places[axis] for axis in context.kind.axes.spatial), (0, 3))
        shown = Image.fromarray(cut(np.asarray(explained.item.shown), sides, GREY))
    attribution = cut(np.broadcast_to(explained.attribution, array.shape), places)
    return Explanation(
        context=context,
        name=unit.name,
        shown=shown,
        array=cut(array, places),
        attributions={context.methods[0]: attribution[np.newaxis]},
        scores=np.array([explained.score]),
        units=np.array([unit.index]),
        classes=None,
    )


def _decoded(data: bytes) -> Image.Image:
    with Image.open(io.BytesIO(data)) as image:
        image.load()
        return image


def cell_size(images: Sequence[PatchImage]) -> tuple[int, int]:
    """Width and height that all patches fit in."""
    sizes = [each.size for each in images] or [(1, 1)]
    return max(width for width, _ in sizes), max(height for _, height in sizes)


def patch_strip(images: Sequence[PatchImage], size: tuple[int, int]) -> Array:
    """Patches side by side in cells of a size, over their attributions: uint8 [2 H, n W, 3]."""
    width, height = size
    page = Image.new("RGB", (width * len(images), 2 * height), (GREY,) * 3)
    for column, each in enumerate(images):
        for row, picture in enumerate(each.pictures()):
            left = column * width + (width - picture.width) // 2
            page.paste(picture, (left, row * height + (height - picture.height) // 2))
    return np.asarray(page)
