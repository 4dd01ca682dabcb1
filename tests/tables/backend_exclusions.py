"""What the proof by ONNX's backend suite leaves out: tests/tables/backend_exclusions.txt, by lines.

A line is `pattern | reason` for cases, or `pattern input | reason` for one input of cases.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

FILE = Path(__file__).with_suffix(".txt")


@dataclass(frozen=True)
class Exclusion:
    """One line: which cases, of which input if not all, and why."""

    pattern: str
    source: str
    reason: str

    def covers(self, case: str, source: str = "") -> bool:
        return fnmatchcase(case, self.pattern) and self.source in ("*", source)


@cache
def exclusions() -> list[Exclusion]:
    found = []
    for line in FILE.read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            what, _, reason = line.partition(" | ")
            pattern, _, source = what.strip().partition(" ")
            found.append(Exclusion(pattern, source.strip(), reason.strip()))
    return found
