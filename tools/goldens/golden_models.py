"""Small PyTorch networks in the style of well-known CNNs, for the golden files.

Every network maps one input `x` to a pair `(scores, features)`: the final class scores before
any softmax, and one convolution or ReLU feature map from the middle. The widths are tiny and the
weights random, because the files only have to exercise the operators and the wiring of the real
architectures. `golden_corner_models.py` has the networks made for one corner case each, and
`make_goldens.py` is the script that runs them all.
"""

# mypy: allow-subclassing-any, allow-untyped-calls, allow-untyped-decorators, no-warn-return-any
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

# isort: split
from golden_corner_models import (
    CLASSES,
    AsymStride,
    CeilPool,
    Cnn1d,
    Cnn3d,
    DeconvUnet,
    FunctionalRelu,
    OverlapPool,
    PaddedPool,
    Pair,
    SmoothMix,
    SoftmaxTail,
)


def conv_bn(c_in: int, c_out: int, k: int = 3, stride: int = 1, groups: int = 1) -> nn.Sequential:
    conv = nn.Conv2d(c_in, c_out, k, stride, k // 2, groups=groups, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(c_out))


class Vgg(nn.Module):
    """Plain stacks of convolution and ReLU with 2x2 pools, dropout in a two-layer head."""

    def __init__(self) -> None:
        super().__init__()
        widths = [(3, 6), (6, 8), (8, 12), (12, 12), (12, 16), (16, 16)]
        self.convs = nn.ModuleList(nn.Conv2d(a, b, 3, padding=1) for a, b in widths)
        self.relus = nn.ModuleList(nn.ReLU() for _ in widths)
        self.pool = nn.MaxPool2d(2)
        self.head = nn.Sequential(
            nn.Linear(16 * 2 * 2, 24), nn.ReLU(), nn.Dropout(), nn.Linear(24, CLASSES)
        )

    def forward(self, x: Tensor) -> Pair:
        features = x
        for i, (conv, relu) in enumerate(zip(self.convs, self.relus, strict=True)):
            x = conv(x)
            if i == 3:
                features = x  # before its ReLU
            x = relu(x)
            if i in (0, 1, 3, 5):
                x = self.pool(x)
        return self.head(torch.flatten(x, 1)), features


class BasicBlock(nn.Module):
    def __init__(self, c_in: int, c_out: int, stride: int = 1) -> None:
        super().__init__()
        self.body1 = conv_bn(c_in, c_out, 3, stride)
        self.body2 = conv_bn(c_out, c_out)
        project = stride != 1 or c_in != c_out
        self.shortcut = conv_bn(c_in, c_out, 1, stride) if project else nn.Identity()
        self.relu1, self.relu2 = nn.ReLU(), nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        return self.relu2(self.body2(self.relu1(self.body1(x))) + self.shortcut(x))


class Bottleneck(nn.Module):
    def __init__(self, c_in: int, mid: int, c_out: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__()
        self.body1 = conv_bn(c_in, mid, 1)
        self.body2 = conv_bn(mid, mid, 3, stride, groups)
        self.body3 = conv_bn(mid, c_out, 1)
        project = stride != 1 or c_in != c_out
        self.shortcut = conv_bn(c_in, c_out, 1, stride) if project else nn.Identity()
        self.relu1, self.relu2, self.relu3 = nn.ReLU(), nn.ReLU(), nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        y = self.relu2(self.body2(self.relu1(self.body1(x))))
        return self.relu3(self.body3(y) + self.shortcut(x))


class ResNet(nn.Module):
    """7x7 stride-2 stem, padded 3x3 stride-2 max-pool, basic and bottleneck blocks."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(conv_bn(3, 6, 7, 2), nn.ReLU(), nn.MaxPool2d(3, 2, 1))
        self.stage1 = nn.Sequential(BasicBlock(6, 6), BasicBlock(6, 10, 2))
        self.stage2 = nn.Sequential(Bottleneck(10, 6, 16), Bottleneck(16, 6, 16))
        self.fc = nn.Linear(16, CLASSES)

    def forward(self, x: Tensor) -> Pair:
        features = self.stage1(self.stem(x))
        pooled = functional.adaptive_avg_pool2d(self.stage2(features), 1)
        return self.fc(torch.flatten(pooled, 1)), features


class Inception(nn.Module):
    """Parallel branches, 1x7/7x1 kernels and average-pool branches with both padding counts."""

    def __init__(self) -> None:
        super().__init__()

        def conv(c_in: int, c_out: int, k: tuple[int, int]) -> nn.Sequential:
            pad = (k[0] // 2, k[1] // 2)
            return nn.Sequential(
                nn.Conv2d(c_in, c_out, k, padding=pad, bias=False),
                nn.BatchNorm2d(c_out, eps=1e-3),
                nn.ReLU(),
            )

        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, 2), nn.ReLU())
        self.a = conv(8, 4, (1, 1))
        self.b = nn.Sequential(conv(8, 4, (1, 1)), conv(4, 4, (1, 7)), conv(4, 6, (7, 1)))
        self.c = nn.Sequential(nn.AvgPool2d(3, 1, 1, count_include_pad=True), conv(8, 4, (1, 1)))
        self.d = nn.Sequential(nn.AvgPool2d(3, 1, 1, count_include_pad=False), conv(8, 4, (3, 3)))
        self.e1, self.e2 = conv(18, 6, (3, 1)), conv(18, 6, (1, 3))
        self.pool = nn.MaxPool2d(3, 2)
        self.fc = nn.Linear(30, CLASSES)

    def forward(self, x: Tensor) -> Pair:
        x = self.stem(x)
        x = torch.cat([self.a(x), self.b(x), self.c(x), self.d(x)], 1)
        features = torch.cat([self.e1(x), self.e2(x)], 1)
        x = torch.cat([self.pool(features), self.pool(x)], 1)
        return self.fc(x.mean((2, 3))), features


class DenseNet(nn.Module):
    """BatchNorm-ReLU-convolution layers that concatenate, average-pool transitions."""

    def __init__(self) -> None:
        super().__init__()

        def layer(c_in: int, c_out: int, k: int) -> nn.Sequential:
            conv = nn.Conv2d(c_in, c_out, k, padding=k // 2, bias=False)
            return nn.Sequential(nn.BatchNorm2d(c_in), nn.ReLU(), conv)

        self.stem = nn.Conv2d(3, 8, 3, padding=1, bias=False)
        self.block1 = nn.ModuleList(layer(8 + 4 * i, 4, 3) for i in range(3))
        self.transition = nn.Sequential(layer(20, 10, 1), nn.AvgPool2d(2))
        self.block2 = nn.ModuleList(layer(10 + 4 * i, 4, 3) for i in range(3))
        self.last = nn.Sequential(nn.BatchNorm2d(22), nn.ReLU(), nn.AdaptiveAvgPool2d(1))
        self.fc = nn.Linear(22, CLASSES)

    def forward(self, x: Tensor) -> Pair:
        x = self.stem(x)
        for layer in self.block1:
            x = torch.cat([x, layer(x)], 1)
        x = features = self.transition[0](x)
        x = self.transition[1](x)
        for layer in self.block2:
            x = torch.cat([x, layer(x)], 1)
        return self.fc(torch.flatten(self.last(x), 1)), features


class MobileNetV2(nn.Module):
    """Inverted residuals with a linear bottleneck; ReLU6 as a module and as a function."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(conv_bn(3, 8, 3, 2), nn.ReLU6())
        self.blocks = nn.ModuleList(
            nn.ModuleList(
                [
                    conv_bn(c_in, 3 * c_in, 1),
                    conv_bn(3 * c_in, 3 * c_in, 3, stride, 3 * c_in),
                    conv_bn(3 * c_in, c_out, 1),
                    nn.ReLU6(),
                ]
            )
            for c_in, c_out, stride in [(8, 8, 1), (8, 10, 2), (10, 10, 1)]
        )
        self.last = nn.Sequential(conv_bn(10, 24, 1), nn.ReLU6(inplace=True))
        self.fc = nn.Linear(24, CLASSES)

    def forward(self, x: Tensor) -> Pair:
        x = self.stem(x)
        features = x
        blocks: Any = self.blocks
        for i, (expand, depthwise, project, relu6) in enumerate(blocks):
            y = depthwise(relu6(expand(x)))
            if i == 1:
                features = y  # before ReLU6: the most active unit behind it would sit on the cap
            y = project(functional.relu6(y))
            x = x + y if x.shape == y.shape else y
        return self.fc(self.last(x).mean([2, 3])), features


class Dilated(nn.Module):
    """Dilated convolutions, a dilated max-pool and a context module of parallel rates."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU())
        self.pool = nn.MaxPool2d(3, 1, 1, dilation=2)
        self.d2, self.relu2 = nn.Conv2d(8, 8, 3, padding=2, dilation=2), nn.ReLU()
        self.d4, self.relu4 = nn.Conv2d(8, 8, 3, padding=4, dilation=4), nn.ReLU()
        self.context = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(8, 4, 3, padding=(r, 2 * r), dilation=(r, 2 * r), bias=False),
                nn.BatchNorm2d(4),
                nn.ReLU(),
            )
            for r in (1, 2, 3)
        )
        self.top = nn.Sequential(nn.Conv2d(12, 8, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1))
        self.fc = nn.Linear(8, CLASSES)

    def forward(self, x: Tensor) -> Pair:
        x = self.relu2(self.d2(self.pool(self.stem(x))))
        features = self.d4(x)
        x = self.relu4(features)
        x = torch.cat([branch(x) for branch in self.context], 1)
        return self.fc(torch.flatten(self.top(x), 1)), features


class Grouped(nn.Module):
    """A ResNeXt bottleneck and a ShuffleNet unit: grouped convolutions, split, shuffle."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(conv_bn(3, 8, 3, 2), nn.ReLU())
        self.resnext = Bottleneck(8, 16, 16, groups=4)
        self.unit = nn.Sequential(
            conv_bn(8, 8, 1), nn.ReLU(), conv_bn(8, 8, 3, groups=8), conv_bn(8, 8, 1), nn.ReLU()
        )
        self.reduce = nn.Sequential(conv_bn(16, 16, 3, 2, groups=4), nn.ReLU())
        self.fc = nn.Linear(16, CLASSES)

    @staticmethod
    def shuffle(x: Tensor, groups: int) -> Tensor:
        n, c, h, w = x.shape
        x = x.view(n, groups, c // groups, h, w)
        return x.transpose(1, 2).contiguous().view(n, c, h, w)

    def forward(self, x: Tensor) -> Pair:
        x = features = self.resnext(self.stem(x))
        kept, passed = x.chunk(2, 1)
        x = self.shuffle(torch.cat([kept, self.unit(passed)], 1), 2)
        x = self.shuffle(self.reduce(x), 4)
        return self.fc(x.mean((2, 3))), features


class SeHardswish(nn.Module):
    """MobileNetV3 style: squeeze-excite with hard sigmoid, hard swish, some ReLU."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(conv_bn(3, 8, 3, 2), nn.Hardswish())
        self.expand1 = nn.Sequential(conv_bn(8, 16, 1), nn.ReLU())
        self.depth1 = nn.Sequential(conv_bn(16, 16, 3, 1, 16), nn.ReLU())
        self.squeeze1 = nn.Sequential(
            nn.Conv2d(16, 6, 1), nn.ReLU(), nn.Conv2d(6, 16, 1), nn.Hardsigmoid()
        )
        self.project1 = conv_bn(16, 8, 1)
        self.expand2 = nn.Sequential(conv_bn(8, 20, 1), nn.Hardswish())
        self.depth2 = conv_bn(20, 20, 5, 2, 20)
        self.project2 = conv_bn(20, 12, 1)
        self.head = nn.Sequential(nn.Linear(12, 20), nn.Hardswish(), nn.Linear(20, CLASSES))

    def forward(self, x: Tensor) -> Pair:
        x = self.stem(x)
        y = self.depth1(self.expand1(x))
        y = y * self.squeeze1(functional.adaptive_avg_pool2d(y, 1))
        x = x + self.project1(y)
        features = self.depth2(self.expand2(x))
        x = self.project2(functional.hardswish(features))
        return self.head(x.mean((2, 3))), features


@dataclass(frozen=True)
class Arch:
    """One architecture: how to build it, its input shape, and the exports to store.

    `exports` names a TorchScript export as `ts<opset>` and a dynamo export as `dynamo`.
    `step` is the grid the input is rounded to: a coarse grid makes equal neighbours.
    """

    build: Callable[[], nn.Module]
    shape: tuple[int, ...] = (3, 32, 32)
    exports: tuple[str, ...] = ("ts11", "ts17", "dynamo")
    softmax: bool = False
    step: float = 1 / 64


ARCHS: dict[str, Arch] = {
    "vgg": Arch(Vgg),
    "resnet": Arch(ResNet),
    "inception": Arch(Inception, exports=("ts9",)),
    "densenet": Arch(DenseNet, exports=("ts13",)),
    "mobilenetv2": Arch(MobileNetV2, exports=("ts9", "ts11", "ts17", "dynamo")),
    "dilated": Arch(Dilated, exports=("dynamo",)),
    "grouped": Arch(Grouped, exports=("ts15",)),
    "overlap_pool": Arch(OverlapPool, shape=(3, 27, 27), step=1 / 2),
    "padded_pool": Arch(PaddedPool, exports=("ts9",)),
    "ceil_pool": Arch(CeilPool, shape=(3, 33, 31), exports=("ts11",)),
    "functional_relu": Arch(FunctionalRelu, exports=("ts17",)),
    "cnn1d": Arch(Cnn1d, shape=(4, 64), exports=("ts13",)),
    "cnn3d": Arch(Cnn3d, shape=(2, 8, 16, 16), exports=("dynamo",)),
    "deconv_unet": Arch(DeconvUnet, shape=(3, 24, 24), exports=("ts18",)),
    "se_hardswish": Arch(SeHardswish),
    "asym_stride": Arch(AsymStride, exports=("dynamo",)),
    "smooth_mix": Arch(SmoothMix, exports=("ts15",)),
    "softmax_tail": Arch(SoftmaxTail, shape=(3, 16, 16), exports=("ts10",), softmax=True),
}


@torch.no_grad()
def initialise(model: nn.Module, sample: Tensor, seed: int) -> nn.Module:
    """Draw every parameter, then set BatchNorm statistics near those of `sample`, jittered.

    Statistics that fit the data keep activations alive at every depth; the jitter and the random
    affine parameters keep each BatchNorm from being a no-op that a wrong rule could pass by.
    """
    g = torch.Generator().manual_seed(seed)

    def uniform(like: Tensor, low: float, high: float) -> Tensor:
        return torch.rand(like.shape, generator=g, dtype=like.dtype) * (high - low) + low

    model.double().eval()
    modules: list[Any] = list(model.modules())
    norms: list[Any] = []
    for module in modules:
        if isinstance(module, nn.PReLU):
            module.weight.copy_(uniform(module.weight, 0.1, 0.4))
        elif isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.weight.copy_(uniform(module.weight, 1.0, 3.0))
            module.bias.copy_(uniform(module.bias, -0.5, 1.5))
            module.momentum = 1.0
            norms.append(module.train())
        elif isinstance(weight := getattr(module, "weight", None), Tensor):
            transposed = isinstance(module, nn.ConvTranspose2d)
            fan_in = weight.shape[0] if transposed else weight[0].numel()
            noise = torch.randn(weight.shape, generator=g, dtype=weight.dtype)
            weight.copy_(noise * (2.0 / fan_in) ** 0.5)
            if module.bias is not None:
                module.bias.copy_(uniform(module.bias, -0.3, 0.3))
    model(sample.double())
    for norm in norms:
        spread = norm.running_var.sqrt()
        norm.running_mean.add_(uniform(spread, -0.3, 0.3) * spread)
        norm.running_var.mul_(uniform(spread, 0.6, 1.5))
        norm.momentum = 0.1
        norm.eval()
    scores = model(sample.double())[0].transpose(0, 1).flatten(1)
    last = [module for module in modules if getattr(module, "bias", None) is not None][-1]
    last.bias.sub_(scores.mean(1))  # or one class wins whatever the input
    return model.float().eval()
