"""Layer-wise relevance propagation and excitation backpropagation according to zennit.

zennit hooks modules by type. Every composite here stands on its base: activations and BatchNorm
pass relevance on, average pools and sums share it by contribution (`Norm`), and whatever no rule is
given to (max-pools, reshapes) propagates as the gradient. BatchNorm is merged into the layer before
it first. Relevance starts as the explained score, excitation backpropagation as 1.
"""

# mypy: allow-subclassing-any, allow-untyped-calls, allow-untyped-decorators, no-warn-return-any
from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from zennit import rules
from zennit.canonizers import AttributeCanonizer, SequentialMergeBatchNorm
from zennit.composites import (
    EpsilonAlpha2Beta1,
    EpsilonAlpha2Beta1Flat,
    EpsilonGammaBox,
    EpsilonPlus,
    EpsilonPlusFlat,
    ExcitationBackprop,
    LayerMapComposite,
    SpecialFirstLayerMapComposite,
    layer_map_base,
)
from zennit.layer import Sum
from zennit.types import Activation, Convolution, Linear

# isort: split
from method_case import Case
from method_gradients import Arrays, has_relu6
from method_networks import Join, ScoresOnly


def stacked(module: Any, body: Tensor, shortcut: Tensor) -> Tensor:
    return module.canonizer_sum(torch.stack([body, shortcut], dim=-1))


def join_map(_: str, module: nn.Module) -> dict[str, Any] | None:
    """The way zennit treats torchvision's residual blocks: the sum becomes its module `Sum`."""
    if not isinstance(module, Join):
        return None
    return {"forward": stacked.__get__(module), "canonizer_sum": Sum()}


def canonizers() -> list[Any]:
    return [SequentialMergeBatchNorm(), AttributeCanonizer(join_map)]


@dataclass(frozen=True)
class Relevance:
    """A composite, and whether it needs the bounds of the input; its parameters, for the index."""

    make: Callable[..., Any]
    options: dict[str, Any] = field(default_factory=dict)
    box: bool = False
    start: str = "score"


def everywhere(rule: Any) -> Callable[..., Any]:
    """One rule for every convolution and every fully connected layer."""

    def make(**options: Any) -> Any:
        return LayerMapComposite([*layer_map_base(), (Linear, rule(**options))], canonizers())

    return make


def first(rule: Any) -> Callable[..., Any]:
    """Epsilon-plus with another rule at the first layer."""

    def make(**options: Any) -> Any:
        above = [(Convolution, rules.ZPlus()), (Linear, rules.Epsilon())]
        return SpecialFirstLayerMapComposite(
            [*layer_map_base(), *above], [(Linear, rule(**options))], canonizers()
        )

    return make


def composite(cls: Any) -> Callable[..., Any]:
    return lambda **options: cls(canonizers=canonizers(), **options)


def passing_excitation(**options: Any) -> Any:
    """Excitation backpropagation, activations passing it on (else ReLU6's plateau stops it)."""
    passing = [(Activation, rules.Pass())]
    return ExcitationBackprop(layer_map=passing, canonizers=canonizers(), **options)


# Without a bias in its denominators a rule conserves. Epsilon, gamma and alpha-beta are left out:
# where a sum without its bias is close to 0, relevance grows past any use (1e6 on MobileNetV2).
NO_BIAS = {"zero_params": "bias"}
RELEVANCES: dict[str, Relevance] = {
    "lrp-epsilon": Relevance(everywhere(rules.Epsilon), {"epsilon": 1e-6}),
    "lrp-epsilon__quarter": Relevance(everywhere(rules.Epsilon), {"epsilon": 0.25}),
    "lrp-gamma": Relevance(everywhere(rules.Gamma), {"gamma": 0.25}),
    "lrp-zplus": Relevance(everywhere(rules.ZPlus)),
    "lrp-zplus__no_bias": Relevance(everywhere(rules.ZPlus), NO_BIAS),
    "lrp-alpha-beta": Relevance(everywhere(rules.AlphaBeta), {"alpha": 2.0, "beta": 1.0}),
    "lrp-epsilon-plus": Relevance(composite(EpsilonPlus)),
    "lrp-epsilon-plus__no_bias": Relevance(composite(EpsilonPlus), NO_BIAS),
    "lrp-epsilon-plus__first_w2": Relevance(first(rules.WSquare)),
    "lrp-epsilon-plus__first_zbox": Relevance(first(rules.ZBox), box=True),
    "lrp-epsilon-plus-flat": Relevance(composite(EpsilonPlusFlat)),
    "lrp-epsilon-gamma-box": Relevance(composite(EpsilonGammaBox), {"gamma": 0.25}, box=True),
    "lrp-epsilon-alpha2-beta1": Relevance(composite(EpsilonAlpha2Beta1)),
    "lrp-epsilon-alpha2-beta1-flat": Relevance(composite(EpsilonAlpha2Beta1Flat)),
    "excitation-backprop": Relevance(composite(ExcitationBackprop), start="one"),
    "excitation-backprop__no_bias": Relevance(composite(ExcitationBackprop), NO_BIAS, start="one"),
    "excitation-backprop__pass": Relevance(passing_excitation, start="one"),
}


def relevances(model: nn.Module, case: Case) -> Arrays:
    return {
        key: propagate(model, case, relevance)
        for key, relevance in RELEVANCES.items()
        if key != "excitation-backprop__pass" or has_relu6(model)
    }


def propagate(model: nn.Module, case: Case, relevance: Relevance) -> Tensor:
    options = dict(relevance.options)
    if relevance.box:
        options |= {"low": case.low, "high": case.high}
    x = case.x.clone().requires_grad_()
    plain = ScoresOnly(copy.deepcopy(model))  # zennit 1.0 leaves attributes behind
    with torch.no_grad():
        expected = plain(x)
    with relevance.make(**options).context(plain) as modified:
        scores = modified(x)
        if not torch.allclose(scores, expected, rtol=1e-5, atol=1e-5):
            raise RuntimeError("merging BatchNorm changed the scores")
        start = torch.zeros_like(scores)
        items = torch.arange(len(x))
        chosen = scores[items, case.classes].detach()
        start[items, case.classes] = 1 if relevance.start == "one" else chosen
        return torch.autograd.grad(scores, x, start)[0].detach()
