"""The conformance cases, written once for all tests of a run."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest

from case_files import INDEX
from make_conformance import write_conformance


def shared_cases(factory: pytest.TempPathFactory) -> Path:
    """The folder of all cases; of several workers the first one writes it."""
    own = factory.getbasetemp()
    shared = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    folder = shared / "conformance"
    with (shared / "conformance.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / INDEX).exists():
            write_conformance(folder)
    return folder
