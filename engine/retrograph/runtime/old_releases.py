"""What sessions of older releases of ONNX Runtime are made with, so that they load and compute."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory, mkstemp

from retrograph.errors import InputError
from retrograph.ir.io.runtime_releases import version_of
from retrograph.runtime.providers import import_runtime

_FINDS_FOLDERS = (1, 21)
"""Since this release a graph in memory may have its weights in the files of a folder."""

_ROUNDING = (1, 21)
"""This release alone quantises weights that the file has as floats, behind a DequantizeLinear."""


def disabled_optimizers() -> list[str]:
    """The optimisations that give other numbers in the installed release."""
    return ["WeightBiasQuantization"] if _installed() == _ROUNDING else []


@contextmanager
def loadable(model: bytes | Path, folder: str | None) -> Iterator[bytes | Path]:
    """A graph as the installed release loads it: as it is, or from a file while it is loaded.

    An older release finds weights only beside the graph's own file. So that nothing is written
    where they lie, the file lies in a folder of its own, beside links to all that is there.

    Raises:
        InputError: the links cannot be made.
    """
    if isinstance(model, Path) or folder is None or _installed() >= _FINDS_FOLDERS:
        yield model
        return
    with TemporaryDirectory(prefix="retrograph-", ignore_cleanup_errors=True) as made:
        try:
            for entry in Path(folder).iterdir():
                Path(made, entry.name).symlink_to(entry.absolute())
        except OSError as error:
            raise InputError(
                f"{folder}: the weights cannot be linked to ({error.strerror}), as ONNX Runtime "
                "before 1.21 needs it; update it"
            ) from None
        file, name = mkstemp(suffix=".onnx", dir=made)
        with os.fdopen(file, "wb") as graph:
            graph.write(model)
        yield Path(name)


def _installed() -> tuple[int, int]:
    return version_of(import_runtime().__version__)
