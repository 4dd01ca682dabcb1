"""A service in a process of its own."""

from __future__ import annotations

import http.client
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from support.paths import ROOT


@dataclass(frozen=True)
class Served:
    """A service that runs, and where."""

    process: subprocess.Popen[str]
    port: int
    folder: Path

    def get(self, path: str) -> tuple[int, bytes]:
        return self._ask("GET", path, None)

    def post(self, path: str, body: bytes) -> tuple[int, bytes]:
        return self._ask("POST", path, body)

    def _ask(self, verb: str, path: str, body: bytes | None) -> tuple[int, bytes]:
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)) as connection:
            connection.request(verb, path, body)
            answer = connection.getresponse()
            return answer.status, answer.read()


def command(words: Sequence[str]) -> list[str]:
    return [sys.executable, "-m", "retrograph", "serve", "--api", *words]


def environment() -> dict[str, str]:
    paths = [str(ROOT / "engine"), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"}


@contextmanager
def started(words: Sequence[str], folder: Path) -> Iterator[Served]:
    """A service on a free port, once it is ready; killed at the end, if it still runs."""
    process = subprocess.Popen(
        command([*words, "--port", "0", "--device", "cpu"]),
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        first = process.stdout.readline()
        where = re.search(r"http://127\.0\.0\.1:(\d+)$", first.strip())
        assert where, first
        served = Served(process, int(where[1]), folder)
        deadline = time.monotonic() + 60
        while not _is_ready(served):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        yield served
    finally:
        process.kill()
        process.communicate()


def _is_ready(served: Served) -> bool:
    try:
        return served.get("/readyz")[0] == 200
    except OSError:
        return False
