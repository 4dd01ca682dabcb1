"""The first picture of README.md: a photograph, its maps, and the patches that drive a neuron."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from retrograph.patches.layer_patches import ChannelPatches
from retrograph.patches.patch_image import PatchImage
from retrograph.render import signed
from retrograph.results import Explanation

_SIDE: Final = 376
_GAP: Final = 12
_MARGIN: Final = 24
_TITLE: Final = 40
_PATCHES: Final = 8
_OF_ONE: Final = 3
"""How many patches are taken of one photograph at most."""
_ALIKE: Final = 25
_BELOW: Final = "one neuron inside: what drives it most, and which pixels do (guided)"
_INK: Final = (30, 30, 36)


def draw_hero(explained: Explanation, channel: ChannelPatches) -> Image.Image:
    """Both rows on a white page.

    Args:
        explained: a picture, explained by any number of methods.
        channel: a channel's patches.
    """
    choice = explained.context.preprocessing
    assert explained.shown is not None
    assert choice is not None
    maps = [
        (method, Image.fromarray(signed(values[0], order=choice.recipe.order)))
        for method, values in explained.attributions.items()
    ]
    pictures = [(explained.unit_name(0), explained.shown), *maps]
    width = 2 * _MARGIN + len(pictures) * (_SIDE + _GAP) - _GAP
    small = (width - 2 * _MARGIN + _GAP) // _PATCHES - _GAP
    height = 2 * _MARGIN + 2 * _TITLE + _SIDE + 2 * (small + _GAP) + _GAP
    page = Image.new("RGB", (width, height), "white")
    pen = ImageDraw.Draw(page)
    for number, (title, picture) in enumerate(pictures):
        x = _MARGIN + number * (_SIDE + _GAP)
        _write(pen, (x, _MARGIN), title)
        page.paste(_scaled(picture, _SIDE), (x, _MARGIN + _TITLE))
    top = _MARGIN + _TITLE + _SIDE + 2 * _GAP
    _write(pen, (_MARGIN, top), _BELOW)
    for number, patch in enumerate(_several(channel)):
        x = _MARGIN + number * (small + _GAP)
        for row, picture in enumerate(patch.pictures()):
            page.paste(_scaled(picture, small), (x, top + _TITLE + row * (small + _GAP // 2)))
    return page


def _several(channel: ChannelPatches) -> list[PatchImage]:
    """The strongest patches that do not look alike, of one photograph no more than a few."""
    taken: Counter[str] = Counter()
    patches: list[PatchImage] = []
    for unit, patch in channel.patches:
        photograph = Path(unit.name).name.partition("_")[0]
        if taken[photograph] < _OF_ONE and all(
            _difference(patch, each) > _ALIKE for each in patches
        ):
            taken[photograph] += 1
            patches.append(patch)
    return patches[:_PATCHES]


def _difference(one: PatchImage, other: PatchImage) -> float:
    """How far two patches are apart, seen from afar, in levels of 0 to 255."""
    a, b = (np.asarray(_scaled(each.pictures()[0], 8), np.float32) for each in (one, other))
    return float(np.abs(a - b).mean())


def _scaled(picture: Image.Image, side: int) -> Image.Image:
    return picture.convert("RGB").resize((side, side), Image.Resampling.LANCZOS)


def _write(pen: ImageDraw.ImageDraw, place: tuple[int, int], text: str) -> None:
    pen.text(place, text, fill=_INK, font=ImageFont.load_default(25))
