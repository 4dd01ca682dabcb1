"""The libraries of the extra `sanity`, imported when a check needs them."""

from __future__ import annotations

import importlib
from typing import Any

from retrograph.errors import InputError

LIBRARIES = ("scipy", "skimage", "matplotlib")


def library(name: str) -> Any:
    """A module of one of the libraries.

    Raises:
        InputError: it is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise InputError(
            f"the sanity checks need {', '.join(LIBRARIES)}, and {error.name or name} is missing; "
            "pip install 'retrograph[sanity]'"
        ) from None


def check_installed() -> None:
    """Raises InputError where one of the libraries is missing, before any work is done."""
    for name in LIBRARIES:
        library(name)
