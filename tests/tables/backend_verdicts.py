"""The recorded verdict on each case of ONNX's backend suite: tests/tables/backend_verdicts.txt.

`make operators` records them anew. The suite differs from version to version of onnx, so they count
only for the version that is named in the first line.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import onnx

from support.backend_proof import Status

FILE = Path(__file__).with_suffix(".txt")
_VERSION = "# onnx "
_HEAD = f"""{_VERSION}{onnx.__version__}
# What came of each case; written by  python tools/check_backend.py --record
"""


def recorded() -> dict[str, Status] | None:
    """The verdict on each case by its name; None if another onnx is installed."""
    version, *lines = FILE.read_text().splitlines()
    if version != f"{_VERSION}{onnx.__version__}":
        return None
    rows = (line.split() for line in lines if not line.startswith("#"))
    return {name: Status[status] for name, status in rows}


def record(verdicts: Mapping[str, Status]) -> None:
    """Write the verdicts on the whole suite."""
    FILE.write_text(_HEAD + "".join(f"{n} {s.name}\n" for n, s in sorted(verdicts.items())))
