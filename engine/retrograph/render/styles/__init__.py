"""The styles in which attributions are drawn: an object each, in one list."""

from __future__ import annotations

from typing import Final

from retrograph.errors import InputError
from retrograph.render.styles.base import Key, Style
from retrograph.render.styles.heat import Heat, heat
from retrograph.render.styles.overlay import Overlay, overlay
from retrograph.render.styles.signed import Signed, signed

STYLES: Final[dict[str, Style]] = {style.name: style for style in (Signed(), Heat(), Overlay())}
"""By their names. The first is that of what no other style can draw."""

__all__ = ["STYLES", "Key", "Style", "heat", "overlay", "signed", "style_named"]


def style_named(name: str, *, has_picture: bool = True) -> Style:
    """The style of a name; the first one where it is drawn on a picture and there is none.

    Raises:
        InputError: there is no such style.
    """
    if name not in STYLES:
        raise InputError(f"unknown style '{name}'; choose one of: {', '.join(STYLES)}")
    style = STYLES[name]
    return style if has_picture or not style.on_picture else next(iter(STYLES.values()))
