"""The page in a cell of a notebook."""

from __future__ import annotations

import os
import weakref
from collections.abc import Mapping, Sequence
from contextlib import closing
from html import escape
from threading import Thread
from typing import Any

from retrograph import serve, serving
from retrograph.errors import InputError, parameter
from retrograph.keywords import checked_keywords
from retrograph.model import Source
from retrograph.pipeline.labels import Labels
from retrograph.preprocess import Preprocessing

_ANYONE = "* vscode-webview:"
"""A notebook may be shown by any host; who knows the token may frame the page."""


class View:
    """A page that is served to this machine, in a frame; the server ends with `close`.

    Attributes:
        url: the page's address, with its token.
        height: of the frame, in pixels.
    """

    def __init__(self, page: Any, height: int) -> None:
        bound = serving.bound_socket("127.0.0.1", 0)
        address, _ = serving.address_of(bound)
        self.url, self.height = f"{address}/{page.token}/", height
        server = serving.server(page, finishing=1)

        def run() -> None:
            with closing(bound):
                server.run(sockets=[bound])

        self._thread = Thread(target=run, name="retrograph-view", daemon=True)
        self._thread.start()
        self._end = weakref.finalize(self, setattr, server, "should_exit", True)

    def close(self) -> None:
        """End the server."""
        self._end()
        self._thread.join(10)

    def _repr_html_(self) -> str:
        """The frame, for a notebook."""
        return (
            f'<iframe src="{escape(self.url)}" width="100%" height="{self.height}" '
            'style="border:1px solid #ccc" allow="camera; clipboard-write" '
            'title="retrograph"></iframe>'
        )

    def __repr__(self) -> str:
        return f"<View {self.url}>"


@checked_keywords
def view(
    model: Source | Mapping[str, Source] | Sequence[Source],
    inputs: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] = (),
    *,
    height: int = 760,
    scan: str | os.PathLike[str] | None = None,
    labels: Labels | None = None,
    preprocessing: Preprocessing | str | None = None,
    alphabet: str | None = None,
    sample_rate: int | None = None,
    device: str = "auto",
    threads: int | None = None,
    precision: str | None = None,
) -> View:
    """The page of `retrograph serve` in a cell of a notebook.

    It is served by a thread of this process, to this machine alone, under a random token; a
    notebook whose kernel runs on another machine needs a tunnel to its port.

    Args:
        model: a path or a model, or several, in a mapping by their names.
        inputs: files and folders that the page lists; more can be dropped on it.
        height: of the cell, in pixels.
        scan: the folder of a scan of the first model.
        labels, preprocessing, alphabet, sample_rate, device, threads, precision: in `SHARED`.

    Returns:
        What shows itself as a frame. `url` opens in any browser of this machine; `close()`, or
        losing it, ends the server.

    Raises:
        InputError: a file cannot be read, labels or preprocessing do not go with a model, or a
            library of the extra `serve` is missing.
    """
    if not isinstance(height, int) or not 100 <= height <= 10_000:
        raise InputError(f"{parameter('height')} is {height!r:.40}; give pixels, such as 760")
    paths = [inputs] if isinstance(inputs, (str, os.PathLike)) else [*inputs]
    page = serve.Page(
        model,
        paths,
        scan=scan,
        labels=labels,
        preprocessing=preprocessing,
        alphabet=alphabet,
        sample_rate=sample_rate,
        device=device,
        threads=threads,
        precision=precision,
        ancestors=_ANYONE,
    )
    return View(page, height)
