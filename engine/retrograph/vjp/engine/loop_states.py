"""What the cotangents of a Loop or Scan pass: its states, and what every step reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from retrograph.ir.emit import Emitter
from retrograph.ir.graph import Graph, Tensor
from retrograph.ir.passes.bodies import differ
from retrograph.ir.path import ancestors, flow, path
from retrograph.vjp.engine.walk import blocked, pull_back
from retrograph.vjp.registry import Node, Unsupported


@dataclass(frozen=True)
class Steps:
    """The steps of a Loop or Scan, for a walk through them from the last to the first.

    Attributes:
        node: as it is.
        cts: the cotangents of its outputs.
        before: how many inputs of the node and its body stand before the states.
        scanned: how many inputs behind the states are scanned.
        ahead: how many outputs of the body stand before the states.
    """

    node: Node
    cts: Sequence[Tensor | None]
    before: int
    scanned: int
    ahead: int

    @property
    def body(self) -> Graph:
        return self.node.bodies["body"]

    @cached_property
    def count(self) -> int:
        """The number of states."""
        own = len(self.node.inputs) - len(self.body.captured)
        return max(own - self.before - self.scanned, 0)

    @cached_property
    def formals(self) -> list[Tensor]:
        """The inputs of the body.

        Raises:
            Unsupported: one is no tensor.
        """
        names = self.body.input_names()[: self.before + self.count + self.scanned]
        found = [self.body.tensor(name) for name in names]
        tensors = [t for t in found if t is not None]
        if len(tensors) < len(names):
            raise Unsupported("it carries something that is no tensor")
        return tensors

    @property
    def states(self) -> list[Tensor]:
        """The states as a step gets them."""
        return self.formals[self.before : self.before + self.count]

    @property
    def elements(self) -> list[Tensor]:
        """What a step gets of the scanned inputs."""
        return self.formals[self.before + self.count :]

    @cached_property
    def nexts(self) -> list[Tensor]:
        """The states as a step leaves them.

        Raises:
            Unsupported: one is no tensor, or its shape changes from step to step.
        """
        found = []
        names = self.body.output_names()[self.ahead : self.ahead + self.count]
        for i, name in enumerate(names):
            first, tensor = self.node.inputs[self.before + i], self.body.tensor(name)
            if first is None or tensor is None:
                raise Unsupported("it carries something that is no tensor")
            if differ(first, tensor) or self.states[i].name in self.body.unsteady:
                raise Unsupported(
                    f"its state '{first.name}' changes its shape from step to step; states of "
                    "one shape are supported"
                )
            found.append(tensor)
        return found

    @cached_property
    def stacks(self) -> list[tuple[str, int]]:
        """The outputs of a step whose stack has a cotangent, with their numbers."""
        names = self.body.output_names()[self.ahead + self.count :]
        stacked = zip(names, range(len(names)), self.cts[self.count :], strict=True)
        return [(name, i) for name, i, ct in stacked if ct is not None]

    @cached_property
    def wanted_elements(self) -> list[int]:
        """The numbers of the scanned inputs whose cotangent is wanted."""
        first = self.before + self.count
        return [i for i in range(self.scanned) if first + i in self.node.wanted]

    @cached_property
    def outside(self) -> list[int]:
        """The places of what is wanted and every step takes from outside, among the inputs."""
        first = len(self.node.inputs) - len(self.body.captured)
        return [i for i in sorted(self.node.wanted) if i >= first]

    @property
    def shared(self) -> list[Tensor]:
        """The wanted tensors that every step takes from outside."""
        return [self.node.input(i) for i in self.outside]

    @cached_property
    def carried(self) -> list[int]:
        """The numbers of the states that a cotangent passes from step to step."""
        stops, count = blocked(self.body), range(self.count)
        active = {i for i in count if self.before + i in self.node.wanted}
        read = [t.name for t in self.shared]
        read += [self.elements[i].name for i in self.wanted_elements]
        while True:
            sources = read + [self.states[i].name for i in active]
            reached = flow(self.body, sources, stops)
            more = {i for i in count if self.nexts[i].name in reached} - active
            if not more:
                break
            active |= more
        live = {i for i in active if self.cts[i] is not None}
        while True:
            ends = [name for name, _ in self.stacks] + [self.nexts[i].name for i in live]
            passed = path(self.body, sources, ends, stops).tensors
            more = {i for i in active if self.states[i].name in passed} - live
            if not more:
                return sorted(live)
            live |= more

    @cached_property
    def kept(self) -> list[int]:
        """The numbers of the states whose values a step backwards needs."""
        ends = [name for name, _ in self.stacks] + [self.nexts[i].name for i in self.carried]
        read = {name for end in ends for name in ancestors(self.body, end)}
        return [i for i, state in enumerate(self.states) if state.name in read]

    def back(
        self, e: Emitter, d_states: Sequence[Tensor], d_stacks: Sequence[Tensor]
    ) -> tuple[list[Tensor], list[Tensor], list[Tensor | None]]:
        """One step backwards, emitted where the step's inputs have their names.

        Args:
            d_states: the cotangents of the carried states behind the step.
            d_stacks: the cotangents of what the step gave to the stacks.

        Returns:
            The cotangents of the carried states before the step, of the wanted elements, and of
            what is shared, there None where nothing comes down.
        """
        states = [self.states[i] for i in self.carried]
        elements = [self.elements[i] for i in self.wanted_elements]
        seeds = [(self.nexts[i].name, d) for i, d in zip(self.carried, d_states, strict=True)]
        seeds += [(name, d) for (name, _), d in zip(self.stacks, d_stacks, strict=True)]
        wanted = [t.name for t in (*states, *elements, *self.shared)]
        found = pull_back(e, self.body, seeds, wanted, self.node.rule)
        if not found:
            raise Unsupported("no cotangent passes its body")
        return (
            [found[t.name] if t.name in found else zeros_like(e, t) for t in states],
            [found[t.name] if t.name in found else zeros_like(e, t) for t in elements],
            [found.get(t.name) for t in self.shared],
        )

    def seeds(self, e: Emitter) -> list[Tensor]:
        """The cotangents of the carried states behind the last step."""
        firsts = [(self.cts[i], self.node.input(self.before + i)) for i in self.carried]
        return [zeros_like(e, first) if ct is None else ct for ct, first in firsts]

    def placed(
        self,
        e: Emitter,
        states: Sequence[Tensor],
        elements: Sequence[Tensor],
        shared: Sequence[Tensor],
    ) -> list[Tensor | None]:
        """The cotangents of all the node's inputs: zeros for states that none passes through."""
        found: list[Tensor | None] = [None] * len(self.node.inputs)
        for i in self.node.wanted:
            if self.before <= i < self.before + self.count:
                found[i] = zeros_like(e, self.node.input(i))
        for i, ct in zip(self.carried, states, strict=True):
            found[self.before + i] = ct
        for i, ct in zip(self.wanted_elements, elements, strict=True):
            found[self.before + self.count + i] = ct
        for i, ct in zip(self.outside, shared, strict=True):
            found[i] = ct
        return found


def zeros_like(e: Emitter, tensor: Tensor) -> Tensor:
    """Zeros in the type and shape of a tensor."""
    return e.constant_of_shape(e.sizes(tensor, 0), 0.0, tensor.dtype)
