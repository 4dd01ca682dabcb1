"""Reading an ONNX file, but for the weights that lie in other files."""

from __future__ import annotations

import hashlib
import stat
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from google.protobuf.message import DecodeError
from onnx import ModelProto

from retrograph.errors import InputError
from retrograph.ir.io.domains import unify_domains
from retrograph.ir.io.validate import blaming_damage, check, check_sparse
from retrograph.ir.tensor_data import (
    LARGE,
    held_bytes,
    is_external,
    settle_files,
    slice_of,
    tensors,
    without_weights,
)
from retrograph.pointers import refuse_pointer

if TYPE_CHECKING:
    from hashlib import _Hash

_CHUNK = 2**24

Digest = Callable[[], str]
"""Gives the SHA-256 of a source; it may have to read large files for it."""


def load(model: str | Path | ModelProto) -> tuple[ModelProto, Digest]:
    """Read a model; what lies in other files is checked and stays where it is.

    The digest is that of the file's bytes and, one after the other, of the files that it names.

    Args:
        model: a path to an .onnx file, or a model that is already in memory (it is copied).

    Raises:
        InputError: there is no such file, it is no ONNX model, it is cut short or damaged, or it
            imports no or a too new version of the standard operator set.
    """
    if isinstance(model, ModelProto):
        copy = ModelProto()
        copy.CopyFrom(model)
        _unify_domains(copy)
        check(copy, "the model")
        for tensor in filter(is_external, tensors(copy)):
            slice_of(tensor)
        check_sparse(copy)
        digest = _digest_of(model)
        return copy, lambda: digest
    path = Path(model)
    raw = _read(path)
    refuse_pointer(str(path), raw)
    loaded = ModelProto()
    try:
        loaded.ParseFromString(raw)
    except DecodeError as error:
        raise InputError(
            f"{path}: not an ONNX model, or cut short ({error}); export or download it again"
        ) from None
    own = hashlib.sha256(raw)
    del raw
    _unify_domains(loaded)
    check(loaded, str(path))
    files = settle_files(loaded, path)
    check_sparse(loaded)
    return loaded, partial(_with_files, own, files)


def _unify_domains(model: ModelProto) -> None:
    with blaming_damage(model):
        unify_domains(model)


def _with_files(own: _Hash, files: Sequence[Path]) -> str:
    digest = own.copy()
    for path in files:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
    return digest.hexdigest()


def _digest_of(model: ModelProto) -> str:
    """That of the bytes; where these are more than protobuf writes, of the parts one by one."""
    if held_bytes(model) < LARGE:
        return hashlib.sha256(model.SerializeToString(deterministic=True)).hexdigest()
    digest = hashlib.sha256(without_weights(model).SerializeToString(deterministic=True))
    for tensor in model.graph.initializer:
        digest.update(tensor.SerializeToString(deterministic=True))
    return digest.hexdigest()


def _read(path: Path) -> bytes:
    if path.is_dir():
        raise InputError(f"{path}: is a folder; give the .onnx file in it")
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise InputError(f"{path}: is no regular file; give an .onnx file")
        if status.st_size >= 2**31:
            raise InputError(
                f"{path}: has over 2 GB, more than an ONNX file can hold; "
                "export the model with its weights in another file (external data)"
            )
        return path.read_bytes()
    except OSError as error:
        raise InputError(
            f"{path}: cannot be read ({error.strerror}); check the path of the model"
        ) from None
