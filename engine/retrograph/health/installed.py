"""Which packages are installed, against what retrograph and its extras ask for."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import metadata
from typing import Final

_REQUIREMENT: Final = re.compile(
    r"""^\s*([A-Za-z0-9._-]+)            # the package
        [^;]*?(?:>=\s*([0-9.]+))?[^;]*   # its lowest version
        (?:;(.*))?$                      # when it is asked for
    """,
    re.VERBOSE,
)
_EXTRA: Final = re.compile(r"extra\s*==\s*['\"]([^'\"]+)['\"]")
_NOT_FOR_USERS: Final = ("dev", "docs")
RUNTIMES: Final = ("onnxruntime", "onnxruntime-gpu")
"""The packages that put ONNX Runtime into the same folder."""


@dataclass(frozen=True)
class Needed:
    """A package that retrograph, or one of its extras, asks for.

    Attributes:
        name: of the package.
        lowest: its lowest version, such as "2.0"; "" for any.
        extra: the extra that asks for it; "" for retrograph itself.
        version: the installed version; None if there is none.
    """

    name: str
    lowest: str
    extra: str
    version: str | None

    @property
    def lacking(self) -> str:
        """What is wrong with it; "" if nothing is."""
        if self.version is None:
            return "is not installed"
        if _numbers(self.version) < _numbers(self.lowest):
            return f"is {self.version}, older than {self.lowest}"
        return ""


def needed_packages(requirements: Iterable[str] | None = None) -> list[Needed]:
    """What retrograph and its extras ask for, in the order of its metadata.

    Args:
        requirements: as in a wheel's metadata; those of the installed package if None. Where
            retrograph runs from a folder that was never installed there are none.
    """
    if requirements is None:
        try:
            requirements = metadata.requires("retrograph") or ()
        except metadata.PackageNotFoundError:
            requirements = ()
    packages = (_needed(text) for text in requirements)
    return [package for package in packages if package.extra not in _NOT_FOR_USERS]


def installed_version(name: str) -> str | None:
    """The version of an installed package; None if it is not there."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _needed(requirement: str) -> Needed:
    match = _REQUIREMENT.match(requirement)
    assert match is not None, requirement
    name, lowest, condition = match.groups(default="")
    extra = _EXTRA.search(condition)
    return Needed(name, lowest, extra[1] if extra else "", installed_version(name))


def _numbers(version: str) -> tuple[int, ...]:
    """The version's first three numbers, without zeros at the end."""
    numbers = [int(number) for number in re.findall(r"\d+", version)[:3]]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)
