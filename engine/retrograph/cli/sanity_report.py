"""What `retrograph sanity` prints."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from retrograph.cli.terminal import print_table, visible
from retrograph.results.context import ExplainContext
from retrograph.runtime import Array
from retrograph.sanity_checks import MEASURES, Faithfulness, Randomisation, RandomLogit, Subject
from retrograph.sanity_checks.findings import HARDLY, PARTLY, SHORT, Findings, mean
from retrograph.sanity_checks.plot import stage_name

_SIDE_BY_SIDE = 3
_SHOWN_INPUTS = 8
_WIDTH = 5


@dataclass(frozen=True)
class Report:
    """What was checked, and what was found.

    Attributes:
        scene: what is the same for every input.
        names: of the inputs.
        subject: what was checked.
        findings: what was found.
        plot: where it is drawn, if it is.
    """

    scene: ExplainContext
    names: Sequence[str]
    subject: Subject
    findings: Findings
    plot: Path | None

    @property
    def title(self) -> str:
        """For the plot."""
        count = len(self.names)
        inputs = "1 input" if count == 1 else f"mean over {count} inputs"
        return f"Sanity checks of layer {self.scene.contract.alias}, {inputs}"

    @property
    def units(self) -> list[str]:
        """The explained unit of each input, in words."""
        return [self.scene.unit([int(i) for i in unit]) for unit in self.subject.units]

    @property
    def notes(self) -> list[str]:
        """What stayed as it is, and where there is no number."""
        found = self.findings.randomisation
        return [*(() if found is None else found.notes), *self.findings.cautions()]


def print_report(report: Report, out: Console) -> None:
    """The tables, what they say in words, and where the plot is."""
    _print_inputs(report, out)
    found = report.findings
    if found.randomisation is not None:
        _print_stages(found.randomisation, out)
    if found.logit is not None:
        _print_logit(found.logit, out)
    if found.faithfulness is not None:
        _print_areas(found.faithfulness, out)
    if found.randomisation is not None or found.logit is not None:
        out.print(
            "1 is the same map, 0 an unrelated one. rho: Spearman's rank correlation, |rho|: that "
            "of the\nmagnitudes; SSIM: of the magnitudes; cos: cosine.",
            style="dim",
        )
    for note in report.notes:
        out.print(f"note: {visible(note)}", soft_wrap=True)
    out.print()
    for sentence in report.findings.words():
        out.print(Text(visible(sentence)))
    out.print(Text(_caution(len(report.names)), "dim"))
    if report.plot is not None:
        out.print(f"-> {visible(str(report.plot))}", soft_wrap=True)


def _caution(inputs: int) -> str:
    where = "this input" if inputs == 1 else f"these {inputs} inputs"
    return (
        f"Of {where}. A map is said to hardly change where all four measures are {HARDLY} or more, "
        f"to change where all are below {PARTLY}. "
        "A map that does not change cannot tell what the weights or the class have to do with it; "
        "that a map changes does not make it right."
    )


def _print_inputs(report: Report, out: Console) -> None:
    pairs = list(zip(report.names, report.units, strict=True))
    for name, unit in pairs[:_SHOWN_INPUTS]:
        out.print(f"  {visible(name)}: {visible(unit)}", soft_wrap=True)
    if len(pairs) > _SHOWN_INPUTS:
        out.print(f"  and {len(pairs) - _SHOWN_INPUTS} more")


def _print_stages(found: Randomisation, out: Console) -> None:
    down = " down to the named layer" if found.order == "cascading" else ", one stage at a time"
    _heading(f"Weights drawn anew{down}: similarity to the original map", out)
    names = [*map(stage_name, found.stages), "mean"]
    for first in range(0, len(found.methods), _SIDE_BY_SIDE):
        columns = range(first, min(first + _SIDE_BY_SIDE, len(found.methods)))
        rows = [
            [name, *(_four(found.similarity, j, _at(i, len(found.stages))) for j in columns)]
            for i, name in enumerate(names)
        ]
        print_table(out, ["\nlayers", *(_over(found.methods[j]) for j in columns)], rows)


def _at(stage: int, stages: int) -> slice:
    """A stage, or all of them behind the last."""
    return slice(stage, stage + 1) if stage < stages else slice(None)


def _print_logit(found: RandomLogit, out: Console) -> None:
    draws = "another class" if len(found.others) == 1 else f"{len(found.others)} other classes"
    _heading(f"The maps of {draws}: similarity to the original map", out)
    rows = [[m, _four(found.similarity, j, slice(None))] for j, m in enumerate(found.methods)]
    print_table(out, ["method", _measures()], rows)


def _print_areas(found: Faithfulness, out: Console) -> None:
    what = "probability of the class" if found.measure == "probability" else "activation's share"
    _heading(f"Positions in the order of the map: area under the curve of the {what}", out)
    headings = ["method", "deletion (low is good)", "insertion (high is good)"]
    rows = [
        [method, _number(mean(deletion)).strip(), _number(mean(insertion)).strip()]
        for method, deletion, insertion in zip(
            found.methods, found.deletion_area, found.insertion_area, strict=True
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


def as_json(report: Report) -> str:
    """What was found, for a program."""
    contract = report.scene.contract
    inputs = [
        {"input": name, "unit": [int(i) for i in unit], "name": text}
        for name, unit, text in zip(report.names, report.subject.units, report.units, strict=True)
    ]
    record: dict[str, Any] = {
        "layer": contract.alias,
        "tensor": contract.target,
        "methods": [*report.scene.methods],
        "device": report.scene.device,
        "inputs": inputs,
        "notes": report.notes,
        "summary": report.findings.words(),
        "plot": None if report.plot is None else str(report.plot),
    }
    found = report.findings
    if found.randomisation is not None:
        record["randomisation"] = {
            "order": found.randomisation.order,
            "stages": [[*stage] for stage in found.randomisation.stages],
            "similarity": _by_method(found.randomisation),
        }
    if found.logit is not None:
        record["logit"] = {
            "others": found.logit.others.tolist(),
            "similarity": _by_method(found.logit),
        }
    if found.faithfulness is not None:
        record["faithfulness"] = _curves(found.faithfulness)
    return json.dumps(record, indent=1, allow_nan=False)


def _by_method(found: Randomisation | RandomLogit) -> dict[str, dict[str, Any]]:
    return {
        measure: {m: _plain(v) for m, v in zip(found.methods, values, strict=True)}
        for measure, values in found.similarity.items()
    }


def _curves(found: Faithfulness) -> dict[str, Any]:
    arrays = {
        "deletion": found.deletion,
        "insertion": found.insertion,
        "deletion_area": found.deletion_area,
        "insertion_area": found.insertion_area,
    }
    return {
        "measure": found.measure,
        "shares": found.shares.tolist(),
        **{
            name: {m: _plain(v) for m, v in zip(found.methods, values, strict=True)}
            for name, values in arrays.items()
        },
    }


def _plain(values: Array) -> Any:
    """Numbers in lists, None for NaN."""
    if values.ndim:
        return [_plain(value) for value in values]
    return None if math.isnan(values) else float(values)
