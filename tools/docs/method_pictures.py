"""The pictures of METHODS.md: maps as they are drawn in figures, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from PIL import Image, ImageDraw, ImageFont

from retrograph.results import Explanation
from retrograph.results.maps import attribution_picture

_SIDE: Final = 180
_GAP: Final = 8
_TITLE: Final = 20
_COLUMNS: Final = 6
_INK: Final = (30, 30, 36)


def draw_method(explanations: Sequence[Explanation]) -> Image.Image:
    """Each photograph beside its map by the first of its methods, in one row."""
    tiles: list[Image.Image] = []
    for explained in explanations:
        assert explained.shown is not None
        tiles += [explained.shown, *_maps(explained).values()][:2]
    page = Image.new("RGB", (len(tiles) * (_SIDE + _GAP) - _GAP, _SIDE), "white")
    for number, tile in enumerate(tiles):
        page.paste(_scaled(tile), (number * (_SIDE + _GAP), 0))
    return page


def draw_overview(explained: Explanation) -> Image.Image:
    """A photograph and its map by every method, each below its name."""
    assert explained.shown is not None
    tiles = {explained.unit_name(0): explained.shown, **_maps(explained)}
    rows = -(-len(tiles) // _COLUMNS)
    size = (_COLUMNS * (_SIDE + _GAP) + _GAP, rows * (_TITLE + _SIDE + _GAP) + _GAP)
    page = Image.new("RGB", size, "white")
    pen = ImageDraw.Draw(page)
    for number, (title, tile) in enumerate(tiles.items()):
        row, column = divmod(number, _COLUMNS)
        x, y = _GAP + column * (_SIDE + _GAP), _GAP + row * (_TITLE + _SIDE + _GAP)
        pen.text((x, y), title, fill=_INK, font=ImageFont.load_default(13))
        page.paste(_scaled(tile), (x, y + _TITLE))
    return page


def _maps(explained: Explanation) -> dict[str, Image.Image]:
    """The map of each method, in the method's own style."""
    return {
        method: Image.fromarray(attribution_picture(explained, method))
        for method in explained.attributions
    }


def _scaled(picture: Image.Image) -> Image.Image:
    return picture.convert("RGB").resize((_SIDE, _SIDE), Image.Resampling.LANCZOS)
