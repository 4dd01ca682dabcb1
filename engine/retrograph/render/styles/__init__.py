"""The styles in which attributions are drawn: an object each, in one list."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from retrograph.errors import InputError
from retrograph.render.styles.base import Drawn, Key, Style, Subject
from retrograph.render.styles.heat import Heat, heat
from retrograph.render.styles.overlay import Overlay, overlay
from retrograph.render.styles.red_blue import RedBlue
from retrograph.render.styles.signed import Signed, signed

STYLES: Final[dict[str, Style]] = {
    style.name: style for style in (Signed(), RedBlue(), Heat(), Overlay())
}
"""By their names."""

SMOOTH: Final = "smooth"
"""What is written behind a style's name, or alone, for smooth maps."""

__all__ = [
    "SMOOTH",
    "STYLES",
    "Drawn",
    "Key",
    "Style",
    "Subject",
    "heat",
    "overlay",
    "signed",
    "style_named",
]


def style_named(text: str, *, usual: str = "signed", has_picture: bool = True) -> Style:
    """The style that a text means: its name, `smooth`, or both, as in "heat,smooth".

    Args:
        text: what is asked for.
        usual: the name of the style where the text has none.
        has_picture: whether what was explained is a picture. Without one nothing is smoothed, and
            heat stands for what is drawn on a picture.

    Raises:
        InputError: there is no such style.
    """
    parts = [part.strip() for part in text.split(",")]
    names = [part for part in parts if part != SMOOTH] or [usual.partition(",")[0]]
    if len(names) > 1 or names[0] not in STYLES:
        raise InputError(
            f"unknown style '{text}'; choose one of: {', '.join(STYLES)}, alone or with "
            f"'{SMOOTH}' behind it, as in {names[0] if names[0] in STYLES else 'heat'},{SMOOTH}",
            about="style",
        )
    style = replace(STYLES[names[0]], is_smooth=SMOOTH in parts)
    if has_picture:
        return style
    return STYLES[Heat.name] if style.on_picture else style.sharp()
