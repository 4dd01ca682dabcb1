"""What inputs are explained with: a graph for each method, the unit, the preprocessing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from numpy.typing import ArrayLike

from retrograph.blank import Blanks
from retrograph.errors import InputError, RetrographError
from retrograph.explainer import Explainer
from retrograph.inputs import InputKind
from retrograph.inputs.loader import (
    Batch,
    Input,
    Progress,
    Signature,
    batch_of,
    follow_batches,
    load_batches,
)
from retrograph.model import SCORES
from retrograph.pipeline.blanks import with_blanks
from retrograph.pipeline.units import UnitChoice
from retrograph.preprocess import BadInput
from retrograph.results.attribution import Attribution
from retrograph.results.context import ExplainContext
from retrograph.results.explanation import Explanation
from retrograph.results.rows import explanations
from retrograph.results.unit_names import describe_channel, describe_output


@dataclass(frozen=True)
class Reference:
    """What explanations are held against that are less precise, or made where little is proved.

    Attributes:
        of: the precision or the device of the explanations.
        where: the reference, as in "in float32".
        open: makes it ready.
    """

    of: str
    where: str
    open: Callable[[], ExplainSession]


@dataclass(frozen=True, eq=False)
class ExplainSession:
    """What inputs are explained with, ready to run.

    Attributes:
        explainers: a built graph for each method, by its title.
        context: what is the same for every input.
        choice: the unit.
        blanks: tells why attributions are 0 everywhere.
        top: how many of the most active units.
        batch: how many inputs a run is to take where the model leaves that open.
        apart: whether an input gives the same whatever the others of its batch are.
        input_notes: what is to be known of how inputs are read.
        left_out: why methods could not be built for the model, by their titles.
        reference: what the first explanation is held against; None where there is no need.
        kinds: those of the model's inputs that are read from files, where it has several.
    """

    explainers: Mapping[str, Explainer]
    context: ExplainContext
    choice: UnitChoice
    blanks: Blanks
    top: int = 1
    batch: int = 1
    apart: bool = True
    input_notes: tuple[str, ...] = ()
    left_out: Mapping[str, RetrographError] = field(default_factory=dict)
    reference: Reference | None = None
    kinds: Mapping[str, InputKind] = field(default_factory=dict)

    @property
    def lead(self) -> Explainer:
        """The first method's, for what all have in common."""
        return next(iter(self.explainers.values()))

    @property
    def signature(self) -> Signature:
        """What the graphs take."""
        specs, name = self.lead.inputs, self.lead.contract.shown
        explained = next(spec for spec in specs if spec.name == name)
        kinds = {**self.kinds, name: self.context.kind}
        return Signature(specs, explained, self.context.kind, self.batch, self.apart, kinds)

    @property
    def notes(self) -> tuple[str, ...]:
        """What is to be known of how inputs are read and put into batches."""
        notes = (*self.context.notes, *self.input_notes, self.signature.note)
        return tuple(filter(None, notes))

    @property
    def question(self) -> str:
        """What is asked of every input: the layer and the unit, in words."""
        contract, index = self.context.contract, self.choice.index
        if index is None:
            unit = "the most active unit of each input"
        elif self.choice.select == "channel":
            channel = describe_channel(index[0], self.context.channel_names)
            unit = f"{channel} where it is most active"
        else:
            unit = self.context.unit(index)
        return f"{contract.layer} · {unit}"

    @property
    def picture_question(self) -> str:
        """The same over a picture."""
        context, index = self.context, self.choice.index
        if index is None:
            unit = "top class of each input" if context.is_class else "strongest unit of each input"
        elif self.choice.select == "channel":
            channel = describe_channel(index[0], context.channel_names)
            unit = f"{channel} at its strongest position"
        else:
            unit = describe_output(context.unit(index), context.contract.alias)
        alias = context.contract.alias
        return unit if alias == SCORES else f"layer {alias} · {unit}"

    def batches(self, inputs: Sequence[Input], progress: Progress | None = None) -> Iterator[Batch]:
        """What inputs are run as, in order.

        Args:
            inputs: files, folders, pictures and arrays.
            progress: takes how many inputs are done, and of how many.
        """
        batches = load_batches(inputs, self.signature)
        suffixes = self.context.kind.file_suffixes
        return follow_batches(batches, inputs, progress, suffixes)

    def explain_all(self, batches: Iterable[Batch]) -> Iterator[Explanation | BadInput]:
        """The explanations of all inputs, in order; what cannot be explained as a BadInput."""
        for batch in batches:
            yield from batch.bad
            if batch.items:
                yield from self.explained(batch)

    def explained(self, batch: Batch) -> Iterator[Explanation | BadInput]:
        """The same as `explain`; inputs that cannot be run together are run one by one."""
        try:
            together = self.explain(batch)
        except InputError as error:
            signature = self.signature
            if len(batch.items) == 1 or signature.fixed_batch or len(signature.specs) > 1:
                yield BadInput(batch.items[0].name, error)
                return
            for item in batch.items:
                yield from self.explained(batch_of([item], signature))
        else:
            yield from together

    def explain(self, batch: Batch) -> list[Explanation]:
        """The explanations of a batch's inputs; a single one where the layer has no batch axis.

        Raises:
            InputError: the graph cannot be run on them, or gives no numbers.
        """
        outputs, weights = self.attribute(batch), self.blanks.nonfinite_weights
        each = explanations(batch.items, batch.feeds, outputs, self.context, weights)
        return [
            with_blanks(explanation, row, batch.feeds, self.explainers, self.blanks)
            for row, explanation in enumerate(each)
        ]

    def attribute(self, batch: Batch, unit: ArrayLike | None = None) -> dict[str, Attribution]:
        """What each method's graph gives for a batch, by the methods' titles.

        Args:
            batch: inputs of one run.
            unit: see `Explainer.attribute`; that of the session if None.

        Raises:
            InputError: the graph cannot be run on the inputs.
        """
        contract = self.lead.contract
        by_count = contract.many and contract.select == "top"
        if unit is None:
            unit = self.top if by_count else self.choice.index
        return {title: each.attribute(batch.feeds, unit) for title, each in self.explainers.items()}
