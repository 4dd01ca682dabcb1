"""The texts of shared keywords in the pages of functions, as `help()` tells them."""

from __future__ import annotations

from typing import Any

import griffe

from retrograph.keywords import with_shared_texts


class SharedKeywords(griffe.Extension):  # type: ignore[misc]  # its class is not typed here
    """Fills them into the docstrings that griffe reads from the source."""

    def on_function(self, *, func: griffe.Function, **_more: Any) -> None:
        """Fill in the docstring of a function."""
        if func.docstring is not None:
            func.docstring.value = with_shared_texts(func.docstring.value)
