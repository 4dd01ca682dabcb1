"""Libraries of extras, imported where a file needs one."""

from __future__ import annotations

import importlib
from typing import Any

from retrograph.errors import InputError, one_line


def library(name: str, extra: str, files: str) -> Any:
    """A module of a library that only some files need.

    Args:
        name: of the module.
        extra: of retrograph, that installs it.
        files: what needs it, in the plural.

    Raises:
        InputError: it is not installed.
    """
    try:
        return importlib.import_module(name)
    except (ImportError, OSError) as error:  # OSError: what it wraps is not there
        package = name.partition(".")[0]
        raise InputError(
            f"{files} need {package}, which is missing ({one_line(error)}); "
            f"pip install 'retrograph[{extra}]'"
        ) from None
