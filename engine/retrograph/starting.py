"""How a process of the command line starts: modules are loaded fast, and Ctrl-C ends it then."""

from __future__ import annotations

import gc
import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def loading() -> Iterator[None]:
    """What is imported stays, so that no search for garbage needs to go through it.

    SIGINT, where it would raise KeyboardInterrupt, ends the process instead: raised inside the
    import system, the exception may leave its lock held, which others then wait for without end.
    To be entered in the main thread.
    """
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
