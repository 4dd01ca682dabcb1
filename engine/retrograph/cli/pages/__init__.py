"""What `--help` and `retrograph help` tell: a file for each command, and for each topic."""

from __future__ import annotations

from pathlib import Path
from typing import Final

TOPICS: Final = ("inputs", "preprocessing", "units", "boxes", "drawing", "running")
"""What several commands have in common; the options of the group of that name stand below."""

_FOLDER: Final = Path(__file__).parent


def page(command: str) -> str:
    """Of a command: examples, and behind an empty line what is told on request."""
    return _read(_FOLDER / f"{command}.txt")


def topic(name: str) -> str:
    """What is told of a topic."""
    return _read(_FOLDER / "topics" / f"{name}.txt")


def _read(file: Path) -> str:
    return file.read_text(encoding="utf-8")
