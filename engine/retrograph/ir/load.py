"""Reading an ONNX file, and saying in one line what is wrong with it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import onnx
from google.protobuf.message import DecodeError
from onnx import ModelProto, checker

from retrograph.errors import InputError
from retrograph.ir.graph import opset_of


def load(model: str | Path | ModelProto) -> tuple[ModelProto, str]:
    """Read a model and the SHA-256 of its bytes.

    Args:
        model: a path to an .onnx file, or a model that is already in memory (it is copied).

    Raises:
        InputError: there is no such file, it is no ONNX model, it is cut short, or it imports no
            or a too new version of the standard operator set.
    """
    if isinstance(model, ModelProto):
        copy = ModelProto()
        copy.CopyFrom(model)
        digest = hashlib.sha256(model.SerializeToString(deterministic=True)).hexdigest()
        _check(copy, "the model")
        return copy, digest
    path = Path(model)
    raw = _read(path)
    loaded = ModelProto()
    try:
        loaded.ParseFromString(raw)
    except DecodeError as error:
        raise InputError(
            f"{path}: not an ONNX model, or cut short ({error}); export or download it again"
        ) from None
    _check(loaded, str(path))
    try:
        onnx.load_external_data_for_model(loaded, str(path.parent))
    except (OSError, ValueError, checker.ValidationError) as error:
        raise InputError(
            f"{path}: its weights lie in another file that cannot be read "
            f"({_first_line(error)}); keep the external data file beside the model"
        ) from None
    return loaded, hashlib.sha256(raw).hexdigest()


def _read(path: Path) -> bytes:
    if path.is_dir():
        raise InputError(f"{path}: is a folder; give the .onnx file in it")
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(
            f"{path}: cannot be read ({error.strerror}); check the path of the model"
        ) from None


def _check(model: ModelProto, where: str) -> None:
    if not model.graph.node:
        raise InputError(
            f"{where}: not an ONNX model, or cut short (no operators in it); "
            "export or download it again"
        )
    opset = opset_of(model)
    if opset == 0:
        raise InputError(
            f"{where}: imports no version of the standard ONNX operators (domain ai.onnx); "
            "export it again with an opset"
        )
    newest = onnx.defs.onnx_opset_version()
    if opset > newest:
        raise InputError(
            f"{where}: opset {opset} is newer than the installed onnx {onnx.__version__} knows "
            f"({newest}); upgrade the package onnx, or export at opset {newest} or lower"
        )


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
