"""What a golden attribution is computed from: the input, and everything random or free."""

# mypy: allow-subclassing-any, allow-untyped-calls, allow-untyped-decorators, no-warn-return-any
from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from torch import Tensor

STEPS = 16  # integrated gradients
NOISE = 6  # samples of SmoothGrad and VarGrad
STDEV = 0.2  # of that noise
DRAWS = 8  # samples of expected gradients
POOL = 4  # baselines they are drawn from


@dataclass(frozen=True)
class Case:
    """An input and everything random or free that the methods need besides.

    `x` [N, C, ...] and the explained class of each item `classes` [N]; `baseline` [1, C, ...];
    `noise` [N, NOISE, C, ...]; `pool` [POOL, C, ...] with `chosen` and `alphas` [N, DRAWS];
    `low` and `high` [1, C, 1...], the bounds of the z-box rule. `seed` made them.
    """

    seed: int
    x: Tensor
    classes: Tensor
    baseline: Tensor
    noise: Tensor
    pool: Tensor
    chosen: Tensor
    alphas: Tensor
    low: Tensor
    high: Tensor

    def to(self, dtype: torch.dtype) -> Case:
        tensors = {field.name: getattr(self, field.name) for field in fields(self)[1:]}
        moved = {n: t.to(dtype) for n, t in tensors.items() if t.is_floating_point()}
        return replace(self, **moved)


def draw_case(seed: int, x: Tensor, classes: Tensor, step: float) -> Case:
    """Noise, alphas and choices exactly as Captum draws them after the same seeds."""
    items, shape = len(x), x.shape[1:]
    noise = captum_noise(seed, x)
    chosen, alphas = captum_draws(seed, items)
    g = torch.Generator().manual_seed(seed + 1)
    near = torch.randn((1 + POOL, *shape), generator=g, dtype=x.dtype) / 2
    near = (near / step).round() * step
    bounds = (1, shape[0], *[1] * (len(shape) - 1))
    spread = torch.arange(shape[0], dtype=x.dtype).reshape(bounds) / 8
    low, high = x.min().floor() - spread, x.max().ceil() + spread
    return Case(seed, x, classes, near[:1], noise, near[1:], chosen, alphas, low, high)


def captum_noise(seed: int, x: Tensor) -> Tensor:
    """`NoiseTunnel` repeats each item and draws all the noise at once, in float32."""
    torch.manual_seed(seed)
    flat = torch.normal(0, torch.tensor(STDEV).repeat(len(x) * NOISE, *x.shape[1:]))
    return flat.reshape(len(x), NOISE, *x.shape[1:])


def captum_draws(seed: int, items: int) -> tuple[Tensor, Tensor]:
    """`GradientShap` draws the baselines' indices, then the alphas, for repeated items."""
    np.random.seed(seed)
    chosen = np.random.choice(POOL, DRAWS * items)
    alphas = np.random.uniform(0.0, 1.0, DRAWS * items)
    shape = (items, DRAWS)
    return torch.from_numpy(chosen.reshape(shape)), torch.from_numpy(alphas.reshape(shape))
