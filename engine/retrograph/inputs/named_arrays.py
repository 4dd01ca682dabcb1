"""Arrays by the names of a model's inputs, for a model of several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from retrograph.errors import InputError, one_line, parameter
from retrograph.inputs.kinds import InputKind
from retrograph.pointers import refuse_pointer_file
from retrograph.preprocess import Item
from retrograph.runtime import Array, Spec


def read_named(path: Path, specs: Sequence[Spec], explained: Spec) -> dict[str, Array]:
    """The arrays in an .npz.

    Args:
        path: of the file.
        specs: the inputs that the model takes.
        explained: the one that is explained.

    Raises:
        InputError: it is no such file, or cannot be read.
    """
    if path.suffix.lower() != ".npz" or path.is_dir():
        needed = ", ".join(f"'{s.name}' ({s})" for s in specs if s.name != explained.name)
        raise InputError(
            f"{path}: the model takes {needed} besides '{explained.name}'; {_mend(specs)}"
        )
    return _load(path)


def named_feeds(name: str, arrays: Mapping[str, Array], specs: Sequence[Spec]) -> dict[str, Array]:
    """An array for each of the model's inputs, as they are.

    Args:
        name: where they came from.
        arrays: by the inputs' names; a batch axis may be left out.
        specs: the inputs.

    Raises:
        InputError: an array is missing.
    """
    missing = [s.name for s in specs if s.name not in arrays]
    if missing:
        raise InputError(f"{name} has no array {', '.join(map(repr, missing))}; {_mend(specs)}")
    return {s.name: _with_batch(np.asarray(arrays[s.name]), s) for s in specs}


def named_items(
    name: str, stem: str, explained: Array, spec: Spec, kind: InputKind
) -> tuple[Item, ...]:
    """The rows of the explained input.

    Args:
        name: where it came from.
        stem: what files about it are named after.
        explained: its array.
        spec: what the model takes for it.
        kind: of it.

    Raises:
        InputError: it does not fit, or has numbers that are not finite.
    """
    rows = _finite_rows(name, explained, spec, kind)
    many = len(rows) > 1
    items = (kind.from_numbers(f"{name}[{i}]" if many else name, r) for i, r in enumerate(rows))
    stems = (f"{stem}_{i}" if many else stem for i in range(len(rows)))
    return tuple(replace(item, stem=each) for item, each in zip(items, stems, strict=True))


def _mend(specs: Sequence[Spec]) -> str:
    names = ", ".join(s.name for s in specs)
    each = parameter("x", "{NAME: VALUE}")
    return f"give a picture, an array or a number for each input ({names}) by {each}, or an .npz"


def _finite_rows(name: str, explained: Array, spec: Spec, kind: InputKind) -> Array:
    """The explained input with a row for each item, float32."""
    is_whole = spec.dtype is not None and spec.dtype.kind in "iu"
    if explained.ndim != len(spec.shape) or not explained.size:
        raise InputError(
            f"{name}: '{spec.name}' has the shape {list(explained.shape)}; the model takes {spec}"
        )
    is_number = explained.dtype.kind in ("iu" if is_whole else "f")
    with np.errstate(over="ignore"):
        rows = kind.axes.rows(explained.astype(np.float32) if is_number else explained)
    if not is_number or not np.isfinite(rows).all():
        raise InputError(
            f"{name}: '{spec.name}' is {explained.dtype} or has NaN or infinite values; save the "
            f"model's input as it is, as finite {spec.dtype or 'float32'}"
        )
    return rows


def _load(path: Path) -> dict[str, Array]:
    refuse_pointer_file(path)
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as data:
            arrays = {name: data[name] for name in data.files}
    except FileNotFoundError:
        raise InputError(f"{path} does not exist; check the path") from None
    except Exception as error:  # on damaged data numpy and zipfile raise nearly anything
        raise InputError(
            f"{path} holds no arrays that can be read ({one_line(error)}); "
            "save it anew with numpy.savez, without objects"
        ) from None
    foreign = [name for name, array in arrays.items() if not isinstance(array, np.ndarray)]
    if foreign:
        raise InputError(
            f"{path}: {foreign[0]!r} is no array; save it anew with numpy.savez, arrays alone"
        )
    return arrays


def _with_batch(array: Array, spec: Spec) -> Array:
    """The array, with the batch axis that may be left out."""
    return array[np.newaxis] if array.ndim == len(spec.shape) - 1 else array
