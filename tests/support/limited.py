"""The command line in a process of its own, with bounds on memory and time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
from onnx import ModelProto

from support.cli_case import Ran
from support.paths import ENGINE

BUILD = "build bad.onnx -o out.onnx --method gradient"
MEMORY = 3 * 2**30
SECONDS = 60
FORBIDDEN_WAS_OPENED = 99

_SERVER = f"""
import gc, json, os, resource, signal, sys, traceback
from retrograph.cli import main

def serve(job):
    resource.setrlimit(resource.RLIMIT_AS, (job["memory"], job["memory"]))
    def watch(event, given):
        path = given[0] if event == "open" else None
        if isinstance(path, (str, bytes)):
            if os.path.realpath(os.fsdecode(path)) == job["forbidden"]:
                os._exit({FORBIDDEN_WAS_OPENED})
    for number, path in enumerate((os.devnull, job["out"], job["err"])):
        os.dup2(os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC), number)
    os.chdir(job["folder"])
    sys.addaudithook(watch)
    signal.alarm(job["seconds"])
    try:
        return main(job["arguments"])
    except SystemExit as left:
        return left.code
    except BaseException:
        traceback.print_exc()
        return 1

gc.freeze()

for line in sys.stdin:
    child = os.fork()
    if child == 0:
        code = serve(json.loads(line))
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""
"""Imports the command line once, and forks a child for each line of JSON that it reads."""


@cache
def _server() -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", _SERVER],
        env=os.environ | {"PYTHONPATH": str(ENGINE), "OPENBLAS_NUM_THREADS": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def run(folder: Path, arguments: str, *, memory: int, seconds: int, forbidden: Path) -> Ran:
    """Run `retrograph ARGUMENTS` in a folder.

    Args:
        memory: how many bytes of addresses it may have.
        seconds: how long it may take; what is not done by then is killed, and the exit code is
            that of SIGALRM, -14.
        forbidden: a file that it may not open; if it does, the exit code is FORBIDDEN_WAS_OPENED.
    """
    out, err = (folder.parent / f"{folder.name}.{name}" for name in ("out", "err"))
    job = {
        "folder": str(folder),
        "arguments": arguments.split(),
        "memory": memory,
        "seconds": seconds,
        "forbidden": str(forbidden.resolve()),
        "out": str(out),
        "err": str(err),
    }
    server = _server()
    assert server.stdin is not None
    assert server.stdout is not None
    server.stdin.write(json.dumps(job) + "\n")
    server.stdin.flush()
    code = int(server.stdout.readline())
    return Ran(code, out.read_text(), err.read_text())


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
