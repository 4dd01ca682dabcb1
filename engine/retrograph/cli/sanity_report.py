"""What `retrograph sanity` prints."""

from __future__ import annotations

import math

from rich.console import Console
from rich.text import Text

from retrograph.cli.terminal import print_table, visible
from retrograph.runtime import Array
from retrograph.sanity_checks import MEASURES, Faithfulness, Randomisation, RandomLogit, Sanity
from retrograph.sanity_checks.findings import HARDLY, PARTLY, SHORT, mean
from retrograph.sanity_checks.plot import stage_name

_SIDE_BY_SIDE = 3
_SHOWN_INPUTS = 8
_WIDTH = 5


def print_report(sanity: Sanity, out: Console) -> None:
    """The tables, what they say in words, and where the plot is."""
    _print_inputs(sanity, out)
    findings = sanity.findings
    if findings.randomisation is not None:
        _print_stages(findings.randomisation, out)
    if findings.logit is not None:
        _print_logit(findings.logit, out)
    if findings.faithfulness is not None:
        _print_areas(findings.faithfulness, out)
    if findings.randomisation is not None or findings.logit is not None:
        out.print(
            "1 is the same map, 0 an unrelated one. rho: Spearman's rank correlation, |rho|: that "
            "of the\nmagnitudes; SSIM: of the magnitudes; cos: cosine.",
            style="dim",
        )
    for note in sanity.notes:
        out.print(f"note: {visible(note)}", soft_wrap=True)
    out.print()
    for sentence in sanity.findings.words():
        out.print(Text(visible(sentence)))
    out.print(Text(_caution(len(sanity.names)), "dim"))
    if sanity.file is not None:
        out.print(f"-> {visible(sanity.file)}", soft_wrap=True)


def _caution(inputs: int) -> str:
    where = "this input" if inputs == 1 else f"these {inputs} inputs"
    return (
        f"Of {where}. A map is said to hardly change where all four measures are {HARDLY} or more, "
        f"to change where all are below {PARTLY}. "
        "A map that does not change cannot tell what the weights or the class have to do with it; "
        "that a map changes does not make it right."
    )


def _print_inputs(sanity: Sanity, out: Console) -> None:
    pairs = list(zip(sanity.names, sanity.units, strict=True))
    for name, unit in pairs[:_SHOWN_INPUTS]:
        out.print(f"  {visible(name)}: {visible(unit)}", soft_wrap=True)
    if len(pairs) > _SHOWN_INPUTS:
        out.print(f"  and {len(pairs) - _SHOWN_INPUTS} more")


def _print_stages(check: Randomisation, out: Console) -> None:
    down = " down to the named layer" if check.order == "cascading" else ", one stage at a time"
    _heading(f"Weights drawn anew{down}: similarity to the original map", out)
    names = [*map(stage_name, check.stages), "mean"]
    for first in range(0, len(check.methods), _SIDE_BY_SIDE):
        columns = range(first, min(first + _SIDE_BY_SIDE, len(check.methods)))
        rows = [
            [name, *(_four(check.similarity, j, _at(i, len(check.stages))) for j in columns)]
            for i, name in enumerate(names)
        ]
        print_table(out, ["\nlayers", *(_over(check.methods[j]) for j in columns)], rows)


def _at(stage: int, stages: int) -> slice:
    """A stage, or all of them behind the last."""
    return slice(stage, stage + 1) if stage < stages else slice(None)


def _print_logit(check: RandomLogit, out: Console) -> None:
    draws = "another class" if len(check.others) == 1 else f"{len(check.others)} other classes"
    _heading(f"The maps of {draws}: similarity to the original map", out)
    rows = [[m, _four(check.similarity, j, slice(None))] for j, m in enumerate(check.methods)]
    print_table(out, ["method", _measures()], rows)


def _print_areas(check: Faithfulness, out: Console) -> None:
    what = "probability of the class" if check.measure == "probability" else "activation's share"
    _heading(f"Positions in the order of the map: area under the curve of the {what}", out)
    headings = ["method", "deletion (low is good)", "insertion (high is good)"]
    rows = [
        [method, _number(mean(deletion)).strip(), _number(mean(insertion)).strip()]
        for method, deletion, insertion in zip(
            check.methods, check.deletion_area, check.insertion_area, strict=True
        )
    ]
    print_table(out, headings, rows)


def _heading(text: str, out: Console) -> None:
    out.print()
    out.print(Text(text, "bold"))


def _over(method: str) -> str:
    return f"{method}\n{_measures()}"


def _measures() -> str:
    return " ".join(f"{SHORT[name]:>{_WIDTH}}" for name in MEASURES)


def _four(similarity: dict[str, Array], method: int, stages: slice) -> str:
    return " ".join(_number(mean(similarity[name][method, stages])) for name in MEASURES)


def _number(value: float) -> str:
    return f"{'-':>{_WIDTH}}" if math.isnan(value) else f"{value:{_WIDTH}.2f}"
