"""VJP rules, a file for each family of operators."""

from __future__ import annotations

from retrograph.vjp import (  # noqa: F401  importing a family registers its rules
    activation,
    conv,
    elementwise,
    gemm,
    index,
    norm,
    pool,
    reduce,
    resize,
    shape,
)
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
