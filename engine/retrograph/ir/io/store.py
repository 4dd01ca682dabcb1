"""Writing a model: one file, or one and its weights in `<name>.onnx.data` beside it.

They lie apart where the source has them in files of their own, and where the model is over 2 GB,
the end of a protobuf. From file to file they are copied piece by piece. A hard link would be
quicker, but the onnx package (1.23.2) takes one for an attack, and refuses the source then as well.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

from google.protobuf.message import EncodeError
from onnx import ModelProto, TensorProto, numpy_helper

from retrograph.errors import InputError
from retrograph.ir.io.runtime_releases import Need, need
from retrograph.ir.tensor_data import (
    LARGE,
    SMALL,
    Slice,
    elements,
    held_bytes,
    is_external,
    nbytes,
    point_to,
    slice_of,
    tensors,
    to_array,
    without_weights,
)
from retrograph.keywords import checked_keywords
from retrograph.output import check_free, unwritten

_ALIGNMENT = 4096
"""Where a runtime may map a tensor into memory."""

_PIECE = 2**24


@checked_keywords
def save(model: ModelProto, path: str | os.PathLike[str], *, force: bool = False) -> list[Path]:
    """Write a model, whole or not at all.

    Args:
        model: in memory, such as `build` gives; over 2 GB its weights go into a file beside it.
        path: the new file.
        force: whether files that are there are replaced.

    Returns:
        The model's file, and that of its weights where they lie apart.

    Raises:
        InputError: a file exists and `force` is not set, holds the weights, or cannot be written.
    """
    out = Path(path)
    files = new_files(model, out, force=force)
    parts = {file: file.with_name(f".{file.name}.{os.getpid()}.part") for file in reversed(files)}
    with _all_or_nothing(out, parts):
        if files[1:]:
            with parts[files[1]].open("wb") as data:
                model = _written_apart(model, data, files[1].name)
        parts[out].write_bytes(_to_bytes(model))
    return files


def new_files(model: ModelProto, out: Path, *, force: bool) -> list[Path]:
    """The files that a model is written to: its own, and that of its weights where they lie apart.

    Raises:
        InputError: one exists and `force` is not set, or holds the weights.
    """
    if not isinstance(model, ModelProto):
        raise InputError(f"{model!r:.60} is no onnx.ModelProto; give what build() gives")
    apart = held_bytes(model) >= LARGE or any(map(is_external, tensors(model)))
    files = [out, out.with_name(f"{out.name}.data")] if apart else [out]
    for file in files:
        check_free(file, force=force)
        _check_not_read(file, model)
    return files


@contextmanager
def runnable(model: ModelProto) -> Iterator[tuple[bytes | Path, str | None, Need]]:
    """What a runtime loads a model from: its bytes, the folder of weights in other files, its need.

    Of a model of over 2 GB a file instead, which is there only meanwhile.
    """
    folders = {slice_of(t).folder for t in tensors(model) if is_external(t)}
    if held_bytes(model) < LARGE and len(folders) < 2:
        data = _to_bytes(_without_folders(model) if folders else model)
        yield data, next(iter(folders), None), need(model)
        return
    with TemporaryDirectory(prefix="retrograph-", ignore_cleanup_errors=True) as folder:
        yield save(model, Path(folder, "model.onnx"))[0], None, need(model)


def _without_folders(model: ModelProto) -> ModelProto:
    """A copy whose weights name their files as a file of a model does."""
    named = ModelProto()
    named.CopyFrom(model)
    for tensor in filter(is_external, tensors(named)):
        point_to(tensor, slice_of(tensor))
    return named


def _written_apart(model: ModelProto, data: BinaryIO, name: str) -> ModelProto:
    """A copy that has in a file what it had in others, and of a large model all that is large."""
    large = held_bytes(model) >= LARGE
    lean = without_weights(model)
    written: dict[Slice, Slice] = {}
    for tensor in filter(is_external, tensors(lean)):
        point_to(tensor, _copied(slice_of(tensor), data, name, written))
    for tensor in model.graph.initializer:
        if is_external(tensor):
            part = _copied(slice_of(tensor), data, name, written)
        elif large and elements(tensor) > SMALL and nbytes(tensor):
            raw = _raw(tensor)
            part = Slice("", name, _aligned(data), len(raw))
            data.write(raw)
        else:
            lean.graph.initializer.append(tensor)
            continue
        kept = lean.graph.initializer.add(name=tensor.name, data_type=tensor.data_type)
        kept.dims.extend(tensor.dims)
        point_to(kept, part)
    return lean


def _copied(part: Slice, data: BinaryIO, name: str, written: dict[Slice, Slice]) -> Slice:
    """Where a slice of another file is after it has been copied, once."""
    if part not in written:
        written[part] = Slice("", name, _aligned(data), part.length)
        with part.file.open("rb") as source:
            source.seek(part.offset)
            left = part.length
            while piece := source.read(min(left, _PIECE)):
                data.write(piece)
                left -= len(piece)
        if left:
            raise InputError(
                f"{part.file}: is shorter than it was when the model was read; build again once "
                "it is whole"
            )
    return written[part]


def _aligned(data: BinaryIO) -> int:
    """Where the next weights begin."""
    return data.seek(-data.tell() % _ALIGNMENT, os.SEEK_CUR)


def _raw(tensor: TensorProto) -> bytes:
    if tensor.HasField("raw_data"):
        return tensor.raw_data
    return numpy_helper.from_array(to_array(tensor)).raw_data


def _to_bytes(model: ModelProto) -> bytes:
    try:
        return bytes(model.SerializeToString())
    except (EncodeError, ValueError):
        raise InputError(
            "the graph has over 2 GB, more than an ONNX file can hold; explain an earlier layer"
        ) from None


def _check_not_read(out: Path, model: ModelProto) -> None:
    read = {slice_of(tensor).file for tensor in tensors(model) if is_external(tensor)}
    if out.exists() and any(out.samefile(file) for file in read):
        raise InputError(f"{out} holds weights that the graph is built from; choose another name")


@contextmanager
def _all_or_nothing(out: Path, parts: Mapping[Path, Path]) -> Iterator[None]:
    """Give the parts their names in order once all are written; leave none behind.

    Raises:
        InputError: one cannot be written.
    """
    try:
        yield
        for file, part in parts.items():
            part.replace(file)
    except OSError as error:
        raise unwritten(out, error) from None
    finally:
        for part in parts.values():
            with suppress(OSError):
                part.unlink()
