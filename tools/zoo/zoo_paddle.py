"""The zoo of PaddlePaddle: paddle.vision.models and small networks, through paddle2onnx.

    python tools/zoo/zoo_paddle.py OUT [--only resnet18]

Needs paddlepaddle, paddle2onnx and what its Polygraphy wants: onnx-graphsurgeon, onnxruntime,
sympy (an environment of its own). All weights are random.
"""

# mypy: allow-subclassing-any, allow-untyped-calls, allow-untyped-decorators, no-warn-return-any
# mypy: disable-error-code="import-not-found,misc"
from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any
from unittest import mock

os.environ.setdefault("POLYGRAPHY_AUTOINSTALL_DEPS", "0")

import numpy as np
import paddle
from paddle import nn
from paddle.autograd import PyLayer
from paddle.nn import functional
from paddle.vision import models

from zoo_store import METHODS, Array, Zoo, main, picture

Make = Callable[[], Any]


class RuledRelu(PyLayer):
    """min(max(x, 0), cap) with the backward rule of a method."""

    @staticmethod
    def forward(ctx: Any, x: Any, cap: float, method: str) -> Any:
        ctx.method = method
        ctx.save_for_backward(paddle.cast((x > 0) & (x < cap), x.dtype))
        return paddle.clip(x, 0.0, cap)

    @staticmethod
    def backward(ctx: Any, ct: Any) -> Any:
        (mask,) = ctx.saved_tensor()
        ct = paddle.clip(ct, 0.0, 1e30)
        return ct if ctx.method == "deconvnet" else ct * mask


@contextmanager
def relu_rule(method: str) -> Iterator[None]:
    """Give ReLU and ReLU6 the rule of a method."""

    def relu(x: Any, name: Any = None) -> Any:
        return RuledRelu.apply(x, 1e30, method)

    def relu6(x: Any, name: Any = None) -> Any:
        return RuledRelu.apply(x, 6.0, method)

    with ExitStack() as stack:
        if method != "gradient":
            for place in {functional, sys.modules[nn.ReLU.__module__].F}:
                stack.enter_context(mock.patch.object(place, "relu", relu))
                stack.enter_context(mock.patch.object(place, "relu6", relu6))
        yield


def randomise(model: Any) -> None:
    """Batch statistics and scales away from 0 and 1, so that ReLUs cut and layers differ."""
    random = np.random.default_rng(1)
    for layer in model.sublayers():
        if isinstance(layer, nn.layer.norm._BatchNormBase | nn.BatchNorm):
            size = layer.weight.shape
            layer.weight.set_value(random.uniform(0.8, 1.4, size).astype(np.float32))
            layer.bias.set_value(random.normal(0, 0.2, size).astype(np.float32))
            layer._mean.set_value(random.normal(0, 0.2, size).astype(np.float32))
            layer._variance.set_value(random.uniform(0.5, 1.5, size).astype(np.float32))


def attribution(model: Any, x: Array, method: str) -> tuple[Array, Array]:
    """The scores, and what a method says of each item's highest."""
    image = paddle.to_tensor(x, stop_gradient=False)
    with relu_rule(method):
        scores = model(image)
        scores = scores[0] if isinstance(scores, (tuple, list)) else scores
        best = paddle.max(paddle.reshape(scores, [len(x), -1]), axis=1)
        (gradient,) = paddle.grad(best.sum(), image)
    return scores.numpy(), gradient.numpy()


def export(zoo: Zoo, name: str, make: Make, shape: tuple[int, ...], opset: int, dims: Any) -> None:
    """Write a model, and what Paddle says of it."""
    paddle.seed(0)
    model = make()
    randomise(model)
    model.eval()
    x = picture(2 if dims[0] is None else 1, *shape)
    path = str(zoo.path(name)).removesuffix(".onnx")
    spec = [paddle.static.InputSpec(dims, "float32", "image")]
    arrays = {}
    for method in METHODS:
        scores, arrays[method] = attribution(model, x, method)
    paddle.onnx.export(model, path, input_spec=spec, opset_version=opset)
    zoo.store(name, x, scores, arrays, opset)


class UNet(nn.Layer):
    """Down, and up again."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self.how = how
        self.first, self.second = nn.Conv2D(3, 8, 3, padding=1), nn.Conv2D(8, 8, 3, padding="SAME")
        self.grow = nn.Conv2DTranspose(8, 8, 3, 2, 1, output_padding=1)
        self.last = nn.Conv2D(16, 3, 3, padding=2, dilation=2)

    def forward(self, image: Any) -> Any:
        a = functional.relu(self.first(image))
        b = functional.relu(self.second(functional.max_pool2d(a, 2)))
        if self.how == "transpose":
            b = functional.relu(self.grow(b))
        else:
            mode, corners = (*self.how.split("_"), "")[:2]
            b = functional.interpolate(b, scale_factor=2, mode=mode, align_corners=corners == "c")
        return self.last(paddle.concat([a, b], axis=1))


class Call(nn.Layer):
    """A function as a layer."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Any) -> Any:
        return self.function(x)


def _net(*middle: Any, channels: int = 8) -> Any:
    ends = nn.AdaptiveAvgPool2D(1), nn.Flatten(), nn.Linear(channels, 5)
    return nn.Sequential(nn.Conv2D(3, 8, 3, 2), nn.ReLU(), *middle, *ends)


def _small() -> dict[str, tuple[Make, tuple[int, ...]]]:
    f = functional
    makers: dict[str, tuple[Make, tuple[int, ...]]] = {}
    for how in ("transpose", "nearest", "bilinear", "bilinear_c", "bicubic"):
        makers[f"unet_{how}"] = (lambda how=how: UNet(how)), (3, 16, 16)
    kinds = (
        "Hardswish Hardsigmoid Swish GELU Mish ELU SELU CELU "
        "Softplus Softsign LeakyReLU PReLU ReLU6 ThresholdedReLU LogSigmoid Hardtanh Tanhshrink"
    )
    for kind in kinds.split():
        makers[f"act_{kind}"] = (
            (lambda kind=kind: _net(nn.Conv2D(8, 8, 3), getattr(nn, kind)())),
            (3, 16, 16),
        )
    layers: dict[str, Make] = {
        "group": lambda: _net(nn.GroupNorm(2, 8), nn.ReLU()),
        "instance": lambda: _net(nn.InstanceNorm2D(8), nn.ReLU()),
        "layer": lambda: _net(nn.LayerNorm([8, 7, 7]), nn.ReLU()),
        "lrn": lambda: _net(nn.LocalResponseNorm(3)),
        "dropout": lambda: _net(nn.Dropout2D(), nn.Dropout(0.3)),
        "shuffle": lambda: _net(
            nn.Conv2D(8, 8, 2), nn.ChannelShuffle(2), nn.PixelShuffle(2), channels=2
        ),
        "pools": lambda: _net(
            nn.MaxPool2D(3, 2, 1, ceil_mode=True),
            nn.AvgPool2D(2, 1, 1, exclusive=False),
            nn.AvgPool2D(3, 1, 1),
        ),
        "adaptive": lambda: _net(nn.AdaptiveMaxPool2D(3), nn.Conv2D(8, 8, 2)),
        "adaptive_avg": lambda: _net(nn.AdaptiveAvgPool2D(3), nn.Conv2D(8, 8, 2)),
        "pad": lambda: _net(
            nn.Pad2D([1, 2, 0, 1], "reflect"),
            nn.Pad2D(1, "replicate"),
            nn.ZeroPad2D(1),
            nn.Conv2D(8, 8, 2),
        ),
        "same": lambda: _net(
            nn.Conv2D(8, 8, 3, 2, padding="SAME"), nn.ReLU(), nn.Conv2D(8, 8, 3, padding="VALID")
        ),
        "clip": lambda: _net(nn.Conv2D(8, 8, 3), Call(lambda a: paddle.clip(a, 0.0, 1.0))),
        "maximum": lambda: _net(
            nn.Conv2D(8, 8, 3), Call(lambda a: paddle.maximum(a, paddle.zeros_like(a)))
        ),
        "squeeze": lambda: _net(
            Call(lambda a: a * f.sigmoid(a.mean([2, 3], keepdim=True)) + a.max(1, keepdim=True))
        ),
        "normalize": lambda: _net(Call(lambda a: f.normalize(a, axis=1))),
        "split": lambda: _net(
            Call(lambda a: paddle.concat(paddle.split(a, 2, 1)[::-1], 1) * f.softmax(a, 1))
        ),
        "unfold": lambda: _net(
            Call(lambda a: f.unfold(a, 2, 1).reshape([-1, 32, 6, 6])), channels=32
        ),
        "hard_attention": lambda: _net(Call(lambda a: paddle.matmul(a, a, transpose_y=True) * 0.1)),
    }
    return makers | {name: (make, (3, 16, 16)) for name, make in layers.items()}


MODELS: dict[str, tuple[int, int]] = {
    "alexnet": (96, 11),
    "resnet18": (64, 9),
    "resnet50": (64, 13),
    "resnext50_32x4d": (64, 15),
    "vgg11": (32, 11),
    "mobilenet_v1": (64, 11),
    "mobilenet_v2": (64, 13),
    "mobilenet_v3_small": (64, 14),
    "mobilenet_v3_large": (64, 16),
    "densenet121": (64, 12),
    "squeezenet1_0": (64, 9),
    "squeezenet1_1": (64, 16),
    "shufflenet_v2_x0_25": (64, 11),
    "shufflenet_v2_swish": (64, 15),
    "inception_v3": (96, 13),
    "googlenet": (64, 11),
    "LeNet": (28, 10),
}


def _makers() -> dict[str, Callable[[Zoo], None]]:
    makers: dict[str, Callable[[Zoo], None]] = {}
    for i, (name, (size, opset)) in enumerate(MODELS.items()):
        make = partial(getattr(models, name), num_classes=10)
        channels = 1 if name == "LeNet" else 3
        open_sizes = [
            None,
            channels,
            *([None, None] if i % 3 == 1 and name != "vgg11" else [size, size]),
        ]
        shape = (channels, size, size)
        makers[name] = partial(
            export, name=name, make=make, shape=shape, opset=opset, dims=open_sizes
        )
    for i, (name, (small, dims)) in enumerate(_small().items()):
        for opset, lead in ((11 + i % 3, None), (15 + i % 3, 1)):
            key = f"{name}_{opset}"
            makers[key] = partial(
                export, name=key, make=small, shape=dims, opset=opset, dims=[lead, *dims]
            )
    return makers


if __name__ == "__main__":
    sys.exit(main(__doc__, _makers()))
