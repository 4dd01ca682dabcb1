"""How a process of the command line starts: modules are loaded fast, and Ctrl-C ends it then."""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

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
