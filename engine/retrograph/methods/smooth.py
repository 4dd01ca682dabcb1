"""Smooth activations under the rules of ReLU: the user's choice.

A Swish, GELU, HardSwish or Mish y = f(x) is no ReLU: the papers' rules do not say what passes it.
With "relu-only" it takes its ordinary derivative, dx = ct * f'(x). With "gate" it is treated as the
ReLU that it stands for, by a formula of each method that is the method's own where f is a ReLU.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from retrograph.errors import InputError, parameter
from retrograph.ir.emit import Emitter
from retrograph.ir.graph import Tensor
from retrograph.ir.op_traits import GATES
from retrograph.ir.patterns.activations import activations, is_gate
from retrograph.methods.base import Method, MethodRule, Scene
from retrograph.methods.descent import Descent
from retrograph.vjp import Cotangents, Node, vjp

CHOICES = ("gate", "relu-only")


@dataclass(frozen=True)
class ReluMethod(Method):
    """A method that has a rule of its own for ReLUs, and so a choice for what is like one."""

    activations: str = field(default="", kw_only=True)

    needs_relu = True

    def __post_init__(self) -> None:
        if self.activations not in ("", *CHOICES):
            raise InputError(
                f"{self.name}: activations is '{self.activations}'; give {' or '.join(CHOICES)}"
            )

    def descend(self, descent: Descent) -> dict[str, Tensor]:
        graph = descent.graph
        if self.activations != "gate":
            return super().descend(descent)
        gates = [c for c in activations(graph, graph.nodes) if is_gate(graph, c)]
        return descent.walk(self.rule, composites=gates)

    def rule(self, node: Node) -> MethodRule:
        if node.is_relu:
            return self.rectified
        if self.activations == "gate" and (node.parts or node.op in GATES):
            return self.gated
        return vjp

    def notes(self, scene: Scene) -> Sequence[str]:
        return relu_notes(self.name, self.activations, scene)

    def rectified(self, e: Emitter, node: Node, cts: Sequence[Tensor | None]) -> Cotangents:
        """What a ReLU passes."""
        raise NotImplementedError

    def gated(self, e: Emitter, node: Node, cts: Sequence[Tensor | None]) -> Cotangents:
        """What a smooth activation passes that is treated as a ReLU."""
        raise NotImplementedError


def relu_notes(name: str, choice: str, scene: Scene) -> list[str]:
    """What is to be known of a rule for ReLUs on a path.

    Raises:
        InputError: there is no ReLU and nothing is chosen for what stands in its place.
    """
    gates = Counter({op: n for op, n in scene.smooth.items() if op in GATES})
    if scene.smooth and choice == "gate" and gates:
        others = scene.smooth - gates
        rest = f", and the ordinary derivative at {_listed(others)}" if others else ""
        return [f"{name}: the rule of a ReLU at {_listed(gates)}{rest} (activations: gate)"]
    if scene.relus or (scene.smooth and choice):
        ordinary = f"{name}: the ordinary derivative at {_listed(scene.smooth)} on the path"
        return [ordinary] if scene.smooth else []
    if scene.smooth:
        raise InputError(
            f"'{name}' is a rule for ReLUs and there is none between '{scene.target}' and the "
            f"input (only {_listed(scene.smooth)}); choose what it does there with "
            f"{parameter('activations', 'gate')} or relu-only (METHODS.md), or use "
            f"{parameter('method', 'gradient')}"
        )
    if not scene.graph.relu_like:
        raise InputError(
            f"'{name}' is a rule for ReLUs and there is none between '{scene.target}' and the "
            f"input (nor anywhere in the model); use {parameter('method', 'gradient')}"
        )
    return [f"{name}: no ReLU below '{scene.target}', so it equals the gradient"]


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {op}" for op, count in sorted(counts.items()))
