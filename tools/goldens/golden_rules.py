"""Reference attributions in PyTorch: ReLU rules by a custom autograd function, and Captum's.

The three methods differ only in what a ReLU does with the gradient ct that arrives from above:

    gradient    ct * 1[x > 0]
    deconvnet   ct * 1[ct > 0]
    guided      ct * 1[ct > 0] * 1[x > 0]

For ReLU6 the mask of x is 1[0 < x < 6]. Everything else keeps its ordinary derivative. `relu_rule`
replaces every spelling of the two activations that the networks use while it is active; plain
`gradient` needs no replacement and is computed by unmodified autograd.
"""

# mypy: allow-subclassing-any, allow-untyped-calls, allow-untyped-decorators, no-warn-return-any
from __future__ import annotations

import copy
import math
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

import captum.attr
import torch
from torch import Tensor, nn
from torch.nn import functional

METHODS = ("gradient", "guided", "deconvnet")


@dataclass
class ReluLog:
    """The share of inputs above zero and at or above the cap, for every ReLU in call order."""

    alive: list[float] = field(default_factory=list)
    capped: list[float] = field(default_factory=list)


class RuledRelu(torch.autograd.Function):
    """min(max(x, 0), cap) with a chosen backward rule, optionally writing over its input."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, cap: float, method: str, inplace: bool) -> Tensor:
        ctx.method = method
        ctx.save_for_backward((x > 0) & (x < cap))
        if not inplace:
            return x.clamp(0, cap)
        ctx.mark_dirty(x)
        return x.clamp_(0, cap)

    @staticmethod
    def backward(ctx: Any, ct: Tensor) -> tuple[Tensor, None, None, None]:
        (mask,) = ctx.saved_tensors
        if ctx.method != "gradient":
            ct = ct.clamp_min(0)
        if ctx.method != "deconvnet":
            ct = ct * mask
        return ct, None, None, None


@contextmanager
def relu_rule(method: str) -> Iterator[ReluLog]:
    """Give every ReLU and ReLU6 the rule of `method`: functions, methods, modules, in place."""
    log = ReluLog()

    def apply(x: Tensor, cap: float, inplace: bool) -> Tensor:
        log.alive.append((x > 0).double().mean().item())
        if cap < math.inf:
            log.capped.append((x >= cap).double().mean().item())
        return RuledRelu.apply(x, cap, method, inplace)

    def relu(x: Tensor, inplace: bool = False) -> Tensor:
        return apply(x, math.inf, inplace)

    def relu_(x: Tensor) -> Tensor:
        return apply(x, math.inf, True)

    def relu6(x: Tensor, inplace: bool = False) -> Tensor:
        return apply(x, 6.0, inplace)

    replacements: list[tuple[Any, str, Callable[..., Tensor]]] = [
        (functional, "relu", relu),
        (functional, "relu_", relu_),
        (functional, "relu6", relu6),
        (torch, "relu", relu),
        (torch, "relu_", relu_),
        (Tensor, "relu", relu),
        (Tensor, "relu_", relu_),
        (nn.ReLU, "forward", lambda module, x: relu(x, module.inplace)),
        (nn.ReLU6, "forward", lambda module, x: relu6(x, module.inplace)),
    ]
    with ExitStack() as stack:
        for owner, name, function in replacements:
            stack.enter_context(mock.patch.object(owner, name, function))
        yield log


class OneOutput(nn.Module):
    """One of the two outputs of a network: 0 the scores, 1 the features."""

    def __init__(self, model: nn.Module, which: int) -> None:
        super().__init__()
        self.model, self.which = model, which

    def forward(self, x: Tensor) -> Tensor:
        return self.model(x)[self.which]


def top_units(output: Tensor) -> Tensor:
    """The index within each item of its greatest value, [N, rank - 1]."""
    places = output.flatten(1).argmax(1)
    return torch.stack(torch.unravel_index(places, output.shape[1:]), 1)


def pick(output: Tensor, units: Tensor) -> Tensor:
    return output[(torch.arange(len(units)), *units.T)]


def attribute(model: nn.Module, which: int, x: Tensor, units: Tensor, method: str) -> Tensor:
    """The attribution of one unit per item; items do not mix, so one backward pass does all."""
    x = x.clone().requires_grad_()
    if method == "gradient":
        chosen = pick(model(x)[which], units)
        (result,) = torch.autograd.grad(chosen.sum(), x)
    else:
        with relu_rule(method):
            chosen = pick(model(x)[which], units)
            (result,) = torch.autograd.grad(chosen.sum(), x)
    return result.detach()


def captum_attribute(model: nn.Module, which: int, x: Tensor, units: Tensor, method: str) -> Tensor:
    """What Captum answers for the same unit; it hooks `nn.ReLU` modules and nothing else."""
    cls = captum.attr.GuidedBackprop if method == "guided" else captum.attr.Deconvolution
    target = [tuple(unit) for unit in units.tolist()]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        explainer = cls(OneOutput(copy.deepcopy(model), which))
        return explainer.attribute(x.clone().requires_grad_(), target=target).detach()


def difference(a: Tensor, b: Tensor) -> float:
    """Greatest absolute difference, relative to the greatest absolute value of `b`."""
    return ((a.double() - b.double()).abs().max() / b.double().abs().max()).item()


@dataclass
class Golden:
    """The float64 reference for one network and input."""

    x: Tensor
    outputs: tuple[Tensor, Tensor]
    units: tuple[Tensor, Tensor]
    attributions: dict[tuple[str, int], Tensor]
    log: ReluLog


def reference(model: nn.Module, x: Tensor) -> Golden:
    """All six attributions, in the precision of `model` and `x`."""
    with torch.no_grad(), relu_rule("gradient") as log:
        ruled = model(x.clone())
    with torch.no_grad():
        scores, features = model(x.clone())
    if not (torch.equal(ruled[0], scores) and torch.equal(ruled[1], features)):
        raise RuntimeError("the replaced ReLU changed the forward pass")
    units = (top_units(scores), top_units(features))
    results = {(m, t): attribute(model, t, x, units[t], m) for m in METHODS for t in (0, 1)}
    for t in (0, 1):
        with relu_rule("gradient"):
            again = torch.autograd.grad(
                pick(model(probe := x.clone().requires_grad_())[t], units[t]).sum(), probe
            )[0]
        if difference(again, results["gradient", t]) > 1e-5:
            raise RuntimeError("the gradient rule differs from plain autograd")
    return Golden(x, (scores, features), units, results, log)


def disagreement(a: Golden, b: Golden) -> float:
    """Greatest relative difference of the attributions; infinite where the units differ."""
    if any(not torch.equal(p, q) for p, q in zip(a.units, b.units, strict=True)):
        return math.inf
    return max(difference(a.attributions[k], b.attributions[k]) for k in b.attributions)


@torch.no_grad()
def nudged(model: nn.Module, size: float, seed: int) -> nn.Module:
    """A copy whose every parameter is multiplied by 1 + size * normal noise."""
    g = torch.Generator().manual_seed(seed)
    model = copy.deepcopy(model)
    for p in model.parameters():
        p.mul_(1 + size * torch.randn(p.shape, generator=g, dtype=p.dtype))
    return model


def rejection(model: nn.Module, golden: Golden) -> str | None:
    """Why this input would be a bad golden, or None.

    A float32 engine must be able to reproduce the attributions, so float32 must agree with
    float64, and no nudge of the size of float32 rounding may flip a ReLU, a cap or a maximum.
    (Ties between exact zeros behind a ReLU, and between equal inputs, survive the nudge.)
    """
    if len({tuple(unit) for unit in golden.units[0].tolist()}) < len(golden.x):
        return "the items share their greatest score"
    wide = copy.deepcopy(model).double()
    if disagreement(reference(model.float(), golden.x.float()), golden) > 1e-5:
        return "float32 disagrees"
    for seed in range(4):
        x = golden.x * (1 + 1e-6 * (seed - 1.5))
        if disagreement(reference(nudged(wide, 1e-6, seed), x), golden) > 1e-4:
            return "close to a kink"
    if not all(0.03 < share < 0.97 for share in golden.log.alive):
        return "a ReLU is dead or idle"
    if golden.log.capped and sum(share > 0 for share in golden.log.capped) < 2:
        return "ReLU6 hardly reaches its cap"
    return None


def check_first_maximum() -> None:
    """On the CPU, torch's max-pool takes the first of equal maxima in row-major order.

    The golden files rely on it, so it is verified here for both precisions, every rank, padding,
    overlap, ceil_mode and dilation, against a loop over windows of inputs full of ties.
    """
    cases: list[dict[str, Any]] = [
        {"kernel_size": 2, "stride": 2},
        {"kernel_size": 3, "stride": 2, "padding": 1},
        {"kernel_size": 3, "stride": 2, "ceil_mode": True},
        {"kernel_size": 3, "stride": 1, "padding": 1, "dilation": 2},
    ]
    pools = {1: functional.max_pool1d, 2: functional.max_pool2d, 3: functional.max_pool3d}
    g = torch.Generator().manual_seed(0)
    for dtype in (torch.float32, torch.float64):
        for rank, pool in pools.items():
            for case in cases:
                x = torch.randint(-2, 1, (1, 1, *[9] * rank), generator=g).to(dtype)
                x.requires_grad_()
                y = pool(x, **case)
                weights = torch.arange(1, y.numel() + 1, dtype=dtype).reshape(y.shape)
                (actual,) = torch.autograd.grad(y, x, weights)
                expected = torch.zeros_like(x)
                step, dilation = case["stride"], case.get("dilation", 1)
                taps = torch.cartesian_prod(*[torch.arange(case["kernel_size"])] * rank)
                taps = taps.reshape(-1, rank) * dilation - case.get("padding", 0)
                for place in torch.cartesian_prod(*[torch.arange(n) for n in y.shape[2:]]).reshape(
                    -1, rank
                ):
                    inside = [p for p in (place * step + taps).tolist() if 0 <= min(p) < 9 > max(p)]
                    first = max(inside, key=lambda p: x[(0, 0, *p)].item())  # the first of equals
                    expected[(0, 0, *first)] += weights[(0, 0, *place.tolist())]
                if not torch.equal(actual, expected):
                    raise RuntimeError(f"max_pool{rank}d does not take the first maximum: {case}")
