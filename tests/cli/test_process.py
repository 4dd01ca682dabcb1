"""The command line as a process: how it ends."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import retrograph
from retrograph import starting

_UNFREED = "class Freed:\n    def __del__(self): print('freed')\nkept = Freed()\n"
"""What tells whether Python frees the objects of a module at the end."""


def _ended(body: str, before: str = "") -> subprocess.CompletedProcess[str]:
    script = (
        "import atexit, threading, time\n"
        "from retrograph.starting import run_as_process\n"
        f"{before}\n{_UNFREED}"
        f"def main():\n    {body}\n"
        "run_as_process(main)\n"
    )
    environment = {k: v for k, v in os.environ.items() if not k.startswith("COV_")}
    environment["PYTHONPATH"] = str(Path(retrograph.__file__).parents[1])
    return subprocess.run(
        [sys.executable, "-S", "-c", script], capture_output=True, text=True, env=environment
    )


@pytest.mark.parametrize("code", [0, 2, 130])
def test_a_process_ends_with_the_code_of_its_command(code: int) -> None:
    done = _ended(f"print('out'); return {code}")
    assert (done.returncode, done.stdout, done.stderr) == (code, "out\n", "")


def test_threads_and_exit_handlers_come_before_the_end() -> None:
    late = "threading.Thread(target=lambda: (time.sleep(0.1), print('thread'))).start()"
    done = _ended(f"atexit.register(print, 'handler'); {late}; return 3")
    assert (done.returncode, done.stdout) == (3, "thread\nhandler\n")


def test_handlers_that_were_there_first_are_called() -> None:
    done = _ended("return 3", before="atexit.register(print, 'first')")
    assert (done.returncode, done.stdout) == (3, "first\nfreed\n")


def test_an_exception_ends_a_process_as_it_does_in_python() -> None:
    done = _ended("raise ValueError('why')")
    assert done.returncode == 1
    assert "ValueError: why" in done.stderr
    assert done.stdout == "freed\n"


def test_freed_memory_is_kept_where_the_c_library_can(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[int, int]] = []
    with_option = SimpleNamespace(mallopt=lambda *option: told.append(option))
    for library in (with_option, SimpleNamespace()):
        monkeypatch.setattr(starting.ctypes, "CDLL", lambda name, library=library: library)
        with starting.loading():
            pass
    monkeypatch.setattr(starting.sys, "platform", "darwin")
    with starting.loading():
        pass
    trim, mmap = -1, -3  # of malloc.h
    assert told == [(trim, 2**26), (mmap, 2**24)]
