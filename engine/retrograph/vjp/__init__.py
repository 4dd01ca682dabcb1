"""VJP rules, a file for each family of operators."""

from __future__ import annotations

from retrograph.vjp import (  # noqa: F401  importing a family registers its rules
    accumulate,
    activation,
    affine_grid,
    batch_norm,
    control,
    conv,
    deform,
    einsum,
    elementwise,
    gate,
    gemm,
    generate,
    index,
    lp_pool,
    matrix,
    mean_variance,
    norm,
    pick,
    pool,
    rearrange,
    reduce,
    resize,
    roi,
    roi_align,
    sample,
    scatter,
    sequence,
    shape,
    spectral,
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
