"""What versions of ONNX Runtime lack or do wrong, read from runtime_gaps.txt.

A line there: the first version that is right, a regular expression for the tests, the reason.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import onnxruntime


def version_of(text: str) -> tuple[int, int]:
    """The two numbers that tell a runtime's release."""
    major, minor = text.split(".")[:2]
    return int(major), int(minor)


FILE = Path(__file__).with_suffix(".txt")
RUNTIME = version_of(onnxruntime.__version__)


@dataclass(frozen=True)
class Gap:
    """What is wrong before a version."""

    right: tuple[int, int]
    tests: re.Pattern[str]
    reason: str

    def meets(self, test: str, runtime: tuple[int, int] = RUNTIME) -> bool:
        return runtime < self.right and bool(self.tests.search(test))

    @property
    def why(self) -> str:
        return f"ONNX Runtime before {self.right[0]}.{self.right[1]}: {self.reason}"


def gaps(file: Path) -> list[Gap]:
    """All of them, in the file's order."""
    found = []
    for line in file.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            right, tests, reason = (part.strip() for part in line.split(" | "))
            found.append(Gap(version_of(right), re.compile(tests), reason))
    return found
