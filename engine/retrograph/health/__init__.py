"""What is installed, what is missing, and whether it works here."""

from __future__ import annotations

import platform
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from PIL import Image

from retrograph._version import __version__
from retrograph.errors import DeviceError
from retrograph.health.installed import RUNTIMES, Needed, installed_version, needed_packages
from retrograph.health.trials import Trial, self_test
from retrograph.keywords import checked_keywords
from retrograph.render import TextTable, text_page
from retrograph.results.base import Result
from retrograph.runtime import installed_devices

__all__ = ["Health", "doctor"]


@dataclass(frozen=True, repr=False)
class Health(Result):
    """What an installation is made of, and what is wrong with it.

    Attributes:
        system: what it runs on: operating system, machine, Python, retrograph.
        packages: what retrograph and its extras ask for; empty where it was never installed.
        runtimes: the installed packages of ONNX Runtime and their versions.
        devices: what `device` may be here.
        trials: the self-test.
        problems: what is wrong, and how to mend it; empty if all is well.
    """

    made_by = "doctor()"

    system: dict[str, str]
    packages: tuple[Needed, ...]
    runtimes: dict[str, str]
    devices: tuple[str, ...]
    trials: tuple[Trial, ...]
    problems: tuple[str, ...]

    @property
    def well(self) -> bool:
        """Whether nothing is wrong; an extra that is not installed is no fault."""
        return not self.problems

    @property
    def missing_extras(self) -> dict[str, tuple[str, ...]]:
        """The extras that are not complete, and the packages that they lack."""
        lacking: dict[str, tuple[str, ...]] = {}
        for package in self.packages:
            if package.extra not in ("", "cpu", "gpu") and package.lacking:
                lacking[package.extra] = (*lacking.get(package.extra, ()), package.name)
        return lacking

    def rows(self) -> list[tuple[str, str]]:
        """What is there, a line each: its name and what is said of it."""
        core = [p for p in self.packages if not p.extra]
        rows = [*self.system.items(), *((p.name, p.version or p.lacking) for p in core)]
        rows += [*self.runtimes.items(), ("devices", ", ".join(self.devices) or "none")]
        rows += [
            (f"[{extra}]", f"not installed: {', '.join(names)}; pip install 'retrograph[{extra}]'")
            for extra, names in self.missing_extras.items()
        ]
        marks = {True: "passed", False: "failed"}
        return rows + [(t.name, f"{marks[t.passed]}: {t.outcome}") for t in self.trials]

    def image(self, style: str | None = None) -> Image.Image:
        """The rows as a table.

        Args:
            style: leave it out; there is one way to draw it.

        Raises:
            InputError: a style is given.
        """
        self.refuse_style(style)
        return text_page(self.summary(), [TextTable(self.rows(), ("", ""))], self.problems).image()

    def to_dict(self) -> dict[str, Any]:
        """What was found, as plain values: what `retrograph doctor --json` prints.

        Returns:
            well, system {name: text}, packages [{name, lowest, extra, version}],
            runtimes {package: version}, devices, missing_extras {extra: packages},
            trials [{name, passed, outcome}], problems.
        """
        extras = {extra: list(names) for extra, names in self.missing_extras.items()}
        return {"well": self.well, **asdict(self), "missing_extras": extras}

    def summary(self) -> str:
        """Whether all is well, or how many things are wrong."""
        count = len(self.problems)
        return "all is well" if self.well else f"{count} problem{'s' if count > 1 else ''}"


@checked_keywords
def doctor() -> Health:
    """What is installed, what is missing, and whether the program works here.

    The self-test explains the sample model on the CPU: it holds the gradient against differences
    of the model's own scores, and draws the demonstration. It writes nothing and needs no network.

    Returns:
        The findings; `well` says whether there is no problem.
    """
    packages = needed_packages()
    versions = {name: installed_version(name) for name in RUNTIMES}
    runtimes = {name: version for name, version in versions.items() if version is not None}
    trials = self_test()
    return Health(
        system={
            "retrograph": __version__,
            "Python": f"{platform.python_version()} ({sys.executable})",
            "system": f"{platform.platform()}, {platform.machine()}",
        },
        packages=tuple(packages),
        runtimes=runtimes,
        devices=_devices(),
        trials=tuple(trials),
        problems=tuple(_problems(packages, runtimes, trials)),
    )


def _devices() -> tuple[str, ...]:
    try:
        return tuple(installed_devices())
    except DeviceError:
        return ()


def _problems(
    packages: Sequence[Needed], runtimes: dict[str, str], trials: Sequence[Trial]
) -> list[str]:
    """What is wrong, each with what to do."""
    problems = [
        f"{p.name} {p.lacking}; pip install '{p.name}>={p.lowest}'"
        for p in packages
        if p.lacking and (not p.extra or (p.name in runtimes))
    ]
    if len(runtimes) > 1:
        names = " and ".join(runtimes)
        problems.append(
            f"{names} are both installed and overwrite each other; pip uninstall both, "
            "then install retrograph[cpu] or retrograph[gpu]"
        )
    return problems + [f"{t.name}: {t.outcome}" for t in trials if not t.passed]
