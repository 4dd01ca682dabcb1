"""What the checks have found, and what it says in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from retrograph.runtime import Array
from retrograph.sanity_checks.faithfulness_curves import Faithfulness
from retrograph.sanity_checks.layer_randomisation import Randomisation
from retrograph.sanity_checks.logit import RandomLogit
from retrograph.sanity_checks.similarity import MEASURES

SUMMARY, SPARSE = "spearman-abs", "cosine"
"""What the words go by: the measure that most papers report; and for maps of which most is 0."""

MOSTLY = 0.5
"""The share of positions that are 0 in both maps from which `SPARSE` is taken."""

SHORT = {"spearman-abs": "|rho|", "spearman": "rho", "ssim": "SSIM", "cosine": "cos"}
"""The measures' names in tables and sentences."""

HARDLY, PARTLY = 0.8, 0.4
"""A map is said to change hardly where every measure is so high, to change where every is lower."""


_MOST = 0.5
"""The share of inputs on which an order must be better than a random one to be called so."""

_HARDLY, _IN_PART, _CHANGES = "hardly changes", "changes in part", "changes"

_ON_WEIGHTS = {
    _HARDLY: "hardly depends on what the network has learned",
    _IN_PART: "depends only in part on what the network has learned",
    _CHANGES: "depends on what the network has learned",
}
_ON_CLASS = {
    _HARDLY: "is nearly the same for another class or channel",
    _IN_PART: "differs in part from that of another class or channel",
    _CHANGES: "is another one for another class or channel",
}


@dataclass(frozen=True)
class Findings:
    """What was found; None for a check that was not made."""

    randomisation: Randomisation | None = None
    logit: RandomLogit | None = None
    faithfulness: Faithfulness | None = None

    def words(self) -> list[str]:
        """A sentence or two for each check, which say no more than its numbers."""
        said = []
        if self.randomisation is not None:
            said.append(_of_weights(self.randomisation))
        if self.logit is not None:
            said.append(_of_class(self.logit))
        if self.faithfulness is not None:
            said.append(_of_order(self.faithfulness))
        return said

    def verdict(self, method: str) -> str:
        """What the checks say of a method's maps in one sentence; "" where none has a number."""
        said = []
        if self.randomisation is not None:
            said.append(_ON_WEIGHTS.get(_verbs(self.randomisation).get(method, ""), ""))
        if self.logit is not None:
            said.append(_ON_CLASS.get(_verbs(self.logit).get(method, ""), ""))
        if self.faithfulness is not None:
            said.append(_order_verdict(self.faithfulness, method))
        return f"This map {_list([each for each in said if each])}." if any(said) else ""

    def cautions(self) -> list[str]:
        """Where there is no number, and where one misleads."""
        lines = []
        for check in (self.randomisation, self.logit):
            if check is not None:
                lines += [*_without_similarity(check), *_silent(check)]
        found = self.faithfulness
        lost = 0 if found is None else int(np.isnan(found.deletion).any(axis=(0, 1)).sum())
        if lost:
            lines.append(
                f"deletion and insertion leave out {_inputs(lost)} on which the unit is not active"
            )
        return lines


def mean(values: Array) -> float:
    """The mean of the numbers that are there; NaN where there are none."""
    there = values[~np.isnan(values)]
    return float(there.mean()) if there.size else float("nan")


def _without_similarity(check: Randomisation | RandomLogit) -> list[str]:
    when = "with weights drawn anew" if isinstance(check, Randomisation) else "of other classes"
    lines = []
    found = check.comparison
    rows = zip(check.methods, check.similarity[SUMMARY], found.blank, found.dark, strict=True)
    for method, values, blank, dark in rows:
        lost = np.isnan(values)
        reasons = {
            "compared with one that is 0 everywhere": int((lost & dark).sum()),
            "0 everywhere": int((lost & blank & ~dark).sum()),
            "constant or not finite, or the original one is": int((lost & ~blank & ~dark).sum()),
        }
        lines += [
            f"{method}: {count} of the {values.size} maps {when} are {reason}; they are left out "
            "of the means"
            for reason, count in reasons.items()
            if count
        ]
    return lines


def _silent(check: Randomisation | RandomLogit) -> list[str]:
    if _measure(check) == SUMMARY:
        return []
    kind = "weights" if isinstance(check, Randomisation) else "classes"
    shares = [
        f"{round(100 * float(share.mean()))} % for {method}"
        for method, share in zip(check.methods, check.comparison.silent, strict=True)
    ]
    return [
        f"of the positions so many are 0 in the original map and in those of other {kind}: "
        f"{_list(shares)}; |rho|, rho and SSIM count them as alike, so the words go by the cosine"
    ]


def _measure(check: Randomisation | RandomLogit) -> str:
    """What the words go by."""
    sparse = bool((check.comparison.silent.mean(axis=(1, 2)) > MOSTLY).any())
    return SPARSE if sparse else SUMMARY


def _of_weights(found: Randomisation) -> str:
    measure = _measure(found)
    values = found.similarity[measure]
    kept = _means(found, measure)
    last = {m: mean(v[-1]) for m, v in zip(found.methods, values, strict=True)}
    ordered = sorted(_defined(last), key=lambda m: -last[m])
    layers = sum(map(len, found.stages))
    whole = f"all {layers} layers" if layers > 1 else "the only layer"
    ends = _list([f"{last[m]:.2f} for {m}" for m in ordered])
    at_last = f"; with {whole} drawn anew {ends}" if found.order == "cascading" and ends else ""
    return (
        f"Weights: averaged over the stages, {SHORT[measure]} is {_changes(found, measure)}"
        f"{at_last}.{_extremes(kept, 'the weights')}"
    )


def _of_class(found: RandomLogit) -> str:
    measure = _measure(found)
    return (
        f"Class: for another class, {SHORT[measure]} is {_changes(found, measure)}."
        f"{_extremes(_means(found, measure), 'the class')}"
    )


def _of_order(found: Faithfulness) -> str:
    defined = ~np.isnan(found.deletion_area[-1])
    count = int(defined.sum())
    if not count:
        return "Order: the unit is active on none of the inputs."
    deletion, insertion = found.deletion_area[:, defined], found.insertion_area[:, defined]
    said = [
        f"{method} {(d < deletion[-1]).sum()} by deletion and {(i > insertion[-1]).sum()} by "
        "insertion"
        for method, d, i in zip(found.methods[:-1], deletion, insertion, strict=False)
    ]
    return f"Order: better than a random order on so many of {_inputs(count)}: {'; '.join(said)}."


def _changes(found: Randomisation | RandomLogit, measure: str) -> str:
    """ "0.83 for guided (hardly changes) and 0.08 for gradient (changes)", the least changed first.

    Words for numbers: see `HARDLY` and `PARTLY`.
    """
    words = _verbs(found)
    values = _defined(_means(found, measure))
    ordered = sorted(values, key=lambda m: -values[m])
    said = [f"{values[m]:.2f} for {m} ({words[m]})" for m in ordered]
    return _list([*said, *(f"undefined for {m}" for m in found.methods if m not in values)])


def _verbs(found: Randomisation | RandomLogit) -> dict[str, str]:
    """How far the maps of each method change; only methods that have a number."""
    measure = _measure(found)
    named = MEASURES if measure == SUMMARY else (measure,)
    there = _defined(_means(found, measure))
    return {
        method: _verb([mean(found.similarity[name][j]) for name in named])
        for j, method in enumerate(found.methods)
        if method in there
    }


def _order_verdict(found: Faithfulness, method: str) -> str:
    """Whether the strongest places of most inputs matter more than as many random ones."""
    j = found.methods.index(method)
    defined = ~np.isnan(found.deletion_area[-1])
    if not defined.any():
        return ""
    lower = found.deletion_area[j, defined] < found.deletion_area[-1, defined]
    higher = found.insertion_area[j, defined] > found.insertion_area[-1, defined]
    match bool(lower.mean() > _MOST), bool(higher.mean() > _MOST):
        case True, True:
            when = ""
        case True, False:
            when = " when they are taken away, not when they are put back"
        case False, True:
            when = " when they are put back, not when they are taken away"
        case _:
            return "points at places that matter no more to the score than random ones"
    return f"points at places that matter more to the score than random ones{when}"


def _means(found: Randomisation | RandomLogit, measure: str) -> dict[str, float]:
    """The mean of each method."""
    pairs = zip(found.methods, found.similarity[measure], strict=True)
    return {method: mean(values) for method, values in pairs}


def _verb(values: Sequence[float]) -> str:
    there = [value for value in values if not np.isnan(value)]
    if all(value >= HARDLY for value in there):
        return _HARDLY
    return _CHANGES if all(value < PARTLY for value in there) else _IN_PART


def _extremes(values: Mapping[str, float], what: str) -> str:
    """Which method depends least and most, unless that cannot be told to two decimals."""
    there = {method: round(value, 2) for method, value in _defined(values).items()}
    least = [m for m, value in there.items() if value == max(there.values())]
    most = [m for m, value in there.items() if value == min(there.values())]
    if len(least) != 1 or len(most) != 1 or least == most:
        return ""
    among = "" if len(there) == len(values) else "Of those that have one, "
    return f" {among}{least[0]} depends least on {what}, {most[0]} most."


def _defined(values: Mapping[str, float]) -> dict[str, float]:
    return {method: value for method, value in values.items() if not np.isnan(value)}


def _list(parts: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(parts[:-1]), *parts[-1:]]))


def _inputs(count: int) -> str:
    return "1 input" if count == 1 else f"{count} inputs"
