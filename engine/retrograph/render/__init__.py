"""Attributions as pictures, alone and on labelled pages."""

from retrograph.render.colour import heat, overlay, signed
from retrograph.render.legend import SCALE, Key, key
from retrograph.render.letters import letter_tiles
from retrograph.render.page import Table, enlarge, panel, sheet
from retrograph.render.save import save_picture
from retrograph.render.strip import Track, strips
from retrograph.render.tiles import tile_page
from retrograph.render.volume import grey_slices, slices, spaced

__all__ = [
    "SCALE",
    "Key",
    "Table",
    "Track",
    "enlarge",
    "grey_slices",
    "heat",
    "key",
    "letter_tiles",
    "overlay",
    "panel",
    "save_picture",
    "sheet",
    "signed",
    "slices",
    "spaced",
    "strips",
    "tile_page",
]
