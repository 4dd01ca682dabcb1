"""A conformance case on disk: raw little-endian arrays, and a case.json that says what they are."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

CASE = "case.json"
INDEX = "index.json"
BUILT = "built.onnx"


def write_array(folder: Path, file: str, values: Array) -> dict[str, Any]:
    """Write an array as raw numbers in C order, and say what it is: file, dtype and shape."""
    little = np.asarray(values).astype(values.dtype.newbyteorder("<"))
    (folder / file).write_bytes(little.tobytes())
    return {"file": file, "dtype": values.dtype.name, "shape": list(values.shape)}


def read_array(folder: Path, entry: Mapping[str, Any]) -> Array:
    """The array of an entry of a case.json."""
    dtype = np.dtype(entry.get("stored", entry["dtype"])).newbyteorder("<")
    values: Array = np.fromfile(folder / entry["file"], dtype).reshape(entry["shape"])
    return values.astype(dtype.newbyteorder("="))


def write_json(file: Path, content: object) -> None:
    """Write JSON as people read it."""
    file.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def read_case(folder: Path) -> dict[str, Any]:
    """The case.json of a case's folder."""
    case: dict[str, Any] = json.loads((folder / CASE).read_text(encoding="utf-8"))
    return case


def case_folders(root: Path, kind: str) -> Sequence[Path]:
    """The folders of the cases of a kind: graphs, pictures or drawings."""
    index = json.loads((root / INDEX).read_text(encoding="utf-8"))
    return [root / kind / name for name in index[kind]]


def largest_difference(found: Array, expected: Array) -> float:
    """The largest difference, as a share of the largest magnitude that is expected.

    Infinite where shapes differ, or numbers that are not floating point, or any is NaN.
    """
    if found.shape != expected.shape:
        return np.inf
    if expected.dtype.kind in "iub":
        return 0.0 if np.array_equal(found, expected) else np.inf
    wanted = expected.astype(np.float64)
    difference = np.abs(found.astype(np.float64) - wanted).max(initial=0.0)
    largest = np.abs(wanted).max(initial=0.0)
    share = difference / largest if largest else difference
    return np.inf if np.isnan(share) else float(share)
