"""ONNX's own backend suite: how many of its cases have a derivative, and how many of those match.

    python tools/check_backend.py [PATTERN ...] [--json FILE] [--list] [--record]

Counts every case by what came of it, then names each that is excluded or wrong (--list names all).
The proof is that of tests/vjp/test_backend.py, which holds each verdict against the recorded one
(--record). Exits with 1 where a case is wrong.
"""

from __future__ import annotations

import argparse
import json
import sys
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np
from checkout import SHARED
from rich.console import Console
from rich.progress import track

sys.path.extend(SHARED)

from support.backend_cases import backend_cases
from support.backend_proof import Status, Verdict, prove
from tables.backend_exclusions import exclusions
from tables.backend_verdicts import record

PROVED = (Status.NO_FLOAT, Status.FLAT, Status.MATCHED)


def proved(names: Sequence[str]) -> dict[str, Verdict]:
    """The verdict of each case, in parallel."""
    with ProcessPoolExecutor() as pool:
        verdicts = pool.map(_prove, names, chunksize=8)
        rows = track(verdicts, "proving", len(names), console=Console(stderr=True), transient=True)
        return dict(zip(names, rows, strict=True))


def _prove(name: str) -> Verdict:
    case = next(c for c in backend_cases() if c.name == name)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        return prove(case)


def main() -> int:
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("patterns", nargs="*", default=["*"], help="of the cases' names")
    parser.add_argument("--json", type=Path, help="where to keep every verdict")
    parser.add_argument("--list", action="store_true", help="name every case")
    parser.add_argument("--record", action="store_true", help="for tests/vjp/test_backend.py")
    args = parser.parse_args()
    if args.record and args.patterns != ["*"]:
        parser.error("--record takes the whole suite")
    names = [c.name for c in backend_cases() if any(fnmatchcase(c.name, p) for p in args.patterns)]
    verdicts = proved(names)
    if args.json:
        rows = {
            n: {"status": v.status.name, "why": v.why, "refused": dict(v.refused)}
            for n, v in verdicts.items()
        }
        args.json.write_text(json.dumps(rows, indent=1))
    if args.record:
        record({name: verdict.status for name, verdict in verdicts.items()})
    return report(verdicts, args.list)


def report(verdicts: Mapping[str, Verdict], every: bool) -> int:
    """Print the counts and what is left; 1 where a case is wrong and not excluded."""
    console = Console()
    counts = Counter(v.status for v in verdicts.values())
    reasons = {n: r for n in verdicts if (r := _reason(n, "")) is not None}
    inputs = Counter(_reason(n, i) or "WRONG" for n, v in verdicts.items() for i, _ in v.refused)
    flat = (Status.NO_FLOAT, Status.FLAT)
    console.print(f"{len(verdicts):6,} cases")
    for status in flat:
        console.print(f"{counts[status]:6,}   {status.value}")
    console.print(f"{sum(v.status not in flat for v in verdicts.values()):6,}   with a derivative")
    console.print(f"{counts[Status.MATCHED]:6,}     {Status.MATCHED.value}")
    for reason, count in Counter(reasons.values()).most_common():
        console.print(f"{count:6,}     excluded: {reason}", highlight=False, soft_wrap=True)
    for reason, count in inputs.most_common():
        console.print(f"{count:6,}   inputs left out: {reason}", highlight=False, soft_wrap=True)
    wrong = {n for n, v in verdicts.items() if v.status not in PROVED} - reasons.keys()
    for name, verdict in verdicts.items():
        if every or name in wrong:
            console.print(f"  {name}: {verdict.status.name} {verdict.why}", soft_wrap=True)
    return int(bool(wrong) or "WRONG" in inputs)


def _reason(case: str, source: str) -> str | None:
    """Why a case, or one input of it, is left out; None if it is not."""
    return next((e.reason for e in exclusions() if e.covers(case, source)), None)


if __name__ == "__main__":
    sys.exit(main())
