"""A built graph as ONNX Runtime has made it ready, kept as a file."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory

import onnx
from onnx import ModelProto

from retrograph.errors import InputError
from retrograph.ir.io.shadowed_names import unshadow
from retrograph.keywords import checked_keywords
from retrograph.model import new_files, runnable
from retrograph.runtime import write_optimized


@checked_keywords
def save_optimized(
    model: ModelProto, path: str | os.PathLike[str], *, force: bool = False
) -> list[Path]:
    """Write a graph as ONNX Runtime optimises it for this machine's CPU, whole or not at all.

    It starts several times as fast as the graph itself and gives the same, by the same version of
    ONNX Runtime on the same kind of processor. It is not portable: it has operators of ONNX
    Runtime's own.

    Args:
        model: a built graph.
        path: the new file.
        force: replace what is there.

    Returns:
        The file, and that of its weights where the graph has them in a file of their own.

    Raises:
        DeviceError: ONNX Runtime is not installed.
        InputError: the file exists and `force` is not set, it cannot be written, or ONNX Runtime
            cannot load the graph.
    """
    out = Path(path)
    files = new_files(model, out, force=force)
    weights = files[1].name if files[1:] else None
    try:
        with TemporaryDirectory(prefix=".retrograph-", dir=out.parent) as made:
            with runnable(model) as (graph, folder, needed):
                write_optimized(graph, Path(made, out.name), weights, folder, needed)
            _mend(Path(made, out.name))
            for file in reversed(files):
                Path(made, file.name).replace(file)
    except OSError as error:
        raise InputError(f"{out} cannot be written ({error.strerror}); name another") from None
    return files


def _mend(file: Path) -> None:
    """ONNX Runtime (1.31) writes bodies that hide names around them, and refuses to read them."""
    model = onnx.load(file, load_external_data=False)
    unshadow(model.graph)
    file.write_bytes(model.SerializeToString())
