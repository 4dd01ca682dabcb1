"""Pictures, arrays and numbers by the names of a model's inputs, for a model of several."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

import numpy as np
from PIL import Image

from retrograph.errors import InputError
from retrograph.inputs.kinds import InputKind
from retrograph.inputs.reader import Reader
from retrograph.preprocess import BadInput, Item
from retrograph.runtime import Array, Spec

Value: TypeAlias = str | os.PathLike[str] | bytes | Image.Image | Array | float
"""What one input takes: a file, the bytes of a picture's file, a picture of Pillow's, an array, or
a number for all its values."""


def read_values(
    name: str,
    values: Mapping[str, Value],
    specs: tuple[Spec, ...],
    kinds: Mapping[str, InputKind],
) -> tuple[dict[str, Array], dict[str, Item]]:
    """An array for each input that a value is given for.

    Args:
        name: where they came from.
        values: by the inputs' names; files and pictures are read as the input's kind reads them, a
            number is held at every place of the input.
        specs: the inputs.
        kinds: those of the inputs that can be read from files.

    Returns:
        The arrays as the model takes them, and what was read of files and pictures.

    Raises:
        InputError: there is no such input, a file cannot be read, or a number is given for an
            input of open size.
    """
    named = {spec.name: spec for spec in specs}
    unknown = [key for key in values if key not in named]
    if unknown:
        raise InputError(
            f"{name}: the model has no input '{unknown[0]}'; it takes: {', '.join(named)}"
        )
    items = {key: _read(v, kinds.get(key), named[key]) for key, v in values.items() if is_read(v)}
    arrays = {key: kinds[key].axes.feed([item.array]) for key, item in items.items()}
    for key, value in values.items():
        if key not in items:
            given = np.asarray(value)
            arrays[key] = given if given.ndim else _held(given.item(), named[key], specs)
    return arrays, items


def is_read(value: Value) -> bool:
    """Whether a value is read as its input's kind reads it, and is no array or number as it is."""
    is_picture = isinstance(value, np.ndarray) and value.dtype == np.uint8
    return is_picture or isinstance(value, (str, os.PathLike, bytes, Image.Image))


def _read(value: Value, kind: InputKind | None, spec: Spec) -> Item:
    """The single input in a file, or in a picture."""
    where = str(value) if isinstance(value, (str, os.PathLike)) else f"'{spec.name}'"
    if kind is None:
        raise InputError(
            f"{where}: input '{spec.name}' takes {spec}, which is not read from files; give an "
            "array or a number"
        )
    if not isinstance(value, (str, os.PathLike)):
        return Reader(kind).from_memory(value, where)  # type: ignore[arg-type]
    pending = [*Reader(kind).read(Path(value))]
    if len(pending) != 1:
        raise InputError(
            f"{where} holds {len(pending)} inputs, and '{spec.name}' takes one here; give one file "
            "for each input"
        )
    item = pending[0].read()
    if isinstance(item, BadInput):
        raise item.error
    return item


def _held(value: float, spec: Spec, specs: tuple[Spec, ...]) -> Array:
    """An input that has one number everywhere; its batch is of one, wherever its axis is."""
    batch = {each.shape[0] for each in specs if each.shape and isinstance(each.shape[0], str)}
    sizes = [
        1 if not isinstance(d, int) and (i == 0 or d in batch) else d
        for i, d in enumerate(spec.shape)
    ]
    known = [d for d in sizes if isinstance(d, int)]
    if len(known) < len(sizes):
        raise InputError(
            f"input '{spec.name}' takes {spec}, whose size is open; give an array in the place of "
            f"the number {value:g}"
        )
    return np.full(known, value, spec.dtype or np.float32)
