"""How a process of the command line starts and ends.

Modules are loaded fast, and Ctrl-C ends it then; at its end, the system takes its memory back.
"""

from __future__ import annotations

import atexit
import ctypes
import gc
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, NoReturn

_BLOCKS: Final = "8"
"""How many blocks of memory Pillow keeps, each as large as the picture that was in it."""
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""Parameters of mallopt."""
_KEPT: Final = {_TRIM_THRESHOLD: 2**26, _MMAP_THRESHOLD: 2**24}
"""Bytes of freed memory that a process keeps, and those of an array that it gives back at once."""


@contextmanager
def loading() -> Iterator[None]:
    """What is imported stays, so that no search for garbage needs to go through it.

    SIGINT, where it would raise KeyboardInterrupt, ends the process instead: raised inside the
    import system, the exception may leave its lock held, which others then wait for without end.
    The memory of pictures is kept for the next ones: fresh memory for each costs more than drawing
    it. To be entered in the main thread.
    """
    os.environ.setdefault("PILLOW_BLOCKS_MAX", _BLOCKS)
    _keep_freed_memory()
    interrupt = signal.getsignal(signal.SIGINT)
    if interrupt is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
        signal.signal(signal.SIGINT, interrupt)


def _keep_freed_memory() -> None:
    """Have the C library keep freed memory; only that of GNU is told."""
    if sys.platform == "linux":
        set_option = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none
        if set_option is not None:
            for name, value in _KEPT.items():
                set_option(name, value)


def run_as_process(main: Callable[[], int]) -> NoReturn:
    """Run a command, and end the process with the exit code that it returns.

    Left out is what Python does after all threads and exit handlers: to free each object of
    some hundred modules takes a fifteenth of a short command's time. Where something has an exit
    handler already, such as a measurement of coverage, the process ends as others do: the
    handlers that are registered first are called last.
    """
    codes: list[int] = []
    # Not documented: where Python has it no more, the process ends as others do.
    if not getattr(atexit, "_ncallbacks", lambda: 1)():
        atexit.register(_leave, codes)
    codes.append(main())
    sys.exit(codes[0])


def _leave(codes: list[int]) -> None:
    """End the process; one that an exception ends has no code, and ends as Python does it."""
    if codes:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(codes[0])
