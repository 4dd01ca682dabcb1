"""A client that asks a service many things at once over plain sockets, and checks each answer."""

from __future__ import annotations

import asyncio
import contextlib
import io
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

TOLERANCE = 1e-4
"""Of an attribution's largest magnitude."""
_GONE = (ConnectionError, asyncio.IncompleteReadError, OSError)


@dataclass(frozen=True)
class Known:
    """A request, and the attribution that Python gives."""

    unit: int
    body: bytes
    attribution: Array

    @property
    def path(self) -> str:
        return f"/v1/explain?unit={self.unit}&format=npy"


@dataclass
class Tally:
    """What came of requests."""

    right: int = 0
    wrong: int = 0
    busy: int = 0
    lost: int = 0
    worst: float = 0.0
    faults: Counter[str] = field(default_factory=Counter)
    unexpected: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def check(self, known: Known, status: int, body: bytes) -> None:
        """Count an answer: right, wrong, or refused since the service is busy."""
        if status == 503:
            self.busy += 1
            return
        if status != 200:
            self.unexpected.append(f"unit {known.unit}: {status} {body[:120]!r}")
            return
        found = np.load(io.BytesIO(body), allow_pickle=False)
        scale = float(np.abs(known.attribution).max())
        off = float(np.abs(found - known.attribution).max()) / scale
        self.worst = max(self.worst, off)
        if found.shape == known.attribution.shape and off <= TOLERANCE:
            self.right += 1
        else:
            self.wrong += 1

    def expect(self, fault: str, status: int, wanted: Sequence[int]) -> None:
        """Count the answer to a fault."""
        self.faults[f"{fault}: {status}"] += 1
        if status not in (*wanted, 503):
            self.unexpected.append(f"{fault}: {status}, not {wanted}")


class Connection:
    """A connection that stays open, as those of a gateway do."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def streams(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._reader is None or self._writer is None:
            self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self.port)
        return self._reader, self._writer

    async def send(self, path: str, body: bytes, verb: str = "POST") -> None:
        _, writer = await self.streams()
        writer.write(_head(path, len(body), verb) + body)
        await writer.drain()

    async def answer(self) -> tuple[int, bytes]:
        reader, _ = await self.streams()
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        if headers.get("connection") == "close":
            self.close()
        return int(head[0].split()[1]), body

    async def ask(self, path: str, body: bytes = b"", verb: str = "POST") -> tuple[int, bytes]:
        await self.send(path, body, verb)
        return await self.answer()

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
        self._reader = self._writer = None


def _head(path: str, length: int, verb: str) -> bytes:
    return f"{verb} {path} HTTP/1.1\r\nHost: load\r\nContent-Length: {length}\r\n\r\n".encode()


Fault: TypeAlias = Callable[[Connection, Tally], Awaitable[None]]
"""Does something wrong, and counts what came of it."""


@dataclass(frozen=True)
class Load:
    """What is asked, and by how many connections.

    Attributes:
        port: of the service.
        known: requests with their answers.
        faults: what else is done, by its name; none where all requests are good.
        share: of the faults among requests.
    """

    port: int
    known: Sequence[Known]
    faults: Mapping[str, Fault]
    share: float = 0.2

    async def run(self, connections: int, seconds: float) -> Tally:
        """What came of so many connections in so many seconds."""
        tally, end = Tally(), time.monotonic() + seconds
        await asyncio.gather(*(self._one(Random(n), tally, end) for n in range(connections)))
        return tally

    async def _one(self, random: Random, tally: Tally, end: float) -> None:
        connection = Connection(self.port)
        while time.monotonic() < end:
            try:
                if self.faults and random.random() < self.share:
                    await random.choice([*self.faults.values()])(connection, tally)
                else:
                    await _checked(connection, random.choice(self.known), tally)
            except _GONE as error:
                tally.lost += 1
                tally.unexpected.append(f"a connection was lost: {error!r}")
                connection.close()
        connection.close()


async def _checked(connection: Connection, known: Known, tally: Tally) -> None:
    start = time.perf_counter()
    status, body = await connection.ask(known.path, known.body)
    tally.seconds.append(time.perf_counter() - start)
    tally.check(known, status, body)


def fault(name: str, path: str, body: bytes, *statuses: int) -> Fault:
    """A request that is refused."""

    async def do(connection: Connection, tally: Tally) -> None:
        status, _ = await connection.ask(path, body)
        tally.expect(name, status, statuses)

    return do


def slow(name: str, known: Known, seconds: float) -> Fault:
    """A good request whose body comes in pieces."""

    async def do(connection: Connection, tally: Tally) -> None:
        _, writer = await connection.streams()
        writer.write(_head(known.path, len(known.body), "POST"))
        size = len(known.body) // 8 + 1
        for start in range(0, len(known.body), size):
            writer.write(known.body[start : start + size])
            await asyncio.sleep(seconds / 8)
        status, body = await connection.answer()
        tally.faults[f"{name}: {status}"] += 1
        tally.check(known, status, body)

    return do


def too_slow(name: str, known: Known) -> Fault:
    """A request whose body never ends."""

    async def do(connection: Connection, tally: Tally) -> None:
        alone = Connection(connection.port)
        _, writer = await alone.streams()
        writer.write(_head(known.path, len(known.body), "POST") + known.body[:100])
        status, _ = await alone.answer()
        tally.expect(name, status, (408,))
        alone.close()

    return do


def leaving(name: str, known: Known, sent: float, seconds: float) -> Fault:
    """A client that goes away: after a part of the body, or before the answer."""

    async def do(connection: Connection, tally: Tally) -> None:
        alone = Connection(connection.port)
        _, writer = await alone.streams()
        part = known.body[: int(sent * len(known.body))]
        writer.write(_head(known.path, len(known.body), "POST") + part)
        with contextlib.suppress(*_GONE):
            await writer.drain()
        await asyncio.sleep(seconds)
        alone.close()
        tally.faults[name] += 1

    return do
