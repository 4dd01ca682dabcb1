"""What the tests of the page share: a page, and how it is asked in this process."""

from __future__ import annotations

from typing import Any

from support.asgi import Answer, ask
from support.paths import ROOT

SAMPLE = ROOT / "sample_models" / "cifar10_cnn.onnx"
HERE = {"host": "127.0.0.1:8000"}


def told(page: Any, path: str, **parameters: Any) -> Answer:
    """The answer to what the page asks, below its token."""
    headers = {**HERE, **parameters.pop("headers", {})}
    return ask(page, f"/{page.token}/{path}", headers=headers, **parameters)
