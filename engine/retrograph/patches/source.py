"""The model that was scanned, found again."""

from __future__ import annotations

from pathlib import Path

from retrograph.errors import InputError, parameter
from retrograph.model import Model
from retrograph.scanning import ScanReader


def scanned_model(scan: ScanReader, path: str | None = None) -> Model:
    """The model that a store is of.

    Args:
        scan: its store.
        path: where the model is now; where it was if None.

    Raises:
        InputError: it is not there, or is another one.
    """
    file = path or scan.run["file"]
    if file is None:
        raise InputError(
            f"{scan.path} does not say which file its model is; give {parameter('model', 'PATH')}"
        )
    if path is None and not Path(file).is_file():
        raise InputError(
            f"the scanned model, {file}, is not there; give "
            f"{parameter('model', 'PATH')}, or run this where the scan was run"
        )
    model = Model(file)
    if model.sha256 != scan.run["model"]:
        raise InputError(
            f"{file} is not the model that was scanned (its SHA-256 begins with "
            f"{model.sha256[:8]}, that of the scanned one with {scan.run['model'][:8]}); "
            f"give {parameter('model', 'PATH')}, or scan anew"
        )
    return model


def explained_input(model: Model, tensors: list[str]) -> str:
    """The input that the pictures of a scan became: the first that any of its layers needs."""
    needed = {name for t in tensors for name in model.request(layer=t, method="gradient").sources}
    return next(tensor.name for tensor in model.inputs if tensor.name in needed)
