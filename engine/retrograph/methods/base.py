"""A method: which rule a node takes instead of its VJP, and what is made of what comes down."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import ClassVar

from retrograph.ir.emit import Emitter
from retrograph.ir.graph import Array, Graph, Shape, Tensor
from retrograph.ir.path import Path
from retrograph.ir.patterns.activations import swishes
from retrograph.methods.descent import Descent
from retrograph.methods.quantity import GRADIENT, Quantity
from retrograph.vjp import Cotangents, Node, vjp

MethodRule = Callable[[Emitter, Node, Sequence[Tensor | None]], Cotangents]


@dataclass(frozen=True)
class Arrival:
    """What a walk brought.

    Attributes:
        x: the explained input [N, ...].
        channel: its axis that counts channels; None if there is none.
        ct: what came down to it: [N, ...], or [N * K, ...] of K units.
    """

    x: Tensor
    channel: int | None
    ct: Tensor


@dataclass(frozen=True)
class Scene:
    """What a method is applied to.

    Attributes:
        graph: canonical.
        sources: the explained inputs.
        path: from these to the target.
        target: the explained tensor.
        relus: how many nodes on the path a ReLU rule treats.
        smooth: how many other activations there are, by their operators.
    """

    graph: Graph
    sources: tuple[str, ...]
    path: Path
    target: str
    relus: int
    smooth: Counter[str]


@dataclass(frozen=True)
class Method:
    """An attribution method; what a subclass does not say is as in the gradient.

    The fields of a subclass are its parameters, recorded in the built graph. The first line of its
    docstring is its summary, the sections Formula, Shapes, Source, Use and Beware its page in
    METHODS.md.

    Attributes:
        name: as on the command line.
        title: its proper name, over pictures; the name stands there where it is "".
        quantity: what its numbers are.
        told: the parameters that a picture always says; others where they are not the usual ones.
        needs_relu: whether the method is only defined where there is a ReLU on the path.
        keeps_positive: whether a ReLU passes nothing negative by it, so that what speaks against a
            unit is lost.
        is_pointwise: whether its rules for activations look at nothing around an element, so that a
            unit needs nothing but what it sees.
        style: how it is drawn: signed, red-blue (signed, one number for each place), heat (how
            much, whatever the sign) or overlay (heat on the picture); with ",smooth" a picture's
            map is blurred a little.
    """

    name: ClassVar[str]
    title: ClassVar[str] = ""
    quantity: ClassVar[Quantity] = GRADIENT
    told: ClassVar[tuple[str, ...]] = ()
    needs_relu: ClassVar[bool] = False
    is_pointwise: ClassVar[bool] = False
    keeps_positive: ClassVar[bool] = False
    style: ClassVar[str] = "signed"

    @property
    def parameters(self) -> dict[str, float | str]:
        """By their names, as they are recorded in the built graph."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {
            name: value
            if isinstance(value, (int, float, str))
            else str("" if value is None else value)
            for name, value in values.items()
        }

    @property
    def parts(self) -> tuple[Method, ...]:
        """The methods whose attributions this one combines; itself alone where it has a walk."""
        return (self,)

    def resolved(self, find: Callable[[str], str]) -> Method:
        """The method with the layers that it names as tensors.

        Args:
            find: from an alias or a tensor's name to the tensor's.

        Raises:
            InputError: there is no such layer.
        """
        return self

    def within(self, low: Array, high: Array) -> Method:
        """The method for a picture whose values are known to lie between two bounds.

        Args:
            low, high: for each channel, with 1 for the other axes of an item.
        """
        return self

    def settled(self, graph: Graph, way: Path, sources: Sequence[str], target: str) -> Method:
        """The method with what it leaves open chosen for a path from the sources to the target.

        Raises:
            InputError: it is not defined on the path.
        """
        return self

    def rule(self, node: Node) -> MethodRule:
        """The rule for a node."""
        return vjp

    def descend(self, descent: Descent) -> dict[str, Tensor]:
        """What comes down to the explained inputs, by their names."""
        composites = swishes(descent.graph)
        found = descent.windows(self.rule, composites) if self.is_pointwise else None
        return found or descent.walk(self.rule, composites=composites)

    def notes(self, scene: Scene) -> Sequence[str]:
        """What a user should know of it on a path, a line each.

        Raises:
            InputError: it is not defined there.
        """
        return ()

    def finish(self, e: Emitter, arrival: Arrival) -> Tensor:
        """The attribution of an explained input, made of what came down."""
        return arrival.ct

    def combine(self, e: Emitter, found: Sequence[Tensor]) -> Tensor:
        """One attribution of those of the parts."""
        return found[0]

    def shape(self, shape: Shape, channel: int | None) -> Shape:
        """The shape of the attribution of an input of this shape."""
        return shape


def one_channel(shape: Shape, channel: int | None) -> Shape:
    """A shape with a single channel."""
    return tuple(1 if axis == channel else d for axis, d in enumerate(shape))
