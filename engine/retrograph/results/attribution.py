"""What a built graph gives for a batch, and what can be drawn and told of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeAlias

from PIL import Image

from retrograph.preprocess import Item
from retrograph.render import Page
from retrograph.results.base import Result
from retrograph.results.caption import unit_lines
from retrograph.results.comparison import ComparisonTable
from retrograph.results.context import ExplainContext
from retrograph.results.explanation import Explanation
from retrograph.results.outputs import GraphOutputs
from retrograph.results.record import explained_dict
from retrograph.results.rows import explanations
from retrograph.runtime import Array

_ASSUMED = "how pictures are preprocessed is not known: the input is drawn as if scaled to 0-1"

FindBlanks: TypeAlias = Callable[[Explanation, int], Explanation]


@dataclass(frozen=True, eq=False, repr=False)
class Attribution(GraphOutputs, Result):
    """The attributions of a batch of N inputs by one method (with many: of K units an input).

    One input is drawn beside its attribution; of several each unit is a row of a table.

    Attributes:
        feeds: the model's inputs by their names, as they were run.
        make_context: gives what is the same for all inputs: method, layer, preprocessing, labels.
        items: the inputs with their names and pictures; None where only arrays are known.
        find_blanks: gives an explanation and its row why it is 0 everywhere, where it is; None
            where nothing tells.
        told: the explanations, where they are there already: of what was found in the outputs.
    """

    made_by = "explain() or Explainer.attribute()"

    feeds: Mapping[str, Array] = field(kw_only=True)
    make_context: Callable[[], ExplainContext] = field(kw_only=True)
    items: tuple[Item, ...] | None = field(default=None, kw_only=True)
    find_blanks: FindBlanks | None = field(default=None, kw_only=True)
    told: tuple[Explanation, ...] = field(default=(), kw_only=True)

    @cached_property
    def context(self) -> ExplainContext:
        """What is the same for all inputs: method, layer, preprocessing, labels."""
        return self.make_context()

    @cached_property
    def explanations(self) -> tuple[Explanation, ...]:
        """Each input with its attribution; one for all where the layer has no batch axis.

        Raises:
            InputError: an activation or an attribution is no number.
        """
        if self.told:
            return self.told
        (method,) = self.context.methods
        items = self.items or self._bare_items()
        each = explanations(items, self.feeds, {method: self}, self.context)
        if self.find_blanks is None:
            return tuple(each)
        return tuple(self.find_blanks(explanation, row) for row, explanation in enumerate(each))

    def image(self, style: str | None = None) -> Image.Image:
        """The input beside its attribution, over a caption; several inputs as rows of a table.

        Args:
            style: signed, heat or overlay; if None the method's own.

        Raises:
            InputError: there is no such style, or an input cannot be drawn.
        """
        return self.page(style).image()

    def page(self, style: str | None = None) -> Page:
        """The same picture as it is written; arguments and errors of `image`."""
        if len(self.explanations) == 1:
            return self.explanations[0].page(style)
        table = ComparisonTable(self.context.styled(style))
        for explanation in self.explanations:
            for of_one_unit in explanation.by_unit():
                table.add(of_one_unit)
        return table.page(self._title, {})

    def to_dict(self) -> dict[str, Any]:
        """What `retrograph explain --json` prints of these inputs."""
        return explained_dict(self.explanations, self.context)

    def arrays(self) -> dict[str, Array]:
        """The outputs that the graph adds, by their names in the contract, and the inputs.

        Returns:
            `attribution` [N, *input] (with many [N, K, *input]; `attribution.<input>` of several),
            `score` [N], `unit` int64 [N, r], by a method of relevance `bias_relevance` [N]; and
            `input`, or `input.<name>` each.
        """
        names = [name.removeprefix("retrograph.") for name in self.context.contract.attributions]
        arrays = dict(zip(names, self.attributions.values(), strict=True))
        arrays |= {"score": self.score, "unit": self.unit}
        if self.bias_relevance is not None:
            arrays["bias_relevance"] = self.bias_relevance
        inputs = self.feeds if len(self.feeds) > 1 else {"": next(iter(self.feeds.values()))}
        arrays |= self.context.preprocessing_array
        return arrays | {f"input.{name}".rstrip("."): values for name, values in inputs.items()}

    def summary(self) -> str:
        """The method, the layer, the number of inputs and the first unit."""
        first = self.explanations[0]
        more = f", and {len(self.explanations) - 1} more" if len(self.explanations) > 1 else ""
        return f"{', '.join(self.context.methods)}: {unit_lines(first)[0]}{more}"

    @property
    def _title(self) -> str:
        contract = self.context.contract
        return f"{contract.method} from {contract.layer}"

    def _bare_items(self) -> tuple[Item, ...]:
        """The rows of the explained input, as pictures where they look like some."""
        contract, kind = self.context.contract, self.context.kind
        name, axes = contract.shown, kind.axes
        is_assumed = axes.frame is not None and not contract.preprocessing
        return tuple(
            Item(
                f"{name}[{i}]",
                row,
                kind.shown(row),
                note=_ASSUMED if is_assumed else "",
            )
            for i, row in enumerate(axes.rows(self.feeds[name]))
        )
