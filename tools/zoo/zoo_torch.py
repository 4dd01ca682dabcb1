"""The zoo of PyTorch: transformers, timm and small networks, through both ONNX exporters.

    python tools/zoo/zoo_torch.py OUT [--only hf_,timm_resnet18]

Needs torch, onnxscript, transformers and timm (an environment of its own; torchvision is not
needed). All weights are random; attributions are computed in float64.
"""

# mypy: allow-subclassing-any, allow-untyped-calls, allow-untyped-decorators, no-warn-return-any
# mypy: disable-error-code="import-not-found"
from __future__ import annotations

import copy
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from types import ModuleType
from typing import Any
from unittest import mock

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from zoo_store import METHODS, Zoo, main, picture
from zoo_torch_models import FIXED, SMALL, SPELLED, TIMM, TRANSFORMERS

Make = Callable[[], nn.Module]


class RuledRelu(torch.autograd.Function):
    """min(max(x, 0), cap) with the backward rule of a method."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, cap: float, method: str) -> Tensor:
        ctx.method = method
        ctx.save_for_backward((x > 0) & (x < cap))
        return x.clamp(0, cap)

    @staticmethod
    def backward(ctx: Any, ct: Tensor) -> tuple[Tensor, None, None]:
        (mask,) = ctx.saved_tensors
        ct = ct.clamp_min(0)
        return (ct if ctx.method == "deconvnet" else ct * mask), None, None


@contextmanager
def relu_rule(method: str) -> Iterator[None]:
    """Give ReLU and ReLU6 the rule of a method."""

    def relu(x: Tensor, inplace: bool = False) -> Tensor:
        return RuledRelu.apply(x, float("inf"), method)

    def relu6(module: nn.Module, x: Tensor) -> Tensor:
        return RuledRelu.apply(x, 6.0, method)

    with ExitStack() as stack:
        if method != "gradient":
            for place in (functional, torch, Tensor):
                stack.enter_context(mock.patch.object(place, "relu", relu))
            stack.enter_context(mock.patch.object(nn.ReLU6, "forward", relu6))
        yield


class Scores(nn.Module):
    """A model's first output as a tensor."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, image: Tensor) -> Tensor:
        output = self.model(image)
        output = getattr(output, "logits", output)
        return output[0] if isinstance(output, (tuple, list)) else output


def randomise(model: nn.Module, x: Tensor) -> None:
    """Batch statistics measured, scales and shifts away from 1 and 0."""
    generator = torch.Generator().manual_seed(1)
    norms = [m for m in model.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    for norm in norms:
        norm.momentum = 0.9
        if norm.weight is not None:
            nn.init.uniform_(norm.weight, 0.7, 1.4, generator=generator)
            nn.init.normal_(norm.bias, 0.0, 0.3, generator=generator)
        norm.train()
    with torch.no_grad():
        wide = torch.cat([x, x.flip(-1), x * 0.7, -x])
        try:
            model(wide)
        finally:
            model.eval()


def attribution(model: nn.Module, x: Tensor, method: str) -> tuple[Tensor, Tensor]:
    """The scores, and what a method says of each item's highest, in float64."""
    image = x.double().requires_grad_()
    with relu_rule(method):
        scores = model(image)
        best = scores.reshape(len(x), -1).max(1).values
        (gradient,) = torch.autograd.grad(best.sum(), image)
    return scores.detach(), gradient


def export(zoo: Zoo, name: str, make: Make, shape: tuple[int, ...], opset: int, how: str) -> None:
    """Write a model, and what PyTorch says of it. `how`: script or dynamo, then _open or _still."""
    torch.manual_seed(0)
    model = Scores(make()).eval()
    batch = 1 if how.endswith("still") else 2
    x = torch.from_numpy(picture(batch, *shape))
    randomise(model, x)
    names = {0: "batch"}
    if how.endswith("open"):
        names |= {i: f"size{i}" for i in range(2, x.dim())}
    kind: dict[str, Any] = {"dynamo": False, "dynamic_axes": {"image": names}}
    if how.startswith("dynamo"):
        dims = dict.fromkeys(names, torch.export.Dim.DYNAMIC)
        kind = {"dynamo": True, "dynamic_shapes": {"image": dims}, "external_data": False}
    if how.endswith("still"):
        kind = {"dynamo": how.startswith("dynamo")}
    torch.onnx.export(
        model,
        (x,),
        str(zoo.path(name)),
        input_names=["image"],
        output_names=["scores"],
        opset_version=opset,
        verbose=False,
        **kind,
    )
    double = copy.deepcopy(model).double()
    scores, gradient = attribution(double, x, "gradient")
    attributions = {"gradient": gradient}
    for method in METHODS[1:] if not name.startswith(SPELLED) else ():
        attributions[method] = attribution(double, x, method)[1]
    arrays = {k: v.numpy().astype(np.float32) for k, v in attributions.items()}
    zoo.store(name, x.numpy(), scores.numpy(), arrays, opset)


def _transformers(name: str) -> nn.Module:
    import transformers

    config = getattr(transformers, f"{name}Config")(**TRANSFORMERS[name], num_labels=7)
    return getattr(transformers, f"{name}ForImageClassification")(config)


def _timm(name: str) -> nn.Module:
    _stand_in_for_torchvision()
    import timm

    return timm.create_model(name, pretrained=False, num_classes=9, exportable=True)


def _stand_in_for_torchvision() -> None:
    """What timm imports of torchvision and does not need for its models."""
    import importlib.abc
    import importlib.machinery
    import importlib.util

    if "torchvision" in sys.modules or importlib.util.find_spec("torchvision") is not None:
        return

    class Hollow(ModuleType):
        def __getattr__(self, attribute: str) -> Any:
            if attribute.startswith("__"):
                raise AttributeError(attribute)
            modes = ("NEAREST", "BILINEAR", "BICUBIC", "BOX", "HAMMING", "LANCZOS", "NEAREST_EXACT")
            stand_in = type(attribute, (), {mode: mode for mode in modes})
            setattr(self, attribute, stand_in)
            return stand_in

    class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
        def find_spec(self, name: str, path: Any, target: Any = None) -> Any:
            if name.split(".")[0] != "torchvision":
                return None
            return importlib.machinery.ModuleSpec(name, self, is_package=True)

        def create_module(self, spec: Any) -> ModuleType:
            return Hollow(spec.name)

        def exec_module(self, module: ModuleType) -> None:
            pass

    sys.meta_path.append(Finder())


def _makers() -> dict[str, Callable[[Zoo], None]]:
    makers: dict[str, Callable[[Zoo], None]] = {}

    def add(name: str, make: Make, shape: tuple[int, ...], *forms: tuple[str, int]) -> None:
        for how, opset in forms:
            key = f"{name}_{how}{opset}"
            makers[key] = partial(export, name=key, make=make, shape=shape, opset=opset, how=how)

    for i, (name, (make, shape)) in enumerate(SMALL.items()):
        add(name, make, shape, ("script", (11, 13, 16, 17)[i % 4]), ("dynamo", (18, 20, 23)[i % 3]))
        if name.startswith(
            ("unet", "group", "instance", "act_silu", "fn_pad", "fn_shuffle", "fn_unshuffle")
        ):
            add(name, make, shape, ("script_open", 17), ("dynamo_open", 18))
        if name.startswith(("unet", "group", "layer", "act_gelu", "adaptive")):
            add(name, make, shape, ("script_still", 9 + i % 9), ("dynamo_still", 21))
    for name in TRANSFORMERS:
        forms = ("script", 17), ("dynamo", 20)
        add(f"hf_{name}", partial(_transformers, name), (3, 64, 64), *forms)
    for i, name in enumerate(TIMM):
        size = 64
        if name.startswith(FIXED):
            size = 240 if "240" in name else 256 if "256" in name else 224
        if "nfnet" in name or "inception_v3" in name or "pnasnet" in name or "legacy" in name:
            size = 96
        add(
            f"timm_{name}",
            partial(_timm, name),
            (3, size, size),
            (("script", "script_still")[i % 2], 13 + i % 5),
        )
    return makers


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    sys.exit(main(__doc__, _makers()))
