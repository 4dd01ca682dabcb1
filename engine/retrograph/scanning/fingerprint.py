"""By what inputs are known again when a scan is taken up."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from retrograph.inputs.loader import Input, input_name
from retrograph.inputs.named_values import Value
from retrograph.preprocess.folders import files_in
from retrograph.preprocess.formats import picture_suffixes

MEMORY = "memory"
"""The key of an input that was in memory, with its digest."""

_NAMES = "names"

_END = 2**20
"""Bytes at each end of a file that are looked at."""


def fingerprints(
    inputs: Sequence[Input], suffixes: frozenset[str] | None = None
) -> list[dict[str, Any]]:
    """What tells of each input whether it is still the same.

    Of a file its size, a digest of its first and last 1 MiB, and, where that is not all of it,
    when it was changed; of a folder the number of its inputs, a digest of their names and sizes
    (`names`), and one of these with when they were changed; of what is in memory a digest of all
    of it.

    Args:
        inputs: what is scanned.
        suffixes: by which the inputs in folders are known; those of pictures if None.

    Raises:
        InputError: a folder cannot be read.
    """
    known = picture_suffixes() if suffixes is None else suffixes
    return [
        {"path": input_name(value, number), **_of(value, known)}
        for number, value in enumerate(inputs)
    ]


def on_this_machine(fingerprint: Mapping[str, Any]) -> dict[str, Any]:
    """What tells whether an input is still the same, as the store keeps it."""
    return {key: value for key, value in fingerprint.items() if key != _NAMES}


def on_any_machine(fingerprint: Mapping[str, Any]) -> dict[str, Any]:
    """What copies of an input have in common: all but the times of change."""
    timed = {"changed", "digest"} if _NAMES in fingerprint else {"changed"}
    return {key: value for key, value in fingerprint.items() if key not in timed}


def _of(value: Input, suffixes: frozenset[str]) -> dict[str, Any]:
    if isinstance(value, (str, os.PathLike)):
        return _of_path(Path(value), suffixes)
    digest = hashlib.sha256()
    named: Mapping[str, Value] = value if isinstance(value, Mapping) else {"": value}
    for name, each in sorted(named.items()):
        if isinstance(each, (str, os.PathLike)):
            digest.update(f"{name}\0{json.dumps(_of_path(Path(each), suffixes))}\0".encode())
            continue
        array = np.asarray(each)
        digest.update(f"{name}\0{array.dtype}\0{array.shape}\0".encode())
        digest.update(np.ascontiguousarray(array).data)
    return {MEMORY: digest.hexdigest()}


def _of_path(path: Path, suffixes: frozenset[str]) -> dict[str, Any]:
    if path.is_dir():
        return _of_folder(path, suffixes)
    try:
        with path.open("rb") as file:
            digest = hashlib.sha256(file.read(_END))
            size = file.seek(0, 2)
            file.seek(max(_END, size - _END))
            digest.update(file.read())
            changed = os.fstat(file.fileno()).st_mtime_ns
    except OSError:
        return {"bytes": None}  # reading it will say why
    values = {"bytes": size, "digest": digest.hexdigest()}
    return values if size <= 2 * _END else values | {"changed": changed}


def _of_folder(folder: Path, suffixes: frozenset[str]) -> dict[str, Any]:
    digest, names, count = hashlib.sha256(), hashlib.sha256(), 0
    for path in files_in(folder, suffixes):
        name = path.relative_to(folder).as_posix()
        status = path.stat() if path.exists() else path.lstat()  # of a link that leads nowhere
        line = f"{name}\0{status.st_size}\0".encode(errors="surrogateescape")
        names.update(line)
        digest.update(line + f"{status.st_mtime_ns}\0".encode())
        count += 1
    return {"pictures": count, "digest": digest.hexdigest(), _NAMES: names.hexdigest()}
