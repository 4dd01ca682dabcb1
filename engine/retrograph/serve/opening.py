"""A page that is there before its models are: its own files at once, the rest when it is made."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Iterable
from concurrent.futures import Future
from contextlib import asynccontextmanager
from threading import Thread
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.responses import JSONResponse

from retrograph.errors import RetrographError
from retrograph.serve.files import file_response, page_files
from retrograph.serve.guard import Guard
from retrograph.serving.refusals import error_record, status_of

if TYPE_CHECKING:
    from retrograph.serve.page import Page


class Opening:
    """A page that is still made: an ASGI application, which answers with its files meanwhile.

    What else is asked for waits until it is made.

    Args:
        make: makes the page; it takes a second or more.
        hosts: the names by which it may be asked, besides those of this machine.

    Attributes:
        token: the first part of its paths, 128 random bits; the page's own has no part in it.
    """

    def __init__(self, make: Callable[[], Page], hosts: Iterable[str] = ()) -> None:
        self.token = secrets.token_urlsafe(16)
        self._make, self._page = make, Future["Page"]()
        self._life = Starlette(lifespan=self._lifespan)
        self._guarded = Guard(self._answer, self.token, hosts)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer a request, as ASGI says."""
        await self._guarded(scope, receive, send)

    def begin(self, on_failure: Callable[[], None]) -> None:
        """Make the page in a thread, and make its models ready.

        Args:
            on_failure: is called where it cannot be made; `page` tells why.
        """

        def run() -> None:
            try:
                page = self._make()
            except BaseException as error:
                self._page.set_exception(error)
                on_failure()
                return
            self._page.set_result(page)
            page.warm()

        Thread(target=run, name="retrograph-opening", daemon=True).start()

    def page(self) -> Page:
        """The page, once it is made.

        Raises:
            RetrographError: it cannot be made.
        """
        return self._page.result()

    async def _answer(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self._life(scope, receive, send)
            return
        path = scope["path"].removeprefix(f"/{self.token}").removeprefix("/")
        if not self._page.done() and scope["method"] == "GET" and path in page_files():
            await file_response(path)(scope, receive, send)
            return
        try:
            page = await asyncio.shield(asyncio.wrap_future(self._page))
        except RetrographError as error:
            await JSONResponse(error_record(error), status_of(error))(scope, receive, send)
            return
        await page.inside(scope, receive, send)

    @asynccontextmanager
    async def _lifespan(self, app: Any) -> AsyncIterator[None]:
        yield
        if self._page.done() and self._page.exception() is None:
            self._page.result().close()
