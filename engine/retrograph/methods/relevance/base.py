"""What the methods of relevance share: the walk, and which rule a layer takes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from retrograph.errors import InputError
from retrograph.ir.emit import Emitter
from retrograph.ir.graph import Tensor
from retrograph.ir.passes.relu_spelling import is_nonnegative
from retrograph.ir.path import Path, path
from retrograph.ir.patterns.activations import activations
from retrograph.ir.patterns.linear_layers import first_layers, linear_layers, step_of
from retrograph.methods.base import Method, Scene
from retrograph.methods.descent import Descent
from retrograph.methods.quantity import CONTRIBUTION
from retrograph.methods.relevance.gates import is_gated, signal_of
from retrograph.methods.relevance.layer import Linear, in_float32, merged
from retrograph.methods.relevance.operators import operator_rule, takes_all
from retrograph.methods.relevance.rules import Bounds, Relevance, Rule
from retrograph.methods.relevance.tally import Tally
from retrograph.names import BIAS_RELEVANCE
from retrograph.vjp import Cotangents, Node
from retrograph.vjp.engine.walk import blocked
from retrograph.vjp.registry import MultiRule

BIASES = ("keep", "ignore")


@dataclass(frozen=True)
class RelevanceMethod(Method):
    """Relevance, handed down from the unit layer by layer, that no layer adds to.

    The built graph has one more output, `bias_relevance` [N] ([N, K] with many): what fell to the
    biases and to constants beside the data (what a border is padded with, a token that is joined
    on). Attribution and bias_relevance sum to the score where the rules conserve.
    """

    biases: str = field(default="keep", kw_only=True)

    style = "red-blue"
    quantity = CONTRIBUTION

    def __post_init__(self) -> None:
        if self.biases not in BIASES:
            raise InputError(f"{self.name}: biases is '{self.biases}'; give {' or '.join(BIASES)}")
        for name in ("epsilon", "gamma", "alpha", "beta"):
            value = getattr(self, name, 1.0)
            least = "above 0" if name == "epsilon" else "of 0 or more"
            if not isinstance(value, (int, float)):
                raise InputError(f"{self.name}: {name} is {value!r}; give a number {least}")
            if not math.isfinite(value) or value < 0 or (name == "epsilon" and value == 0):
                raise InputError(f"{self.name}: {name} is {value}; give a number {least}")

    def start(self, e: Emitter, y: Tensor, ct: Tensor) -> Tensor:
        """The relevance of the target: the score of the unit."""
        return e.mul(y, ct)

    def begins_with(self, score: float) -> float:
        """The relevance of a unit of that score."""
        return score

    def layer_rule(self, layer: Linear, first: bool, bounds: Bounds) -> Rule:
        """The rule of a linear layer; the first ones are those that no other lies before."""
        raise NotImplementedError

    def bounds(self, descent: Descent, way: Path) -> Bounds:
        """The least and the largest that a layer can read."""

        def unknown(layer: Linear) -> tuple[Tensor, Tensor]:
            raise NotImplementedError

        return unknown

    def descend(self, descent: Descent) -> dict[str, Tensor]:
        e, graph = descent.e, descent.graph
        way = path(graph, descent.sources, [descent.target], blocked(graph).keys())
        layers = linear_layers(graph, way)
        first = first_layers(way, layers)
        taken = {n.name for layer in layers for n in layer.nodes}
        curves = activations(graph, [n for n in way.nodes if n.name not in taken])
        bounds = self.bounds(descent, way)
        start = self.start(e, descent.given(descent.target), descent.ct)
        tally = Tally(e, graph, descent.target, start)

        def rule(node: Node) -> MultiRule:
            if node.parts and node.op == "Linear":
                return linear
            signal = signal_of(graph, node)
            return operator_rule(node, tally) if signal is None else takes_all(signal)

        def linear(e: Emitter, node: Node, cts: Cotangents) -> Cotangents:
            (r,) = cts
            assert r is not None
            step = step_of(graph, way, node.x.name)
            layer = merged(
                e,
                node,
                nonnegative=is_nonnegative(graph, node.x.name),
                step=None if step is None else descent.given(step),
            )
            above = Relevance(
                in_float32(e, r), self.biases == "keep", lambda part: tally.add(part, node.y)
            )
            found = self.layer_rule(layer, node.name in first, bounds)(layer, above)
            return [e.cast(found, node.x.dtype)]

        found = descent.walk(rule, ct=start, composites=[*layers, *curves])
        descent.outputs[BIAS_RELEVANCE] = tally.total()
        return found

    def notes(self, scene: Scene) -> Sequence[str]:
        graph, way = scene.graph, scene.path
        spelled = {n.name for curve in activations(graph, way.nodes) for n in curve.nodes}
        gated = [
            n
            for n in way.nodes
            if n.name not in spelled and way.tensors.issuperset(n.input) and is_gated(graph, n)
        ]
        if not gated:
            return ()
        return [
            f"{self.name}: of a signal times a gate the signal takes all ({len(gated)} of them)"
        ]
