"""What tests of the page over HTTP share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest


@pytest.fixture(scope="module")
def view(page: Any) -> Iterator[Any]:
    """The module's page over HTTP."""
    from retrograph.serve.notebook import View  # needs retrograph[serve]

    with closing(View(page, 500)) as view:
        yield view
