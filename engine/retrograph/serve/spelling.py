"""A parameter of the library as the page's user knows it."""

from __future__ import annotations

from typing import Final

from retrograph.serving.spelling import as_field

_OPTIONS: Final = frozenset({"alphabet", "device", "labels", "precision", "sample_rate", "threads"})
"""What `retrograph serve` is told at its start, and the page has no control for."""


def on_page(name: str, value: str | None) -> str:
    """A parameter in the page's words: an option of `retrograph serve`, `--labels=FILE`, or a
    field of the page's address, `unit=400`."""
    if name not in _OPTIONS:
        return as_field(name, value)
    option = f"--{name.replace('_', '-')}"
    return option if value is None else f"{option}={value}"
