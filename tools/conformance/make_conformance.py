"""The conformance cases that every host's tests share: inputs and what is to come out.

    python tools/conformance/make_conformance.py OUT

docs/CONTRACT.md says what lies in OUT. Graphs are computed by onnx.reference in float64, pictures
are prepared by Pillow and drawings are drawn by NumPy, none by the host under test.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from case_files import INDEX, write_json
from retrograph.contract import CONTRACT

sys.path.append(str(Path(__file__).resolve().parents[1]))

from checkout import SHARED

sys.path.extend(SHARED)

import drawing_cases
import graph_cases
import picture_cases

KINDS: dict[str, Any] = {
    "graphs": graph_cases,
    "pictures": picture_cases,
    "drawings": drawing_cases,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Write all cases to a new folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("out", type=Path, metavar="OUT", help="a folder that is not there yet")
    write_conformance(parser.parse_args(argv).out)
    return 0


def write_conformance(out: Path) -> Path:
    """Write all cases to a new folder, which is given back."""
    out.mkdir(parents=True)
    for kind, cases in KINDS.items():
        for case in cases.CASES:
            cases.write_case(case, out / kind / case.name)
    names = {kind: [case.name for case in cases.CASES] for kind, cases in KINDS.items()}
    write_json(out / INDEX, {"contract": CONTRACT, **names})
    return out


if __name__ == "__main__":
    raise SystemExit(main())
