"""Work that takes long and tells how far it is: in a thread, as events of a stream."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Executor
from threading import Event
from typing import Any, TypeAlias

from retrograph.errors import RetrographError
from retrograph.serving.refusals import error_record

Told: TypeAlias = dict[str, Any]
Tell: TypeAlias = Callable[[Told], None]
"""Takes an event; raises `Cancelled` where nobody hears it any more."""


class Cancelled(Exception):
    """Nobody wants the work any more."""


async def events(pool: Executor, work: Callable[[Tell], None]) -> AsyncIterator[bytes]:
    """What work tells, as server-sent events; it is cancelled when its stream is closed.

    Args:
        pool: of the threads in which it runs.
        work: is given what takes its events; an error of the library becomes the last event.
    """
    loop, queue, gone = asyncio.get_running_loop(), asyncio.Queue[Told | None](), Event()

    def put(told: Told | None) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(queue.put_nowait, told)

    def tell(told: Told) -> None:
        if gone.is_set():
            raise Cancelled
        put(told)

    def run() -> None:
        try:
            work(tell)
        except Cancelled:
            pass
        except RetrographError as error:
            put(error_record(error))
        finally:
            put(None)

    running = loop.run_in_executor(pool, run)
    try:
        while (told := await queue.get()) is not None:
            yield f"data: {json.dumps(told)}\n\n".encode()
        await running
    finally:
        gone.set()
        running.cancel()
