"""VJP rules, a file for each family of operators."""

from __future__ import annotations

from retrograph.vjp import (  # noqa: F401  importing a family registers its rules
    accumulate,
    activation,
    conv,
    einsum,
    elementwise,
    gemm,
    index,
    norm,
    pick,
    pool,
    reduce,
    resize,
    shape,
    trigonometry,
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
