"""What versions of ONNX Runtime, or of another package, lack or do wrong: runtime_gaps.txt.

A line there: the first version that is right, a regular expression for the tests, the reason. The
version is that of ONNX Runtime unless the name of a package stands before it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path

import onnxruntime

RUNTIME = "ONNX Runtime"


def version_of(text: str) -> tuple[int, int]:
    """The two numbers that tell a release."""
    major, minor = text.split(".")[:2]
    return int(major), int(minor)


FILE = Path(__file__).with_suffix(".txt")


@dataclass(frozen=True)
class Gap:
    """What is wrong before a version of a package."""

    package: str
    right: tuple[int, int]
    tests: re.Pattern[str]
    reason: str

    def meets(self, test: str, installed: tuple[int, int] | None = None) -> bool:
        """Whether a test is let off where this version of the package is installed."""
        here = installed or _installed(self.package)
        return here < self.right and bool(self.tests.search(test))

    @property
    def why(self) -> str:
        return f"{self.package} before {self.right[0]}.{self.right[1]}: {self.reason}"


@cache
def _installed(package: str) -> tuple[int, int]:
    return version_of(onnxruntime.__version__ if package == RUNTIME else version(package))


def gaps(file: Path) -> list[Gap]:
    """All of them, in the file's order."""
    lines = file.read_text(encoding="utf-8").splitlines()
    return [_gap(line) for line in lines if line and not line.startswith("#")]


def _gap(line: str) -> Gap:
    right, tests, reason = (part.strip() for part in line.split(" | "))
    package, _, release = right.rpartition(" ")
    return Gap(package or RUNTIME, version_of(release), re.compile(tests), reason)
