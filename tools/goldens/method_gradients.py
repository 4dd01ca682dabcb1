"""The gradient family according to Captum, and class activation maps according to grad-cam.

What no tool offers is written here from its paper, over autograd alone: RectGrad. So is what a tool
does not do: ReLU6 (guided backpropagation and DeepLIFT in Captum hook `nn.ReLU` only), and DeepLIFT
through a max-pool that follows a ReLU (the ReLU reads its cotangent before the pool's rule has
changed it) or whose windows overlap (Captum unpools, and one window overwrites the other). The
tool's own answer is kept beside it, as the variant `captum`.
"""

# mypy: allow-subclassing-any, allow-untyped-calls, allow-untyped-decorators, no-warn-return-any
from __future__ import annotations

import copy
import math
import warnings
from typing import Any
from unittest import mock

import captum.attr
import numpy as np
import torch
from captum.attr._core import deep_lift
from pytorch_grad_cam import GradCAM, GradCAMPlusPlus, LayerCAM
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torch import Tensor, nn
from torch.nn import functional

# isort: split
from golden_rules import relu_rule
from method_case import DRAWS, NOISE, STDEV, STEPS, Case
from method_networks import ScoresOnly, scores_of

Arrays = dict[str, Tensor]
SCHEMES = ("gausslegendre", "riemann_left", "riemann_right", "riemann_middle", "riemann_trapezoid")
PERCENTILES = (80, 98)


def gradient(model: nn.Module, case: Case) -> Tensor:
    x = case.x.clone().requires_grad_()
    return torch.autograd.grad(scores_of(model, x, case.classes).sum(), x)[0]


def gradient_family(model: nn.Module, case: Case) -> Arrays:
    """Captum: saliency, input x gradient, integrated and expected gradients, noise tunnels."""
    explained = ScoresOnly(model)
    x, target = case.x, case.classes
    plain = captum.attr.Saliency(explained)
    arrays = {
        "gradient": gradient(model, case),
        "saliency": plain.attribute(x.clone(), target),
        "input-x-gradient": captum.attr.InputXGradient(explained).attribute(x.clone(), target),
    }
    integrated = captum.attr.IntegratedGradients(explained)
    for scheme in SCHEMES:
        for name, baseline in (("zero", 0 * case.baseline), ("baseline", case.baseline)):
            if name == "baseline" or scheme in ("gausslegendre", "riemann_trapezoid"):
                arrays[f"integrated-gradients__{scheme}_{name}"] = integrated.attribute(
                    x, baseline.expand_as(x), target, n_steps=STEPS, method=scheme
                )
    tunnel = captum.attr.NoiseTunnel(plain)
    for method in ("smoothgrad", "vargrad"):
        torch.manual_seed(case.seed)
        arrays[method] = tunnel.attribute(
            x, nt_type=method, nt_samples=NOISE, stdevs=STDEV, target=target, abs=False
        )
    np.random.seed(case.seed)
    arrays["expected-gradients"] = captum.attr.GradientShap(explained).attribute(
        x, case.pool, n_samples=DRAWS, stdevs=0.0, target=target
    )
    return {key: array.detach() for key, array in arrays.items()}


def formulas(model: nn.Module, case: Case) -> Arrays:
    """The sampled methods again, from the stored samples and the definitions alone."""

    def gradients_at(points: Tensor) -> Tensor:
        """[N, S, C, ...], in and out."""
        items, samples = points.shape[:2]
        flat = points.flatten(0, 1).detach().requires_grad_()
        classes = case.classes.repeat_interleave(samples)
        (g,) = torch.autograd.grad(scores_of(model, flat, classes).sum(), flat)
        return g.reshape(items, samples, *points.shape[2:])

    x = case.x[:, None]
    noisy = gradients_at(x + case.noise)
    below = case.pool[case.chosen]
    alphas = case.alphas.reshape(*case.alphas.shape, *[1] * (case.x.dim() - 1))
    expected = (x - below) * gradients_at(below + alphas * (x - below))
    return {
        "smoothgrad": noisy.mean(1),
        "vargrad": noisy.var(1, unbiased=False),
        "expected-gradients": expected.mean(1),
    }


# --- class activation maps ------------------------------------------------------------------------


class FlatPicture(nn.Module):
    """A signal [N, C, L] as grad-cam wants it: a picture [N, C, 1, L] of one row."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> Tensor:
        return self.model(x.squeeze(2))


def activation_maps(model: Any, case: Case) -> Arrays:
    """The raw signed map at the resolution of the features, and what the tool makes of it."""
    signal = case.x.dim() == 3
    explained = FlatPicture(ScoresOnly(model)) if signal else ScoresOnly(model)
    x = case.x.unsqueeze(2) if signal else case.x
    targets = [ClassifierOutputTarget(c) for c in case.classes.tolist()]
    arrays = {}
    for method, cls in (
        ("grad-cam", GradCAM),
        ("grad-cam-plus-plus", GradCAMPlusPlus),
        ("layer-cam", LayerCAM),
    ):
        shape = (lambda t: t.unsqueeze(2)) if signal else None
        raw: list[Any] = []
        with cls(explained, [model.body], shape) as explainer:
            image = explainer.get_cam_image
            explainer.get_cam_image = lambda *a, f=image, r=raw: r.append(f(*a)) or r[-1]
            finished = torch.from_numpy(explainer(x, targets))
        signed = torch.from_numpy(raw[0])
        arrays[method] = signed.squeeze(1) if signal else signed
        arrays[f"{method}__tool"] = finished.squeeze(1) if signal else finished
    return arrays


def guided_grad_cam(model: Any, case: Case) -> Arrays:
    """Guided backpropagation times the enlarged ReLU(Grad-CAM); Captum's hooks miss ReLU6."""
    explained = ScoresOnly(model)
    coarse = captum.attr.LayerGradCam(explained, model.body).attribute(
        case.x, case.classes, relu_attributions=True
    )
    large = functional.interpolate(coarse.detach(), case.x.shape[2:], mode="nearest")
    with relu_rule("guided"):
        guided = gradient(model, case)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = captum.attr.GuidedGradCam(explained, model.body).attribute(
            case.x.clone(), case.classes
        )
    arrays = {"guided-grad-cam": guided * large}
    if has_relu6(model):
        arrays["guided-grad-cam__captum"] = theirs.detach()
    elif not torch.allclose(theirs, arrays["guided-grad-cam"], rtol=1e-4, atol=1e-6):
        raise RuntimeError("Captum's guided Grad-CAM differs")
    return arrays


def has_relu6(model: nn.Module) -> bool:
    return any(isinstance(module, nn.ReLU6) for module in model.modules())


# --- DeepLIFT -------------------------------------------------------------------------------------


def rescaled_pool(
    module: Any, inputs: Tensor, outputs: Tensor, grad_in: Tensor, grad_out: Tensor, eps: float
) -> Tensor:
    """The multiplier of a max-pool whose windows may overlap; the halves are input, baseline.

    With y and y0 the maxima of a window and m = max(y, y0), the place of y receives m - y0 and
    the place of y0 receives y - m, both times the multiplier from above; what a place receives
    from all its windows is divided by its own difference from the baseline.
    """
    one = inputs.dim() == 3
    pool = functional.max_pool1d if one else functional.max_pool2d
    shape = (module.kernel_size, module.stride, module.padding, module.dilation)
    _, places = pool(inputs, *shape, module.ceil_mode, return_indices=True)
    y, y0 = outputs.chunk(2)
    higher = torch.maximum(y, y0)
    shares = torch.cat([higher - y0, y - higher]) * grad_out
    received = torch.zeros_like(inputs).flatten(2)
    received.scatter_add_(2, places.flatten(2), shares.flatten(2))
    both = sum(received.reshape(inputs.shape).chunk(2))
    x, x0 = inputs.chunk(2)
    delta = x - x0
    multiplier = torch.where(delta.abs() < eps, grad_in.chunk(2)[0], both / delta)
    return torch.cat([multiplier, multiplier])


class Copy(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.clone()


def separated(model: nn.Module) -> nn.Module:
    """A copy whose max-pools have an input tensor of their own, for Captum's hooks."""
    model = copy.deepcopy(model)
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.MaxPool1d | nn.MaxPool2d):
                setattr(parent, name, nn.Sequential(Copy(), child))
    return model


def deeplift(model: nn.Module, case: Case) -> Arrays:
    """Captum's Rescale rule with ReLU6 and max-pools put right, and as it stands."""
    rules: dict[Any, Any] = {
        nn.ReLU6: deep_lift.nonlinear,
        nn.MaxPool1d: rescaled_pool,
        nn.MaxPool2d: rescaled_pool,
    }
    arrays = {}
    for name, baseline in (("zero", 0 * case.baseline), ("baseline", case.baseline)):
        for variant, net, patch in (
            (name, separated(model), rules),
            (f"{name}_captum", model, dict[Any, Any]()),
        ):
            explainer = captum.attr.DeepLift(ScoresOnly(net))
            with warnings.catch_warnings(), mock.patch.dict(deep_lift.SUPPORTED_NON_LINEAR, patch):
                warnings.simplefilter("ignore")
                arrays[f"deeplift-rescale__{variant}"] = explainer.attribute(
                    case.x.clone(), baseline.expand_as(case.x), case.classes
                ).detach()
    return arrays


# --- RectGrad -------------------------------------------------------------------------------------


class Rectified(torch.autograd.Function):
    """a = min(max(x, 0), cap); backward R 1[a R > tau], tau the q-th percentile of an item's a R.

    `closed` gives the plateau of ReLU6 its derivative first: R 1[x < cap].
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, cap: float, percentile: float, closed: bool) -> Tensor:
        a = x.clamp(0, cap)
        ctx.percentile, ctx.closed = percentile, closed
        ctx.save_for_backward(a, x < cap)
        return a

    @staticmethod
    def backward(ctx: Any, r: Tensor) -> tuple[Tensor, None, None, None]:
        a, below = ctx.saved_tensors
        if ctx.closed:
            r = r * below
        shares = a * r
        tau = torch.quantile(shares.flatten(1), ctx.percentile / 100, dim=1)
        return r * (shares > tau.reshape(-1, *[1] * (r.dim() - 1))), None, None, None


def rectgrad(model: nn.Module, case: Case) -> Arrays:
    """The gradient that arrives at the input; the paper then multiplies it by the input."""
    arrays = {}
    for percentile in PERCENTILES:
        for closed in (False, True) if has_relu6(model) else (False,):

            def relu(_: Any, x: Tensor, q: float = percentile, shut: bool = closed) -> Tensor:
                return Rectified.apply(x, math.inf, q, shut)

            def relu6(_: Any, x: Tensor, q: float = percentile, shut: bool = closed) -> Tensor:
                return Rectified.apply(x, 6.0, q, shut)

            with (
                mock.patch.object(nn.ReLU, "forward", relu),
                mock.patch.object(nn.ReLU6, "forward", relu6),
            ):
                name = f"rectgrad__q{percentile}" + "_closed" * closed
                arrays[name] = gradient(model, case)
    return arrays
