"""A client of ASGI applications in the same process, without a server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode


@dataclass(frozen=True)
class Answer:
    """What an application answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def message(self) -> str:
        """The sentence of an error."""
        text: str = self.json["error"]["message"]
        return text


async def answered(
    app: Any,
    path: str,
    body: bytes | AsyncIterator[bytes] | None = None,
    headers: Mapping[str, str] | None = None,
    *,
    verb: str = "",
    stays: float | None = None,
    **parameters: Any,
) -> Answer:
    """The answer to a request: a POST where there is a body.

    `stays` is after how many seconds the client goes away; None where it waits for the answer.
    """
    sent: list[Any] = []
    done = asyncio.Event()
    messages = _messages(body, done, stays)

    async def send(message: Any) -> None:
        sent.append(message)
        if message["type"] == "http.response.body" and not message.get("more_body"):
            done.set()

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": verb or ("GET" if body is None else "POST"),
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "scheme": "http",
        "query_string": urlencode(parameters).encode(),
        "headers": [(k.lower().encode(), v.encode()) for k, v in (headers or {}).items()],
        "server": ("test", 80),
        "client": ("test", 1),
    }
    await app(scope, lambda: anext(messages), send)
    start, *bodies = sent
    names = {name.decode(): value.decode() for name, value in start["headers"]}
    return Answer(start["status"], names, b"".join(part["body"] for part in bodies))


async def _messages(
    body: bytes | AsyncIterator[bytes] | None, done: asyncio.Event, stays: float | None
) -> AsyncIterator[Any]:
    if body is None or isinstance(body, bytes):
        yield {"type": "http.request", "body": body or b"", "more_body": False}
    else:
        async for chunk in body:
            yield {"type": "http.request", "body": chunk, "more_body": True}
        yield {"type": "http.request", "body": b"", "more_body": False}
    if stays is None:
        await done.wait()
    else:
        await asyncio.sleep(stays)
    while True:
        yield {"type": "http.disconnect"}


def ask(app: Any, path: str, body: bytes | None = None, **more: Any) -> Answer:
    """The answer to one request."""
    return asyncio.run(answered(app, path, body, **more))


def ask_all(app: Any, requests: Sequence[Mapping[str, Any]]) -> list[Answer]:
    """The answers to requests at the same time."""

    async def all_of_them() -> list[Answer]:
        return await asyncio.gather(*(answered(app, **request) for request in requests))

    return asyncio.run(all_of_them())
