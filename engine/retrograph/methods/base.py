"""A method: which rule a node takes instead of its VJP, and what is made of what comes down."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import ClassVar

from retrograph.ir.emit import Emitter
from retrograph.ir.graph import Shape, Tensor
from retrograph.vjp import Cotangents, Node, vjp

MethodRule = Callable[[Emitter, Node, Sequence[Tensor | None]], Cotangents]


@dataclass(frozen=True)
class Method:
    """An attribution method; what a subclass does not say is as in the gradient.

    The fields of a subclass are its parameters, recorded in the built graph. The first line of its
    docstring is its summary, the sections Formula, Shapes, Source, Use and Beware its page in
    METHODS.md.

    Attributes:
        name: as on the command line.
        needs_relu: whether the method is only defined where there is a ReLU on the path.
    """

    name: ClassVar[str]
    needs_relu: ClassVar[bool] = False

    @property
    def parameters(self) -> dict[str, float | str]:
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def rule(self, node: Node) -> MethodRule:
        """The rule for a node."""
        return vjp

    def finish(self, e: Emitter, x: Tensor, ct: Tensor, channel: int | None) -> Tensor:
        """The attribution of an explained input, made of what came down to it.

        Args:
            e: emits.
            x: the input [N, ...].
            ct: what came down, [N, ...], or [N * K, ...] of K units.
            channel: the axis that counts channels, if there is one.
        """
        return ct

    def shape(self, shape: Shape, channel: int | None) -> Shape:
        """The shape of the attribution of an input of this shape."""
        return shape
