"""Work done in a child of this process, within bounds of memory and time.

A child starts with all that this process has imported, so that it costs no more than its own work.
"""

from __future__ import annotations

import os
import resource
import select
import signal
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Ended:
    """How a child has ended.

    Attributes:
        code: its exit code; of a signal the negative number; None where the time was over.
        written: what it wrote to the pipe.
    """

    code: int | None
    written: bytes


def run_in_child(work: Callable[[int], int], *, memory: int, seconds: float) -> Ended:
    """Fork, do the work in the child and wait for its end.

    Args:
        work: takes the file descriptor of a pipe to this process, returns the exit code. Standard
            output and error go nowhere unless it redirects them.
        memory: how many bytes of addresses the child may have.
        seconds: how long it may take; it is killed then.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        _work_and_exit(work, writer, memory)
    os.close(writer)
    written, over = _read_until(reader, time.monotonic() + seconds)
    os.close(reader)
    if over:
        os.kill(child, signal.SIGKILL)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return Ended(None if over else code, written)


def _read_until(reader: int, deadline: float) -> tuple[bytes, bool]:
    """What comes through a pipe before its other end closes, and whether the time was over."""
    written = b""
    while select.select([reader], [], [], max(0.0, deadline - time.monotonic()))[0]:
        part = os.read(reader, 2**16)
        if not part:
            return written, False
        written += part
    return written, True


def _work_and_exit(work: Callable[[int], int], writer: int, memory: int) -> None:
    """Do the work in this process, which ends by it."""
    code = 70
    try:
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
        nowhere = os.open(os.devnull, os.O_RDWR)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        code = work(writer)
    except BaseException:
        os.write(writer, traceback.format_exc().encode())
    finally:
        os._exit(code)
