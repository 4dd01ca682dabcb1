"""The sanity checks of a model as a result: plotted, saved, recorded."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from PIL import Image

from retrograph.results import Result
from retrograph.results.context import ExplainContext
from retrograph.runtime import Array
from retrograph.sanity_checks.faithfulness_curves import Faithfulness
from retrograph.sanity_checks.findings import Findings
from retrograph.sanity_checks.layer_randomisation import Randomisation
from retrograph.sanity_checks.logit import RandomLogit
from retrograph.sanity_checks.plot import plot
from retrograph.sanity_checks.subject import Subject


@dataclass(frozen=True, repr=False)
class Sanity(Result):
    """Whether attributions depend on the weights, on the class and on the positions that matter.

    Attributes:
        context: what is the same for every input.
        names: of the inputs.
        subject: the model, the methods, the inputs and the unit of each.
        findings: the numbers of each check; None for a check that was not made.
        file: the plot that was written; None where none was.

    Example:
        >>> sanity = retrograph.sanity("net.onnx", ["dog.jpg", "cat.jpg"], checks=["logit"])
        >>> sanity.findings.logit.similarity["ssim"].mean(axis=(1, 2))      # by method
        >>> sanity.save("sanity.png")
    """

    made_by = "sanity()"

    context: ExplainContext
    names: tuple[str, ...]
    subject: Subject
    findings: Findings
    file: str | None = None

    @property
    def units(self) -> list[str]:
        """The explained unit of each input, in words."""
        return [self.context.unit([int(i) for i in unit]) for unit in self.subject.units]

    @property
    def notes(self) -> list[str]:
        """What stayed as it is, and where there is no number."""
        randomisation = self.findings.randomisation
        return [
            *(() if randomisation is None else randomisation.notes),
            *self.findings.cautions(),
        ]

    def image(self, style: str | None = None) -> Image.Image:
        """Similarity at each stage, bars for other classes, and the curves of the scores.

        Args:
            style: leave it out; the checks are drawn in one way.

        Raises:
            InputError: matplotlib is not installed, or a style is given.
        """
        self.refuse_style(style)
        count = len(self.names)
        inputs = "1 input" if count == 1 else f"mean over {count} inputs"
        title = f"Sanity checks of layer {self.context.contract.alias}, {inputs}"
        return Image.fromarray(plot(self.findings, title))

    @property
    def _preprocessing(self) -> dict[str, Any] | None:
        known = self.context.preprocessing
        return None if known is None else known.to_dict(self.context.labels)

    def to_dict(self) -> dict[str, Any]:
        """What was found, as plain values: what `retrograph sanity --json` prints.

        Returns:
            layer, tensor, methods, device, preprocessing (as in `explain`), inputs [{input, unit,
            name}], notes, summary, plot, and for each check that was made its numbers for each
            input, by measure and method; None where there is none.
        """
        contract, findings = self.context.contract, self.findings
        rows = zip(self.names, self.subject.units, self.units, strict=True)
        record: dict[str, Any] = {
            "layer": contract.alias,
            "tensor": contract.target,
            "methods": [*self.context.methods],
            "device": self.context.device,
            "preprocessing": self._preprocessing,
            "inputs": [
                {"input": name, "unit": [int(i) for i in unit], "name": words}
                for name, unit, words in rows
            ],
            "notes": self.notes,
            "summary": findings.words(),
            "plot": self.file,
        }
        if findings.randomisation is not None:
            record["randomisation"] = {
                "order": findings.randomisation.order,
                "stages": [[*stage] for stage in findings.randomisation.stages],
                "similarity": _by_measure(findings.randomisation),
            }
        if findings.logit is not None:
            record["logit"] = {
                "others": findings.logit.others.tolist(),
                "similarity": _by_measure(findings.logit),
            }
        if findings.faithfulness is not None:
            record["faithfulness"] = _curves(findings.faithfulness)
        return record

    def summary(self) -> str:
        """The layer, the methods and how many inputs."""
        count = len(self.names)
        inputs = "1 input" if count == 1 else f"{count} inputs"
        return f"{self.context.contract.alias} by {', '.join(self.context.methods)} on {inputs}"

    def arrays(self) -> dict[str, Array]:
        """The numbers of each check, methods first.

        Returns:
            By check and measure, as in "randomisation/ssim": [methods, stages, N], for other
            classes [methods, draws, N]; "faithfulness/deletion" and "faithfulness/insertion"
            [methods, steps + 1, N]; "units", int64 [N, r].
        """
        findings = self.findings
        arrays = {"units": self.subject.units}
        for name, check in (("randomisation", findings.randomisation), ("logit", findings.logit)):
            if check is not None:
                arrays |= {f"{name}/{measure}": v for measure, v in check.similarity.items()}
        if findings.faithfulness is not None:
            arrays["faithfulness/deletion"] = findings.faithfulness.deletion
            arrays["faithfulness/insertion"] = findings.faithfulness.insertion
        return arrays


def _by_measure(check: Randomisation | RandomLogit) -> dict[str, dict[str, Any]]:
    return {
        measure: {m: _plain(v) for m, v in zip(check.methods, values, strict=True)}
        for measure, values in check.similarity.items()
    }


def _curves(check: Faithfulness) -> dict[str, Any]:
    arrays = {
        "deletion": check.deletion,
        "insertion": check.insertion,
        "deletion_area": check.deletion_area,
        "insertion_area": check.insertion_area,
    }
    return {
        "measure": check.measure,
        "shares": check.shares.tolist(),
        **{
            name: {m: _plain(v) for m, v in zip(check.methods, values, strict=True)}
            for name, values in arrays.items()
        },
    }


def _plain(values: Array) -> Any:
    """Numbers in lists, None for NaN."""
    if values.ndim:
        return [_plain(value) for value in values]
    return None if math.isnan(values) else float(values)
