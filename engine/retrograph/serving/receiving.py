"""The body of a request as it arrives: bounded in bytes and in time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias, TypeVar

from retrograph.serving.limits import Limits, Share
from retrograph.serving.refusals import Refused

T = TypeVar("T")
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]


class Abandoned(Exception):
    """The client has gone away."""


async def received(
    receive: Receive, headers: MutableMapping[str, str] | Any, share: Share, limits: Limits
) -> bytes:
    """The body of a request.

    Args:
        receive: of ASGI.
        headers: of the request.
        share: of the bytes that the service holds.
        limits: of the service.

    Raises:
        Refused: it is too large, too slow, or packed, or the service holds too much.
        Abandoned: the client has gone away.
    """
    coding = headers.get("content-encoding", "identity")
    if coding != "identity":
        raise Refused(415, f"a body in {coding!r:.40} is not taken; send it as it is")
    length = headers.get("content-length", "")
    if length.isdecimal() and int(length) > limits.body:
        raise _too_large(limits)
    try:
        return await asyncio.wait_for(_chunks(receive, share, limits), limits.receiving)
    except asyncio.TimeoutError:
        raise Refused(
            408, f"the body did not arrive in {limits.receiving:g} seconds; send it faster"
        ) from None


async def _chunks(receive: Receive, share: Share, limits: Limits) -> bytes:
    chunks: list[bytes] = []
    size, is_more = 0, True
    while is_more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Abandoned
        chunk: bytes = message.get("body", b"")
        size += len(chunk)
        if size > limits.body:
            raise _too_large(limits)
        share.take(len(chunk))
        chunks.append(chunk)
        is_more = message.get("more_body", False)
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def _too_large(limits: Limits) -> Refused:
    return Refused(
        413, f"the body has more than {limits.body} bytes; scale the picture or the array down"
    )


async def while_wanted(work: asyncio.Future[T], receive: Receive, seconds: float) -> T:
    """What comes of the work while its client waits and its time is not over; else it is cancelled.

    Args:
        work: under way.
        receive: of ASGI, whose body has arrived.
        seconds: that it may take.

    Raises:
        Refused: its time is over.
        Abandoned: the client has gone away.
        Exception: that of the work.
    """
    leaving = asyncio.ensure_future(_left(receive))
    both: set[asyncio.Future[Any]] = {work, leaving}
    try:
        await asyncio.wait(both, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if work.done():
            return work.result()
        if leaving.done():
            raise Abandoned
        raise Refused(504, f"no answer in {seconds:g} seconds; ask for less", retry=1)
    finally:
        leaving.cancel()
        work.cancel()


async def _left(receive: Receive) -> None:
    """Returns when the client has gone away, once the body has arrived."""
    while (await receive())["type"] != "http.disconnect":
        pass
