"""Whether a model can be explained, as a result: a verdict on each method, and what blocks it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from PIL import Image

from retrograph.ir.graph import Tensor
from retrograph.report import Place
from retrograph.results.base import Result
from retrograph.results.check_tables import check_page
from retrograph.results.verdicts import Findings


@dataclass(frozen=True, repr=False)
class Check(Result, Findings):
    """What a model can be asked; the attributes are those of `Findings`.

    Example:
        >>> check = retrograph.check("net.onnx")
        >>> [verdict.method for verdict in check.methods if verdict.possible]
    """

    made_by = "check()"

    def image(self, style: str | None = None) -> Image.Image:
        """The verdicts as a table, and what stands in the way.

        Args:
            style: leave it out; a check is drawn in one way.

        Raises:
            InputError: a style is given.
        """
        self.refuse_style(style)
        return check_page(self)

    def to_dict(self) -> dict[str, Any]:
        """What was found, as plain values: what `retrograph check --json` prints.

        Returns:
            model, explainable, layer {tensor, alias, shape} or None, inputs [{tensor, shape}],
            methods {name: {possible, reason, needs, notes}},
            blocked [{node, operator, reason, mend}], nearest, relu, straight_through and
            smooth [{node, operator, tensor}], notes.
        """
        return {
            "model": self.model,
            "explainable": self.explainable,
            "layer": None if self.layer is None else _tensor(self.layer, alias=self.alias),
            "inputs": [_tensor(tensor) for tensor in self.inputs],
            "methods": {
                verdict.method: {
                    "possible": verdict.possible,
                    "reason": verdict.reason or None,
                    "needs": list(verdict.needs),
                    "notes": list(verdict.notes),
                }
                for verdict in self.methods
            },
            "blocked": [
                {
                    "node": block.node,
                    "operator": block.op,
                    "reason": block.reason,
                    "mend": block.mend,
                }
                for block in self.blocks
            ],
            "nearest": self.nearest,
            "relu": _places(self.relu),
            "straight_through": _places(self.straight_through),
            "smooth": _places(self.smooth),
            "notes": list(self.notes),
        }

    def summary(self) -> str:
        """How many methods can explain which layer, and how many nodes block."""
        blocked = f", {len(self.blocks)} blocking" if self.blocks else ""
        layer = f" {self.alias}" if self.alias else ""
        return f"{self.model}{layer}: {self.counted}{blocked}"


def _tensor(tensor: Tensor, **more: str) -> dict[str, Any]:
    shape = None if tensor.shape is None else list(tensor.shape)
    return {"tensor": tensor.name, **more, "shape": shape}


def _places(places: Iterable[Place]) -> list[dict[str, str]]:
    return [{"node": p.node, "operator": p.op, "tensor": p.tensor} for p in places]
