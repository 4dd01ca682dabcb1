"""Options that several commands share: what is written, and how it is drawn."""

from __future__ import annotations

import argparse
from typing import Any

from retrograph.errors import InputError
from retrograph.render import STYLES, style_named


def add_output(parser: argparse.ArgumentParser) -> argparse._ArgumentGroup:
    """Where pictures go and how they are drawn."""
    group = parser.add_argument_group("output")
    add_destination(group)
    add_style(group)
    add_writing(group, printed="print what was explained as JSON")
    return group


def add_writing(
    group: argparse._ActionsContainer,
    replaced: str = "replace files that exist",
    printed: str = "print what was made as JSON",
) -> None:
    """Whether files may be replaced, and whether JSON is printed."""
    group.add_argument("--force", action="store_true", help=replaced)
    add_json(group, printed)


def add_json(parser: argparse._ActionsContainer, printed: str) -> None:
    """Whether JSON is printed."""
    parser.add_argument("--json", action="store_true", help=printed)


def add_destination(
    group: argparse._ActionsContainer,
    what: str = "a picture's name, or a folder",
    metavar: str = "PATH",
    **more: Any,
) -> None:
    """What is written to."""
    group.add_argument("-o", "--output", metavar=metavar, help=what, **more)


def add_npz(group: argparse._ActionsContainer) -> None:
    """Whether arrays are kept."""
    group.add_argument("--npz", action="store_true")


def add_style(parser: argparse._ActionsContainer) -> None:
    """How attributions are drawn; None for each method's own way."""
    parser.add_argument(
        "--style",
        type=_style,
        metavar="NAME[,smooth]",
        help=f"{', '.join(STYLES)}; smooth (`retrograph help drawing`)",
    )


def _style(text: str) -> str:
    try:
        style_named(text)
    except InputError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text
