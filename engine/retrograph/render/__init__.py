"""Attributions as pictures, alone and on labelled pages."""

from retrograph.render.blocks import DESCRIPTION, Page
from retrograph.render.caption import NO_CAPTION, Caption
from retrograph.render.film import film
from retrograph.render.legend import (
    BAR_SCALE,
    LONE_SCALE,
    SCALE,
    ValueGreys,
    values_key,
    values_picture,
)
from retrograph.render.letters import letter_tiles
from retrograph.render.marks import NO_MARKS, Marks, marked
from retrograph.render.page import Table, enlarge, panel, panels, sheet
from retrograph.render.save import (
    encoded_picture,
    png_bytes,
    save_picture,
    write_image,
)
from retrograph.render.strip import Track, strips
from retrograph.render.styles import (
    SMOOTH,
    STYLES,
    Drawn,
    Key,
    Style,
    Subject,
    heat,
    overlay,
    signed,
    style_named,
)
from retrograph.render.text_table import TextTable, text_page
from retrograph.render.tiles import tile_page
from retrograph.render.volume import grey_slices, slices, spaced

__all__ = [
    "BAR_SCALE",
    "DESCRIPTION",
    "LONE_SCALE",
    "NO_CAPTION",
    "NO_MARKS",
    "SCALE",
    "SMOOTH",
    "STYLES",
    "Caption",
    "Drawn",
    "Key",
    "Marks",
    "Page",
    "Style",
    "Subject",
    "Table",
    "TextTable",
    "Track",
    "ValueGreys",
    "encoded_picture",
    "enlarge",
    "film",
    "grey_slices",
    "heat",
    "letter_tiles",
    "marked",
    "overlay",
    "panel",
    "panels",
    "png_bytes",
    "save_picture",
    "sheet",
    "signed",
    "slices",
    "spaced",
    "strips",
    "style_named",
    "text_page",
    "tile_page",
    "values_key",
    "values_picture",
    "write_image",
]
