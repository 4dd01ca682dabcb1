"""What sanity checks have found as tables, and what is to be known of them."""

from __future__ import annotations

import math
from collections.abc import Iterator

from retrograph.results.tables import Table
from retrograph.runtime import Array
from retrograph.sanity_checks.faithfulness_curves import Faithfulness
from retrograph.sanity_checks.findings import HARDLY, PARTLY, SHORT, mean
from retrograph.sanity_checks.layer_randomisation import Randomisation
from retrograph.sanity_checks.logit import RandomLogit
from retrograph.sanity_checks.plot import stage_name
from retrograph.sanity_checks.result import Sanity
from retrograph.sanity_checks.similarity import MEASURES

_SIDE_BY_SIDE = 3
_WIDTH = 5

LEGEND = (
    "1 is the same map, 0 an unrelated one. rho: Spearman's rank correlation, |rho|: that of the\n"
    "magnitudes; SSIM: of the magnitudes; cos: cosine."
)
"""What the numbers of similarities are."""


def sanity_tables(sanity: Sanity) -> Iterator[Table]:
    """Of each check that was made; of many methods several beside each other."""
    findings = sanity.findings
    if findings.randomisation is not None:
        yield from _stages(findings.randomisation)
    if findings.logit is not None:
        yield _logit(findings.logit)
    if findings.faithfulness is not None:
        yield _areas(findings.faithfulness)


def caution(inputs: int) -> str:
    """What the words of the checks mean, and what they do not say."""
    where = "this input" if inputs == 1 else f"these {inputs} inputs"
    return (
        f"Of {where}. A map is said to hardly change where all four measures are {HARDLY} or more, "
        f"to change where all are below {PARTLY}. "
        "A map that does not change cannot tell what the weights or the class have to do with it; "
        "that a map changes does not make it right."
    )


def _stages(check: Randomisation) -> Iterator[Table]:
    down = " down to the named layer" if check.order == "cascading" else ", one stage at a time"
    title = f"Weights drawn anew{down}: similarity to the original map"
    names = [*map(stage_name, check.stages), "mean"]
    for first in range(0, len(check.methods), _SIDE_BY_SIDE):
        columns = range(first, min(first + _SIDE_BY_SIDE, len(check.methods)))
        rows = [
            [name, *(_four(check.similarity, j, _at(i, len(check.stages))) for j in columns)]
            for i, name in enumerate(names)
        ]
        yield Table(["\nlayers", *(_over(check.methods[j]) for j in columns)], rows, title)
        title = ""


def _at(stage: int, stages: int) -> slice:
    """A stage, or all of them behind the last."""
    return slice(stage, stage + 1) if stage < stages else slice(None)


def _logit(check: RandomLogit) -> Table:
    draws = "another class" if len(check.others) == 1 else f"{len(check.others)} other classes"
    rows = [[m, _four(check.similarity, j, slice(None))] for j, m in enumerate(check.methods)]
    title = f"The maps of {draws}: similarity to the original map"
    return Table(["method", _measures()], rows, title)


def _areas(check: Faithfulness) -> Table:
    what = "probability of the class" if check.measure == "probability" else "activation's share"
    areas = zip(check.methods, check.deletion_area, check.insertion_area, strict=True)
    rows = [
        [method, _number(mean(deletion)).strip(), _number(mean(insertion)).strip()]
        for method, deletion, insertion in areas
    ]
    title = f"Positions in the order of the map: area under the curve of the {what}"
    return Table(["method", "deletion (low is good)", "insertion (high is good)"], rows, title)


def _over(method: str) -> str:
    return f"{method}\n{_measures()}"


def _measures() -> str:
    return " ".join(f"{SHORT[name]:>{_WIDTH}}" for name in MEASURES)


def _four(similarity: dict[str, Array], method: int, stages: slice) -> str:
    return " ".join(_number(mean(similarity[name][method, stages])) for name in MEASURES)


def _number(value: float) -> str:
    return f"{'-':>{_WIDTH}}" if math.isnan(value) else f"{value:{_WIDTH}.2f}"
