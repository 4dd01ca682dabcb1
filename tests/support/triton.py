"""A Triton server for tests: that of the nvidia-pytriton wheel, in an environment of its own."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from support.graphs import Array
from support.paths import ROOT

VARIABLE = "RETROGRAPH_TRITON"
HERE = ROOT / "tests" / "hosts" / "triton"
LONGEST = 120.0
"""Seconds that the server may take to start, and to answer all that it is asked."""


def environment() -> Path | None:
    """The environment with the server; None where there is none."""
    folder = os.environ.get(VARIABLE)
    found = Path(folder) if folder else ROOT / ".triton"
    return found if _packages(found) is not None else None


def _packages(folder: Path) -> Path | None:
    found = sorted(folder.glob("lib/python*/site-packages/pytriton/tritonserver/bin/tritonserver"))
    return found[0].parents[3] if found else None


needs_triton = pytest.mark.skipif(
    environment() is None, reason=f"no Triton server: `make triton`, or set {VARIABLE}"
)


@dataclass
class Triton:
    """A running server.

    Attributes:
        process: the server's.
        http, grpc: its ports.
        folder: for its requests and answers.
    """

    process: subprocess.Popen[bytes]
    python: Path
    http: int
    grpc: int
    folder: Path

    def get(self, path: str) -> dict[str, Any]:
        """What the server says at a path of its HTTP interface."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.http}/v2/{path}", timeout=9) as answer:
            return dict(json.load(answer))

    def ask(
        self, requests: Sequence[tuple[str, str, Mapping[str, Array]]]
    ) -> list[dict[str, Array]]:
        """The answers to (protocol, model, inputs), asked 16 at once by tritonclient."""
        plan = []
        for number, (protocol, model, feeds) in enumerate(requests):
            files = {key: f"{key}-{number}.npz" for key in ("inputs", "outputs")}
            plan.append({"protocol": protocol, "model": model, **files})
            np.savez(self.folder / files["inputs"], **dict(feeds))  # type: ignore[arg-type]
        (self.folder / "requests.json").write_text(json.dumps(plan))
        subprocess.run(
            [self.python, HERE / "ask.py", self.folder, str(self.http), str(self.grpc)],
            check=True,
            timeout=LONGEST,
            env={**os.environ, "PYTHONPATH": ""},
        )
        return [dict(np.load(self.folder / each["outputs"])) for each in plan]


@contextmanager
def serving(repository: Path, work: Path) -> Iterator[Triton]:
    """A server of a model repository; it is ended with the block.

    Args:
        repository: as `export` writes it; nothing in it is changed.
        work: an empty folder.
    """
    home = environment()
    packages = _packages(home) if home else None
    assert home is not None
    assert packages is not None
    http, grpc = _free_port(), _free_port()
    command = [
        packages / "pytriton" / "tritonserver" / "bin" / "tritonserver",
        f"--model-repository={repository}",
        f"--backend-directory={_backends(packages, work)}",
        *(f"--{kind}-address=127.0.0.1" for kind in ("http", "grpc")),
        *(f"--http-port={http}", f"--grpc-port={grpc}", "--allow-metrics=false"),
        "--disable-auto-complete-config",
    ]
    variables = {
        **os.environ,
        "LD_LIBRARY_PATH": str(packages / "nvidia_pytriton.libs"),
        "PYTHONPATH": str(packages),
        "PATH": f"{home / 'bin'}:{os.environ['PATH']}",
        "OMP_NUM_THREADS": "1",
    }
    log = work / "server.log"
    with log.open("wb") as out:
        process = subprocess.Popen(command, env=variables, stdout=out, stderr=out)
    asking = work / "asking"
    asking.mkdir()
    server = Triton(process, home / "bin" / "python", http, grpc, asking)
    try:
        _wait(server, log)
        yield server
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()


def _backends(packages: Path, work: Path) -> Path:
    """A folder of backends: the wheel's Python, and ours that is called onnxruntime."""
    wheel, folder = packages / "pytriton" / "tritonserver", work / "backends"
    shutil.copytree(HERE / "backends", folder)
    shutil.copytree(wheel / "backends" / "python", folder / "python")
    version = packages.parent.name.removeprefix("python")
    stub = wheel / "python_backend_stubs" / version / "triton_python_backend_stub"
    shutil.copy(stub, folder / "python")
    return folder


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _wait(server: Triton, log: Path) -> None:
    """Until all models are ready."""
    end = time.monotonic() + LONGEST
    while time.monotonic() < end and server.process.poll() is None:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{server.http}/v2/health/ready", timeout=5)
        except OSError:
            time.sleep(0.2)
        else:
            return
    print(log.read_text(errors="replace")[-4000:], file=sys.stderr)
    raise AssertionError("the server did not start")
