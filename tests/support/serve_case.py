"""What the tests of the page share: a page, and how it is asked in this process."""

from __future__ import annotations

from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

from support.asgi import Answer, ask
from support.paths import ROOT

SAMPLE = ROOT / "sample_models" / "cifar10_cnn.onnx"
HERE = {"host": "127.0.0.1:8000"}


def connected(url: str) -> HTTPConnection:
    """A connection to the server of an address."""
    where = urlsplit(url)
    assert where.hostname is not None
    return HTTPConnection(where.hostname, where.port, timeout=60)


def told(page: Any, path: str, **parameters: Any) -> Answer:
    """The answer to what the page asks, below its token."""
    headers = {**HERE, **parameters.pop("headers", {})}
    return ask(page, f"/{page.token}/{path}", headers=headers, **parameters)
