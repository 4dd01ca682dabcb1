"""How long a click on the page takes, and whether memory stays flat: asked over HTTP, warm.

    python tools/bench/bench_page_clicks.py net.onnx photo.jpg --layer relu5
    python tools/bench/bench_page_clicks.py sample_models/cifar10_cnn.onnx photo.jpg --clicks 500

starts `retrograph serve`, waits for its first answer, and asks for the map of one unit after the
other, as the page does when a channel is clicked: the numbers and the picture. It prints the time
from the start to the page, the median and the slowest of the clicks, their CPU, which other work
on the machine hardly changes, and the memory before and after.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from page_run import environment, page_options, serving

WARM: Final = 3


class Client:
    """A browser's connection to the page.

    Args:
        process: the server.
        address: what it printed.
    """

    def __init__(self, process: subprocess.Popen[str], address: str) -> None:
        found = re.fullmatch(r"http://([\d.]+):(\d+)/([\w-]+)/", address)
        assert found is not None, address
        self._process, self._token = process, found[3]
        self._connection = http.client.HTTPConnection(found[1], int(found[2]), timeout=600)

    def get(self, path: str, **parameters: object) -> bytes:
        """The body of an answer."""
        query = urlencode({name: value for name, value in parameters.items() if value is not None})
        self._connection.request("GET", f"/{self._token}/{path}?{query}")
        answer = self._connection.getresponse()
        body = answer.read()
        assert answer.status == 200, body[:500]
        return body

    def json(self, path: str, **parameters: object) -> Any:
        """The record of an answer."""
        return json.loads(self.get(path, **parameters))

    @property
    def seconds(self) -> float:
        """Of CPU that the server has taken."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text(encoding="utf-8").split()
        return (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")

    @property
    def memory(self) -> float:
        """MiB that the server holds."""
        text = Path(f"/proc/{self._process.pid}/status").read_text(encoding="utf-8")
        found = re.search(r"VmRSS:\s+(\d+) kB", text)
        assert found is not None
        return int(found[1]) / 1024


@contextmanager
def served(command: Sequence[str]) -> Iterator[tuple[Client, float]]:
    """A page that a command serves, and in how many seconds it was there."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment())
    try:
        assert process.stdout is not None
        client = Client(process, process.stdout.readline().strip().rpartition(" ")[2])
        client.get("")
        client.get("api/models")
        client.get("api/inputs")
        yield client, time.perf_counter() - start
    finally:
        process.terminate()
        process.communicate(timeout=60)


def click(client: Client, layer: str | None, unit: int) -> float:
    """The seconds of a click: the numbers of a unit and its map."""
    asked = {"input": "0", "layer": layer, "unit": unit}
    start = time.perf_counter()
    client.get("api/explain", format="json", part="map", **asked)
    return time.perf_counter() - start


def main() -> int:
    """Measure; the exit code."""
    args = page_options(__doc__ or "").parse_args()
    with served(serving(args)) as (client, first):
        print(f"start to first answers: {first:.2f} s")
        client.get("api/model")
        maps = client.json("api/maps", input="0", layer=args.layer, count=1)
        units = int(maps["total"])
        for unit in range(WARM):
            click(client, args.layer, unit % units)
        before, spent = client.memory, client.seconds
        times = [click(client, args.layer, (WARM + i) % units) for i in range(args.clicks)]
        after, spent = client.memory, (client.seconds - spent) / args.clicks
    print(
        f"click: median {statistics.median(times) * 1000:.0f} ms, slowest "
        f"{max(times) * 1000:.0f} ms of {len(times)}; {spent * 1000:.0f} ms of CPU each"
    )
    print(f"memory: {before:.0f} MiB before, {after:.0f} MiB after")
    return 0


if __name__ == "__main__":
    sys.exit(main())
