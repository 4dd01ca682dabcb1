"""The command line in a child of this process, within bounds of memory and time.

A child starts with all that this process has imported, so that a run takes its own work alone.
"""

from __future__ import annotations

import os
import re
import resource
import select
import signal
import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile

from retrograph.cli import main

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
        own = [line for line in lines if line.startswith("retrograph: ")]
        if self.code == 2 and not own:
            return "ends without a word"
        if "out of memory" in self.err:
            return "takes too much memory"
        strange = [line for line in lines if line not in own and not _LIBTIFF.fullmatch(line)]
        return f"writes {strange[0]!r}" if strange else ""


def run(folder: Path, arguments: Sequence[str]) -> Ran:
    """Run `retrograph ARGUMENTS` in a folder."""
    with TemporaryFile() as err:
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reader)
            _leave(folder, arguments, err.fileno())
        os.close(writer)
        done = select.select([reader], [], [], SECONDS)[0]  # the pipe ends with the child
        os.close(reader)
        if not done:
            os.kill(child, signal.SIGKILL)
        status = os.waitpid(child, 0)[1]
        err.seek(0)
        text = err.read().decode(errors="replace")
    return Ran(os.waitstatus_to_exitcode(status) if done else None, text)


def _leave(folder: Path, arguments: Sequence[str], err: int) -> None:
    """Run the command in this process, which ends by it."""
    code = 70
    try:
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        os.dup2(os.open(os.devnull, os.O_RDWR), 1)
        os.dup2(err, 2)
        sys.stdout, sys.stderr = open(1, "w"), open(2, "w")  # noqa: SIM115
        os.chdir(folder)
        code = main(list(arguments))
    except SystemExit as left:
        code = left.code if isinstance(left.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
