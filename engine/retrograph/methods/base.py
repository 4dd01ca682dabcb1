"""A method: which rule a node takes instead of its VJP."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from retrograph.ir.emit import Emitter
from retrograph.ir.graph import Tensor
from retrograph.vjp import Cotangents, Node, vjp

MethodRule = Callable[[Emitter, Node, Sequence[Tensor | None]], Cotangents]
Matcher = Callable[[Node], bool]


def relu_like(node: Node) -> bool:
    """Relu, Clip from 0, and what else is a ReLU in another spelling."""
    return node.is_relu


@dataclass(frozen=True)
class Method:
    """An attribution method.

    Attributes:
        name: as on the command line.
        rules: (matcher, rule) pairs; the first that matches a node replaces its VJP.
        needs_relu: whether the method is only defined where there is a ReLU on the path.
        parameters: recorded in the built graph.
    """

    name: str
    rules: tuple[tuple[Matcher, MethodRule], ...] = ()
    needs_relu: bool = False
    parameters: Mapping[str, float | str] = field(default_factory=dict)

    def rule(self, node: Node) -> MethodRule:
        """The rule for a node: the method's own, or the ordinary VJP."""
        return next((rule for matches, rule in self.rules if matches(node)), vjp)
