"""The numbers of a tensor, wherever they lie: in the model itself or in a file beside it.

Weights in another file are never loaded to be passed on: a model names the slices, and what must be
known is mapped into memory slice by slice. A file's own words are not trusted: what `settle_files`
has not checked is not read.
"""

from __future__ import annotations

import math
import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath
from typing import Any

import ml_dtypes
import numpy as np
from onnx import (
    AttributeProto,
    GraphProto,
    ModelProto,
    NodeProto,
    SparseTensorProto,
    TensorProto,
    helper,
    numpy_helper,
)

from retrograph.errors import InputError
from retrograph.pointers import refuse_pointer_file

Array = np.ndarray[Any, Any]

MOST_AXES = 64
"""What NumPy and the runtimes take."""

SMALL = 4096
"""Constants of up to so many elements are shown to shape inference, and folded."""

LARGE = 1_800_000_000
"""A model with weights of so many bytes is not written as one protobuf, which ends at 2^31."""

_MOST_ELEMENTS = 2**62
_MOST_MOVED = 2**28
_MOST_DENSE = 2**28
_PACKED = (2, 4)
_BESIDE = "basepath"


@dataclass(frozen=True)
class Slice:
    """A part of a file: the numbers of one tensor."""

    folder: str
    location: str
    offset: int
    length: int

    @property
    def file(self) -> Path:
        return Path(self.folder, self.location)


_checked: set[Slice] = set()
"""What this process has found in files of models; a model in memory may name nothing else."""


def is_external(tensor: TensorProto) -> bool:
    """Whether the numbers lie in another file."""
    return tensor.data_location == TensorProto.EXTERNAL


def elements(tensor: TensorProto) -> int:
    """How many numbers the shape takes.

    Raises:
        InputError: the shape is none.
    """
    dims = list(tensor.dims)
    if any(d < 0 for d in dims) or len(dims) > MOST_AXES:
        raise InputError(
            f"the shape of the weights '{tensor.name}' is none "
            f"({dims[:8] if len(dims) <= MOST_AXES else f'{len(dims)} axes'}); "
            "the file is damaged: export it again"
        )
    count = math.prod(map(int, dims))
    if count > _MOST_ELEMENTS:
        raise InputError(
            f"the weights '{tensor.name}' take {count:.2g} numbers by their shape; the file is "
            "damaged: export it again"
        )
    return count


def nbytes(tensor: TensorProto) -> int | None:
    """How many bytes the shape takes; None for text and for unknown element types."""
    bits = _bits(tensor.data_type)
    return None if bits is None else (elements(tensor) * bits + 7) // 8


def _bits(data_type: int) -> int | None:
    try:
        dtype = helper.tensor_dtype_to_np_dtype(data_type)
    except KeyError:
        return None
    if dtype.kind == "O":
        return None
    if dtype.isbuiltin == 1:
        return 8 * int(dtype.itemsize)
    bits = int((ml_dtypes.iinfo if "int" in dtype.name else ml_dtypes.finfo)(dtype).bits)
    return bits if bits in _PACKED or bits % 8 == 0 else None


def held_bytes(model: ModelProto) -> int:
    """How many bytes of weights a model itself holds."""
    return sum(nbytes(t) or 0 for t in model.graph.initializer if not is_external(t))


def to_array(tensor: TensorProto) -> Array:
    """The numbers of a tensor; those in another file stay there until they are touched.

    Raises:
        InputError: they lie where a model may not read, or are not all there.
    """
    if not is_external(tensor):
        return numpy_helper.to_array(tensor)
    part = slice_of(tensor)
    whole = elements(tensor)
    dtype = helper.tensor_dtype_to_np_dtype(tensor.data_type)
    if dtype.itemsize * whole != part.length or not whole:  # packed: 4 bits a number
        loaded = TensorProto(name=tensor.name, data_type=tensor.data_type, dims=tensor.dims)
        loaded.raw_data = read(part)
        return numpy_helper.to_array(loaded)
    mapped = np.memmap(part.file, np.uint8, "r", part.offset, (part.length,))
    return mapped.view(dtype).reshape(tuple(tensor.dims))


def to_dense(sparse: SparseTensorProto) -> Array:
    """The numbers of a sparse tensor with its zeros.

    Raises:
        InputError: its indices do not fit, or there are too many zeros to write.
    """
    values, where = to_array(sparse.values), places(sparse)
    dense = np.zeros(math.prod(sparse.dims), values.dtype)
    dense[where] = values
    return dense.reshape(tuple(sparse.dims))


def places(sparse: SparseTensorProto) -> Array:
    """Where in the flat dense tensor the values [n] belong, from indices [n] or [n, rank].

    Raises:
        InputError: nowhere in it, there are not as many as values, or the tensor is vast.
    """
    name, dims = sparse.values.name, tuple(sparse.dims)
    count = elements(TensorProto(name=name, dims=dims))
    if count > _MOST_DENSE:
        raise InputError(
            f"the sparse weights '{name}' take {count:.2g} numbers, too many to work with; "
            "export them dense"
        )
    found, values = to_array(sparse.indices), list(sparse.values.dims)
    fits = found.dtype == np.int64 and list(found.shape) in (values, [*values, len(dims)])
    if fits and found.ndim == 2:
        fits = bool(((found >= 0) & (found < dims)).all())
        strides = [math.prod(dims[i + 1 :]) for i in range(len(dims))]
        found = (found * strides).sum(axis=1).astype(np.int64)
    if not fits or len(values) != 1 or ((found < 0) | (found >= count)).any():
        raise InputError(
            f"the indices of the sparse weights '{name}' do not fit its shape {list(dims)}; "
            "the file is damaged: export it again"
        )
    return found


def read(part: Slice) -> bytes:
    with part.file.open("rb") as file:
        file.seek(part.offset)
        return file.read(part.length)


def slice_of(tensor: TensorProto) -> Slice:
    """Where the numbers of an external tensor lie.

    Raises:
        InputError: no file of a model that was read tells it: in memory nothing names the folder.
    """
    entries = {e.key: e.value for e in tensor.external_data}
    folder, location = entries.get(_BESIDE, ""), entries.get("location", "")
    offset, length = (_number(entries.get(key)) for key in ("offset", "length"))
    part = Slice(folder, location, offset, length)
    if part not in _checked or length != nbytes(tensor):
        raise InputError(
            f"the weights '{tensor.name}' lie in another file ({location!r}) and the model in "
            "memory does not tell its folder; give the path of the model"
        )
    return part


def settle_files(model: ModelProto, path: Path) -> list[Path]:
    """Check what a model's file says of other files, and note the folder, in place.

    A location must lead to a regular file in the model's folder, or, where the model is reached
    by a symbolic link, in the folder of the file itself: caches of downloads link both. What is
    small is moved into the model.

    Returns:
        The files that the model names, in order.

    Raises:
        InputError: a file is missing, lies elsewhere or is too short.
    """
    roots = list(dict.fromkeys((path.parent.resolve(), path.resolve().parent)))
    found: dict[str, tuple[Path, str, int]] = {}
    moved = 0
    for tensor in tensors(model):
        if not is_external(tensor):
            continue
        location = next((e.value for e in tensor.external_data if e.key == "location"), "")
        if location not in found:
            found[location] = _located(path, roots, location)
        part = _settled(tensor, path, *found[location])
        _checked.add(part)
        if elements(tensor) <= SMALL and moved < _MOST_MOVED:
            moved += part.length
            del tensor.external_data[:]
            tensor.data_location = TensorProto.DEFAULT
            tensor.raw_data = read(part)
        else:
            point_to(tensor, part, part.folder)
    return [Path(root, name) for root, name, _ in found.values()]


def _located(path: Path, roots: list[Path], location: str) -> tuple[Path, str, int]:
    """The folder, the file in it without links, and its size."""
    advice = "keep the external data file beside the model"
    head = f"{path}: its weights lie in another file ({location!r})"
    if not _is_beside(location):
        raise InputError(f"{head}, which is no place beside the model; {advice}")
    try:
        file = Path(path.parent, location).resolve(strict=True)
        status = file.stat()
    except (OSError, RuntimeError) as error:  # a loop of links is a RuntimeError up to 3.12
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{head} that cannot be read ({reason}); {advice}") from None
    root = next((r for r in roots if file.is_relative_to(r)), None)
    if root is None:
        raise InputError(f"{head} that is a link out of the model's folder; {advice}")
    if not stat.S_ISREG(status.st_mode):
        raise InputError(f"{head} that is no regular file; {advice}")
    if not os.access(file, os.R_OK):
        raise InputError(f"{head} that cannot be read (its rights forbid it); {advice}")
    refuse_pointer_file(file)
    return root, file.relative_to(root).as_posix(), status.st_size


def _is_beside(location: str) -> bool:
    """Whether a location, taken at its word, is in the model's folder or below."""
    if not isinstance(location, str) or not location or "\0" in location:  # bytes: no UTF-8
        return False
    absolute = Path(location).is_absolute() or PureWindowsPath(location).anchor
    return not absolute and ".." not in Path(location).parts


def _settled(tensor: TensorProto, path: Path, root: Path, location: str, size: int) -> Slice:
    """The slice that a tensor names, which must be in the file and as long as its shape takes."""
    wanted = nbytes(tensor)
    entries = {e.key: e.value for e in tensor.external_data}
    offset = _number(entries.get("offset") or "0")
    length = _number(entries.get("length") or str(wanted or 0))
    if length != wanted or offset < 0 or offset + length > size:
        raise InputError(
            f"{path}: the weights '{tensor.name}' take {wanted or 'no'} bytes by their shape and "
            f"type, and the model names {entries.get('length') or 'as many'} from byte "
            f"{entries.get('offset') or 0} of the {size} in '{location}'; the files do not belong "
            "together or are cut short: export or download them again"
        )
    return Slice(str(root), location, offset, length)


def _number(text: str | None) -> int:
    """What a file writes as digits; -1 for anything else."""
    return int(text) if text and len(text) < 20 and text.isascii() and text.isdigit() else -1


def point_to(tensor: TensorProto, part: Slice, folder: str | None = None) -> None:
    """Have a tensor name a slice, in place; `folder` is noted for use in memory alone."""
    for field in ("raw_data", "float_data", "double_data", "int32_data", "int64_data"):
        tensor.ClearField(field)
    tensor.ClearField("uint64_data")
    tensor.data_location = TensorProto.EXTERNAL
    del tensor.external_data[:]
    entries = {"location": part.location, "offset": part.offset, "length": part.length}
    for key, value in (entries if folder is None else entries | {_BESIDE: folder}).items():
        tensor.external_data.add(key=key, value=str(value))


def tensors(model: ModelProto) -> Iterator[TensorProto]:
    """Every tensor of a model: initialisers and attributes, in bodies and local functions too."""
    yield from _of_graph(model.graph)
    for function in model.functions:
        yield from _of_attributes(function.attribute_proto)
        yield from _of_nodes(function.node)


def _of_graph(graph: GraphProto) -> Iterator[TensorProto]:
    yield from graph.initializer
    yield from _of_sparse(graph.sparse_initializer)
    yield from _of_nodes(graph.node)


def _of_nodes(nodes: Iterable[NodeProto]) -> Iterator[TensorProto]:
    for node in nodes:
        yield from _of_attributes(node.attribute)


def _of_attributes(attributes: Iterable[AttributeProto]) -> Iterator[TensorProto]:
    """All that they hold, whatever type they say they are of."""
    for a in attributes:
        yield from ([a.t] if a.HasField("t") else [])
        yield from a.tensors
        yield from _of_sparse([a.sparse_tensor] if a.HasField("sparse_tensor") else [])
        yield from _of_sparse(a.sparse_tensors)
        for body in [*([a.g] if a.HasField("g") else []), *a.graphs]:
            yield from _of_graph(body)


def _of_sparse(sparse: Iterable[SparseTensorProto]) -> Iterator[TensorProto]:
    for one in sparse:
        yield from (one.values, one.indices)


def without_weights(model: ModelProto) -> ModelProto:
    """A copy of a model but for its initialisers, which are neither copied nor in it."""
    copy = ModelProto()
    _copy_fields(model, copy, "graph")
    _copy_fields(model.graph, copy.graph, "initializer")
    return copy


def _copy_fields(source: Any, copy: Any, but: str) -> None:
    for field, value in source.ListFields():
        if field.name == but:
            continue
        if isinstance(value, (int, str, bytes, float)):
            setattr(copy, field.name, value)
        elif hasattr(value, "extend"):
            getattr(copy, field.name).extend(value)
        else:
            getattr(copy, field.name).CopyFrom(value)
