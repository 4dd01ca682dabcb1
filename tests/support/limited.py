"""The command line in a process of its own, with bounds on memory and time."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
from onnx import ModelProto

from support.cli_case import Ran
from support.paths import ENGINE

ENGINE = ENGINE
BUILD = "build bad.onnx -o out.onnx --method gradient"
MEMORY = 3 * 2**30
SECONDS = 60

_PROGRAM = """
import os, resource, sys
memory, forbidden = int(sys.argv[1]), sys.argv[2]
resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
def watch(event, given):
    path = given[0] if event == "open" else None
    if isinstance(path, (str, bytes)) and os.path.realpath(os.fsdecode(path)) == forbidden:
        os._exit(99)
sys.addaudithook(watch)
from retrograph.cli import main
sys.exit(main(sys.argv[3:]))
"""


def run(folder: Path, arguments: str, *, memory: int, seconds: float, forbidden: Path) -> Ran:
    """Run `retrograph ARGUMENTS` in a folder.

    Args:
        memory: how many bytes of addresses it may have.
        seconds: how long it may take; what is not done by then raises TimeoutExpired.
        forbidden: a file that it may not open; if it does, the exit code is 99.
    """
    command = [sys.executable, "-c", _PROGRAM, str(memory), str(forbidden.resolve())]
    done = subprocess.run(
        [*command, *arguments.split()],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ENGINE), "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


def workplace(folder: Path) -> Path:
    """A folder for the model, beside a file of weights that is not its own."""
    (folder / "secret.bin").write_bytes(np.ones(20_000, np.float32).tobytes())
    (folder / "model").mkdir()
    return folder / "model"


def built(here: Path, raw: bytes | ModelProto) -> Ran:
    """`retrograph build` of a file, within bounds; what is there afterwards is whole."""
    (here / "bad.onnx").write_bytes(raw if isinstance(raw, bytes) else raw.SerializeToString())
    before = set(here.iterdir())
    forbidden = here.parent / "secret.bin"
    ran = run(here, BUILD, memory=MEMORY, seconds=SECONDS, forbidden=forbidden)
    assert "Traceback" not in ran.err
    assert "out of memory" not in ran.err
    assert set(here.iterdir()) - before == ({here / "out.onnx"} if ran.code == 0 else set())
    return ran
