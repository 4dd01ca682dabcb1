"""Reading an ONNX file, and saying in one line what is wrong with it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from math import prod
from pathlib import Path

import onnx
from google.protobuf.message import DecodeError
from onnx import ModelProto, TensorProto, checker, helper, numpy_helper

from retrograph.errors import InputError, RetrographError
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
        _check_weights(copy, "the model")
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
    _check_weights(loaded, str(path))
    return loaded, hashlib.sha256(raw).hexdigest()


@contextmanager
def blaming_damage(model: ModelProto) -> Iterator[None]:
    """Say of a damaged model that it is damaged, whatever its damage makes libraries raise.

    The checks of a whole model are slow and refuse more than they must, so that they run only
    once something has failed. Errors over a valid model pass unchanged.

    Raises:
        InputError: the block has failed, and the model is not valid.
    """
    try:
        yield
    except RetrographError:
        raise
    except Exception as error:
        fault = _fault(model)
        if fault is None:
            raise
        raise InputError(f"the model is damaged ({fault}); export or download it again") from error


def _fault(model: ModelProto) -> str | None:
    """What is wrong with a model, in one line; None if it is valid."""
    try:
        checker.check_model(model, full_check=True)
        for tensor in model.graph.initializer:
            numpy_helper.to_array(tensor)
        for text in _texts(model):
            if isinstance(text, bytes):
                return f"the name {text!r} is no UTF-8 text"
    except Exception as error:  # on damaged data the checks raise nearly anything
        return _first_line(error)
    return None


def _texts(model: ModelProto) -> Iterator[str | bytes]:
    """Every name in the main graph; reading what is no UTF-8 gives bytes or raises."""
    yield model.graph.name
    for node in model.graph.node:
        yield from (node.name, node.op_type, node.domain, *node.input, *node.output)
        yield from (a.name for a in node.attribute)
        yield from (a.s.decode("utf-8") for a in node.attribute)
    for value in (*model.graph.input, *model.graph.output, *model.graph.value_info):
        yield value.name
        yield from (d.dim_param for d in value.type.tensor_type.shape.dim)


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


def _check_weights(model: ModelProto, where: str) -> None:
    """Refuse weights that hold more or fewer numbers than their shape tells."""
    for tensor in model.graph.initializer:
        held, told = _held(tensor), prod(tensor.dims)
        if held is not None and held != told:
            raise InputError(
                f"{where}: the weights '{tensor.name}' hold {held:g} numbers and their shape "
                f"{list(tensor.dims)} takes {told}; the file is damaged: export it again"
            )


def _held(tensor: TensorProto) -> float | None:
    """How many numbers a tensor holds; None for element types that are packed or no numbers."""
    try:
        dtype = helper.tensor_dtype_to_np_dtype(tensor.data_type)
    except KeyError:
        return None
    if dtype.isbuiltin != 1 or dtype.kind not in "biuf":
        return None
    if tensor.raw_data:
        return len(tensor.raw_data) / dtype.itemsize
    real, whole = (tensor.float_data, tensor.double_data), (tensor.int32_data, tensor.int64_data)
    return sum(map(len, (*real, *whole, tensor.uint64_data)))


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
