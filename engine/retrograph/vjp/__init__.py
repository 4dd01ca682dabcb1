"""VJP rules: how a cotangent passes from the output of each operator to its inputs."""

from __future__ import annotations

from retrograph.vjp import rules  # noqa: F401  importing the families registers their rules
from retrograph.vjp.registry import (
    Cotangents,
    Node,
    Rule,
    Unsupported,
    defvjp,
    defvjp_multi,
    nondifferentiable,
    operators,
    vjp,
)

__all__ = [
    "Cotangents",
    "Node",
    "Rule",
    "Unsupported",
    "defvjp",
    "defvjp_multi",
    "nondifferentiable",
    "operators",
    "vjp",
]
