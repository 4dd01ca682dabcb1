"""The program `python -m retrograph` in a child of this process, and what is wrong with its end."""

from __future__ import annotations

import contextlib
import io
import os
import re
import runpy
import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from child import run_in_child

MEMORY = 4 * 2**30
SECONDS = 30.0

_LIBTIFF = re.compile(r"[\w.]+: .*\.")
"""What it writes itself, whatever becomes of the file."""


@dataclass(frozen=True)
class Ran:
    """What a command has left.

    Attributes:
        code: its exit code; of a signal the negative number; None where the time was over.
        err: what it wrote to stderr.
    """

    code: int | None
    err: str

    @property
    def fault(self) -> str:
        """What is wrong with how it ended; "" if that is a result or errors of one line each."""
        if self.code is None:
            return "takes too long"
        if self.code not in (0, 2):
            return f"exit code {self.code}"
        lines = self.err.splitlines()
        errors = [line for line in lines if line.startswith("retrograph: ")]
        if self.code == 2 and not errors:
            return "ends without a word"
        if "out of memory" in self.err:
            return "takes too much memory"
        strange = [line for line in lines if line not in errors and not _LIBTIFF.fullmatch(line)]
        return f"writes {strange[0]!r}" if strange else ""


def preload() -> None:
    """Import the whole program, so that no child has to."""
    with contextlib.redirect_stdout(io.StringIO()):
        _program(["--version"])


def run(folder: Path, arguments: Sequence[str]) -> Ran:
    """Run `retrograph ARGUMENTS` in a folder."""

    def work(writer: int) -> int:
        os.dup2(writer, 2)
        sys.stdout, sys.stderr = open(1, "w"), open(2, "w")  # noqa: SIM115
        os.chdir(folder)
        try:
            return _program(arguments)
        except BaseException:
            traceback.print_exc()
            return 70
        finally:
            sys.stdout.flush()
            sys.stderr.flush()

    ended = run_in_child(work, memory=MEMORY, seconds=SECONDS)
    return Ran(ended.code, ended.written.decode(errors="replace"))


def _program(arguments: Sequence[str]) -> int:
    """The exit code of the program, run in this process."""
    sys.argv[1:] = arguments
    try:
        runpy.run_module("retrograph", run_name="__main__", alter_sys=True)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0
