"""A service under load: is each answer right, is memory bounded, what does a batch bring?

    python tools/bench/load_service.py --seconds 60 --connections 16,64

starts `retrograph serve --api` on the sample model and asks it over loopback, good requests
mixed with bad bytes, huge pictures, slow clients and clients that leave. Each answer is compared
with that of `retrograph.explain`. Then requests in flight are to be answered at SIGTERM, and
throughput is measured in turns with batches and one by one. The exit code is 1 if an answer was
wrong, a request was lost, or memory grew beyond its bound.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image

import retrograph as rg
from load_client import Connection, Fault, Known, Load, Tally, fault, leaving, slow, too_slow

ROOT: Final = Path(__file__).resolve().parents[2]
SAMPLE: Final = ROOT / "sample_models" / "cifar10_cnn.onnx"
INPUTS: Final = 12
UNITS: Final = 10
GROWTH: Final = 64
"""MiB by which memory may grow from a tenth of the time to its end."""


class Served:
    """A service in a process of its own."""

    def __init__(self, process: subprocess.Popen[str], port: int) -> None:
        self.process, self.port = process, port

    @property
    def memory(self) -> float:
        """MiB that are resident."""
        text = Path(f"/proc/{self.process.pid}/status").read_text(encoding="utf-8")
        found = re.search(r"VmRSS:\s+(\d+) kB", text)
        assert found is not None
        return int(found[1]) / 1024

    async def metric(self, name: str) -> float:
        """The sum of what the service counts by a name."""
        connection = Connection(self.port)
        _, body = await connection.ask("/metrics", verb="GET")
        connection.close()
        values = re.findall(rf"^{name}(?:{{.*}})? (\S+)$", body.decode(), re.MULTILINE)
        return sum(map(float, values))


@contextmanager
def served(model: Path, *options: str) -> Iterator[Served]:
    """A service that is ready; ended at the end, if it still runs."""
    words = [sys.executable, "-m", "retrograph", "serve", "--api", f"net={model}", "--port", "0"]
    words += options
    paths = os.pathsep.join([str(ROOT / "engine"), os.environ.get("PYTHONPATH", "")])
    process = subprocess.Popen(
        words, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": paths}
    )
    try:
        assert process.stdout is not None
        port = int(process.stdout.readline().rsplit(":", 1)[1])
        service = Served(process, port)
        asyncio.run(_ready(service))
        yield service
    finally:
        process.kill()
        process.communicate()


async def _ready(service: Served) -> None:
    connection = Connection(service.port)
    while (await connection.ask("/readyz", verb="GET"))[0] != 200:
        await asyncio.sleep(0.1)
    connection.close()


def known_requests(model: Path) -> list[Known]:
    """Requests with what Python answers: arrays and pictures, every unit."""
    rng = np.random.default_rng(0)
    (spec,) = rg.Explainer(model, device="cpu").inputs
    item = [size if isinstance(size, int) else 1 for size in spec.shape[1:]]
    known = []
    for number in range(INPUTS):
        array = rng.random(item, np.float32)
        picture = rng.integers(0, 256, (48, 64, 3), np.uint8)
        body = _npy(array) if number % 4 else _png(picture)
        for unit in range(UNITS):
            x = array if number % 4 else Image.fromarray(picture)
            answer = rg.explain(model, x, unit, device="cpu").attribution
            known.append(Known(unit, body, answer))
    return known


def _npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def _png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def faults(known: Sequence[Known]) -> dict[str, Fault]:
    """What goes wrong in the world, and what has to be answered."""
    good, path = known[-1], "/v1/explain?unit=3"
    infinite = np.full(np.load(io.BytesIO(good.body)).shape, 3e38, np.float32)
    return {
        "bad bytes": fault("bad bytes", path, b"garbage", 400),
        "half a picture": fault("half a picture", path, known[0].body[:300], 400),
        "no finite answer": fault("no finite answer", path, _npy(infinite), 400),
        "no such unit": fault("no such unit", "/v1/explain?unit=99999", good.body, 400),
        "huge picture": fault("huge picture", path, _png(np.zeros((9000, 9000), bool)), 413),
        "huge body": fault("huge body", path, bytes(17 * 2**20), 413),
        "slow client": slow("slow client", good, 1.0),
        "a client that stops": too_slow("a client that stops", good),
        "leaves while it sends": leaving("leaves while it sends", good, 0.5, 0.05),
        "leaves before the answer": leaving("leaves before the answer", good, 1.0, 0.002),
    }


async def watched(service: Served, load: Load, connections: int, seconds: float) -> bool:
    """A load, its answers and the memory printed; whether all was right."""
    memory: list[float] = []

    async def watch() -> None:
        while True:
            memory.append(service.memory)
            await asyncio.sleep(seconds / 60)

    watching = asyncio.ensure_future(watch())
    start = time.perf_counter()
    tally = await load.run(connections, seconds)
    passed = time.perf_counter() - start
    watching.cancel()
    early, middle = memory[len(memory) // 10], memory[len(memory) // 2]
    grown = service.memory - early
    print(f"{connections} connections, {passed:.0f} s, faults mixed in")
    print(
        f"  right {tally.right}, wrong {tally.wrong}, busy {tally.busy}, lost {tally.lost}; "
        f"at most {tally.worst:.1e} of the maximum off"
    )
    print(
        f"  MiB resident: {memory[0]:.0f} at the start, {early:.0f} at a tenth, {middle:.0f} in "
        f"the middle, {service.memory:.0f} at the end, {max(memory):.0f} at most"
    )
    print(f"  faults: {', '.join(f'{name} x {n}' for name, n in sorted(tally.faults.items()))}")
    for line in tally.unexpected[:10]:
        print(f"  NOT EXPECTED: {line}")
    print(flush=True)
    return not (tally.wrong or tally.unexpected) and grown < GROWTH


async def answered_at_the_end(service: Served, known: Sequence[Known], count: int) -> bool:
    """Whether requests that are in flight when SIGTERM comes are all answered."""
    before = await service.metric("retrograph_request_seconds_count")
    connections = [Connection(service.port) for _ in range(count)]
    picks = [known[n % len(known)] for n in range(count)]
    for connection, pick in zip(connections, picks, strict=True):
        await connection.send(pick.path, pick.body)
    while True:
        done = await service.metric("retrograph_request_seconds_count") - before
        if await service.metric("retrograph_waiting") + done >= count:
            break
    waiting = int(await service.metric("retrograph_waiting"))
    service.process.send_signal(signal.SIGTERM)
    tally = Tally()
    for connection, pick in zip(connections, picks, strict=True):
        tally.check(pick, *await connection.answer())
        connection.close()
    code = await asyncio.to_thread(service.process.wait, 60)
    print(
        f"SIGTERM with {count} requests sent and {waiting} not answered yet: {tally.right} "
        f"answered right, {tally.wrong} wrong; the process ended with {code}\n",
        flush=True,
    )
    return tally.right == count and code == 0


def throughput(
    model: Path, known: Sequence[Known], connections: int, seconds: float, threads: str
) -> None:
    """Requests a second with batches and one by one, in turns."""
    arrays = [each for each in known if each.body.startswith(b"\x93NUMPY")]
    ways = {"batches of 8": "8", "one by one": "1"}
    rounds: dict[str, list[float]] = {way: [] for way in ways}
    times: dict[str, list[float]] = {way: [] for way in ways}
    with ExitStack() as stack:
        options = (("--threads", threads, "--batch", batch) for batch in ways.values())
        services = [stack.enter_context(served(model, *each)) for each in options]
        for _ in range(5):
            for way, service in zip(ways, services, strict=True):
                tally = asyncio.run(Load(service.port, arrays, {}).run(connections, seconds / 10))
                assert not tally.wrong, f"{way}: {tally.wrong} wrong answers"
                assert not tally.unexpected, tally.unexpected[:3]
                rounds[way].append(tally.right / (seconds / 10))
                times[way] += tally.seconds
    for way, rates in rounds.items():
        rest = ", ".join(f"{rate:.0f}" for rate in rates[1:])
        middle, late = np.percentile(times[way], [50, 99]) * 1000
        print(
            f"{connections} connections, {way}: {np.median(rates[1:]):.0f} requests a second "
            f"({rest}); {middle:.1f} ms, 99 of 100 within {late:.1f} ms",
            flush=True,
        )


def main() -> int:
    """Run all of it; 1 if something was not right."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--model", type=Path, default=SAMPLE, help="a classifier of one input")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--connections", default="16,64", help="such as 16,64")
    parser.add_argument("--threads", default="1", help="of an operator, in the service")
    args = parser.parse_args()
    counts = [int(text) for text in args.connections.split(",")]
    known = known_requests(args.model)
    is_right = True
    with served(args.model, "--threads", args.threads, "--most-receiving", "3") as service:
        for count in counts:
            load = Load(service.port, known, faults(known))
            is_right &= asyncio.run(watched(service, load, count, args.seconds))
        is_right &= asyncio.run(answered_at_the_end(service, known, max(counts)))
    for count in counts:
        throughput(args.model, known, count, args.seconds, args.threads)
    return 0 if is_right else 1


if __name__ == "__main__":
    sys.exit(main())
