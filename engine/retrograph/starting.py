"""How a process of the command line starts and ends.

Modules are loaded fast, and Ctrl-C ends it then; at its end, the system takes its memory back.
"""

from __future__ import annotations

import atexit
import gc
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, NoReturn

_BLOCKS: Final = "8"
"""How many blocks of memory Pillow keeps, each as large as the picture that was in it."""


@contextmanager
def loading() -> Iterator[None]:
    """What is imported stays, so that no search for garbage needs to go through it.

    SIGINT, where it would raise KeyboardInterrupt, ends the process instead: raised inside the
    import system, the exception may leave its lock held, which others then wait for without end.
    Pillow is told to keep the memory of pictures for the next ones: fresh memory for each costs
    more than drawing it. To be entered in the main thread.
    """
    os.environ.setdefault("PILLOW_BLOCKS_MAX", _BLOCKS)
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
