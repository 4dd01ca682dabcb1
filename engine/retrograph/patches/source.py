"""The model that was scanned, found again."""

from __future__ import annotations

import os
from pathlib import Path

from retrograph.errors import InputError, parameter
from retrograph.model import Model, Source
from retrograph.scanning import ScanReader


def scanned_model(scan: ScanReader, model: Source | None = None) -> Model:
    """The model that a store is of.

    Args:
        scan: its store.
        model: the model, or where it is now; where it was if None.

    Raises:
        InputError: it is not there, or is another one.
    """
    source = _scanned_file(scan) if model is None else model
    opened = source if isinstance(source, Model) else Model(source)
    if opened.sha256 != scan.run["model"]:
        name = os.fspath(source) if isinstance(source, (str, os.PathLike)) else "this model"
        raise InputError(
            f"{name} is not the model that was scanned (its SHA-256 begins with "
            f"{opened.sha256[:8]}, that of the scanned one with {scan.run['model'][:8]}); "
            f"give {parameter('model', 'PATH')}, or scan anew"
        )
    return opened


def _scanned_file(scan: ScanReader) -> str:
    """The file of the model, where it was when it was scanned."""
    file: str | None = scan.run["file"]
    if file is None:
        raise InputError(
            f"{scan.path} does not say which file its model is; give {parameter('model', 'PATH')}"
        )
    if not Path(file).is_file():
        raise InputError(
            f"the scanned model, {file}, is not there; give "
            f"{parameter('model', 'PATH')}, or run this where the scan was run"
        )
    return file


def explained_input(model: Model, tensors: list[str]) -> str:
    """The input that the pictures of a scan became: the first that any of its layers needs."""
    needed = {name for t in tensors for name in model.request(layer=t, method="gradient").sources}
    return next(tensor.name for tensor in model.inputs if tensor.name in needed)
