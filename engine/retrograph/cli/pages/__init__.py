"""What `--help` and `retrograph help` tell: a file for each command and topic, one for options."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

TOPICS: Final = ("inputs", "preprocessing", "units", "boxes", "drawing", "running")
"""What several commands have in common; the options of the group of that name stand below."""

_FOLDER: Final = Path(__file__).parent


def summaries() -> dict[str, str]:
    """All commands in their order, each in a few words."""
    parts = (line.partition(": ") for line in _read(_FOLDER / "commands.txt").splitlines())
    return {name: words for name, _, words in parts}


def listing(name: str, words: str) -> dict[str, Any]:
    """How a command is listed among all; one of two words is not, the page of the first tells."""
    return {} if " " in name else {"help": words}


def page(command: str) -> str:
    """Of a command: examples, and behind an empty line what is told on request."""
    return _read(_FOLDER / f"{command.replace(' ', '-')}.txt")


def topic(name: str) -> str:
    """What is told of a topic."""
    return _read(_FOLDER / "topics" / f"{name}.txt")


def option_words(command: str) -> dict[str, str]:
    """What is told of a command's options and arguments, by their names.

    `options.txt` has a section for each command, and `[shared]` for what several have.
    """
    sections: dict[str, dict[str, str]] = {}
    for line in filter(None, _read(_FOLDER / "options.txt").splitlines()):
        if line.startswith("["):
            section = sections.setdefault(line.strip("[]"), {})
        else:
            name, words = line.split(maxsplit=1)
            section[name] = words
    return {**sections["shared"], **sections.get(command, {})}


def _read(file: Path) -> str:
    return file.read_text(encoding="utf-8")
