"""Damaged files: one error of ours, whatever a library raises."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from retrograph.errors import InputError, one_line


@contextmanager
def blaming(path: Path, fault: str, mend: str) -> Iterator[None]:
    """Whatever goes wrong in reading a file is an InputError: its path, the fault, the mend."""
    try:
        yield
    except (InputError, GeneratorExit, MemoryError):
        raise
    except FileNotFoundError:
        raise InputError(f"{path} does not exist; check the path") from None
    except PermissionError:
        raise InputError(f"{path} may not be read; change its permissions") from None
    except Exception as error:  # on damaged data libraries raise nearly anything
        raise InputError(f"{path} {fault} ({one_line(error)}); {mend}") from None
