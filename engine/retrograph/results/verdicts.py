"""What a check finds: a verdict on each method, and the nodes that stand in the way."""

from __future__ import annotations

from dataclasses import dataclass

from retrograph.errors import spelled
from retrograph.ir.graph import Tensor
from retrograph.report import Place


@dataclass(frozen=True)
class Verdict:
    """Whether one method can explain a layer.

    Attributes:
        method: its name.
        message: why its graph cannot be built, parameters marked (see `errors.parameter`); ""
            where it can.
        notes: what is to be known of this method's result, a line each.
        needs: its parameters without which there is no graph, though nothing else stands in the
            way, such as baselines.
    """

    method: str
    message: str
    notes: tuple[str, ...]
    needs: tuple[str, ...] = ()

    @property
    def possible(self) -> bool:
        """Whether its graph can be built as it is."""
        return not self.message

    @property
    def answer(self) -> str:
        """Whether it can be built, in a word or two: yes, no, or what it needs."""
        if self.needs:
            return f"with {' and '.join(self.needs)}"
        return "yes" if self.possible else "no"

    @property
    def reason(self) -> str:
        """Why its graph cannot be built; "" where it can."""
        return spelled(self.message)


@dataclass(frozen=True)
class Block:
    """A node that stands in the way.

    Attributes:
        node: its name.
        op: its operator, with the domain where it is not the standard one.
        reason: why no cotangent passes it.
        mend: what can be done.
    """

    node: str
    op: str
    reason: str
    mend: str


@dataclass(frozen=True)
class Findings:
    """What a model can be asked.

    Attributes:
        model: its file as it was given, or its name.
        layer: the tensor that would be explained; None where there is none.
        alias: its short name, such as scores or relu3; "" where there is none.
        inputs: the inputs that would be explained.
        methods: a verdict on each method.
        blocks: every node that stands in the way of all methods.
        nearest: the last layer before them that can be explained, by its short name; None where
            nothing blocks, or no layer is left.
        relu: the nodes that guided and deconvnet treat as ReLU.
        straight_through: the nodes that round, which the cotangent passes unchanged.
        smooth: the activations that keep their ordinary derivative under every method.
        notes: what is to be known of the result by any method, a line each.
    """

    model: str
    layer: Tensor | None
    alias: str
    inputs: tuple[Tensor, ...]
    methods: tuple[Verdict, ...]
    blocks: tuple[Block, ...] = ()
    nearest: str | None = None
    relu: tuple[Place, ...] = ()
    straight_through: tuple[Place, ...] = ()
    smooth: tuple[Place, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def counted(self) -> str:
        """How many methods can explain the layer, and which more could with what they need."""
        count = sum(verdict.possible for verdict in self.methods)
        more = [f", {each.method} {each.answer}" for each in self.methods if each.needs]
        return f"{count} of {len(self.methods)} methods{''.join(more)}"

    @property
    def explainable(self) -> bool:
        """Whether any method can explain the layer."""
        return any(verdict.possible for verdict in self.methods)
