"""What comes of the conformance cases: how far a host is from what is expected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from case_files import largest_difference, read_array


@dataclass(frozen=True)
class Outcome:
    """What came of a case.

    Attributes:
        case: its kind and name.
        difference: the largest; a share of the largest magnitude, of drawings levels.
        allowed: how large it may be.
    """

    case: str
    difference: float
    allowed: float

    @property
    def is_right(self) -> bool:
        """Whether the case is met."""
        return self.difference <= self.allowed

    def __str__(self) -> str:
        return f"{self.case:28} {self.difference:.1e} of {self.allowed:.0e}"


def case_name(folder: Path) -> str:
    """A case's kind and name."""
    return f"{folder.parent.name}/{folder.name}"


def graph_outcome(folder: Path, case: Mapping[str, Any], computed: Mapping[str, Any]) -> Outcome:
    """The output of a graph that is farthest from what is expected."""
    outcomes = []
    for output in case["outputs"]:
        values = np.asarray(computed[output["name"]])
        difference = largest_difference(values, read_array(folder, output))
        if values.dtype.name != output["dtype"]:
            difference = np.inf
        outcomes.append(Outcome(case_name(folder), difference, output["tolerance"]))
    return farthest(outcomes)


def farthest(outcomes: Sequence[Outcome]) -> Outcome:
    """The outcome that is not right, or else the one with the largest difference."""
    return max(outcomes, key=lambda each: (not each.is_right, each.difference, each.allowed))


def summary(results: Sequence[Outcome]) -> str:
    """How many cases of each kind are met, and their largest difference by what is allowed."""
    parts = []
    for kind in dict.fromkeys(each.case.partition("/")[0] for each in results):
        own = [each for each in results if each.case.startswith(kind)]
        largest: dict[float, float] = {}
        for each in own:
            largest[each.allowed] = max(each.difference, largest.get(each.allowed, 0))
        told = ", ".join(f"{v:.1e} of {k:.0e}" for k, v in sorted(largest.items()))
        parts.append(f"{sum(e.is_right for e in own)} of {len(own)} {kind} ({told})")
    return "; ".join(parts)
