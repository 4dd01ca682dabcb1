"""The conformance cases that every host's tests share: inputs and what is to come out.

    python tools/conformance/make_conformance.py OUT [--device web]
    python tools/conformance/make_conformance.py tests/conformance --small

docs/CONTRACT.md says what lies in OUT. Graphs are computed by onnx.reference in float64, pictures
are prepared by Pillow and drawings are drawn by NumPy, none by the host under test.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from case_files import INDEX, write_json
from retrograph.contract import CONTRACT
from retrograph.ir.builder import DEVICES

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
SMALL = (
    *("several-inputs", "taken-names", "no-outputs", "float16-model"),
    *("one-pixel", "small", "open-width", "bgr-last"),
)
"""What lies in tests/conformance, for hosts that are tested where there is no retrograph."""


def main(argv: Sequence[str] | None = None) -> int:
    """Write all cases to a new folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("out", type=Path, metavar="OUT", help="a folder that is not there yet")
    parser.add_argument("--small", action="store_true", help="the few that lie in the repository")
    about = "for which graphs are built; what is expected is the same"
    parser.add_argument("--device", choices=DEVICES, default="cpu", help=about)
    args = parser.parse_args(argv)
    write_conformance(args.out, SMALL if args.small else None)
    rebuild(args.out, args.device)
    return 0


def rebuild(out: Path, device: str) -> None:
    """Build the graphs of all cases of a folder for a device."""
    for case in graph_cases.CASES:
        folder = out / "graphs" / case.name
        if folder.exists():
            graph_cases.rebuild(case, folder, device)


def write_conformance(out: Path, names: Collection[str] | None = None) -> None:
    """Write the cases of some names, or all, to a new folder."""
    out.mkdir(parents=True)
    written: dict[str, list[str]] = {}
    for kind, cases in KINDS.items():
        chosen = [case for case in cases.CASES if names is None or case.name in names]
        for case in chosen:
            cases.write_case(case, out / kind / case.name)
        written[kind] = [case.name for case in chosen]
    write_json(out / INDEX, {"contract": CONTRACT, **written})


if __name__ == "__main__":
    raise SystemExit(main())
