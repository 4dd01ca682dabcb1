"""Small PyTorch networks for the golden attributions of whole families of methods.

Every network maps `x` to `(scores, features)`: class scores before any softmax, and the feature map
that class activation maps look at. Reference tools hook modules, so everything that a tool may give
a rule is a module of its own, used once and defined in the order it runs: activations, pools, and
the sum of a residual block too.
"""

# mypy: allow-subclassing-any, allow-untyped-calls, allow-untyped-decorators, no-warn-return-any
from __future__ import annotations

import torch
from torch import Tensor, nn

# isort: split
from golden_corner_models import CLASSES, Pair
from golden_models import Arch, conv_bn


class Join(nn.Module):
    """The sum of a residual block and its shortcut."""

    def forward(self, body: Tensor, shortcut: Tensor) -> Tensor:
        return body + shortcut


class TwoParts(nn.Module):
    """The features of `body`, and the scores that `head` makes of them."""

    def __init__(self, body: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.body, self.head = body, head

    def forward(self, x: Tensor) -> Pair:
        features = self.body(x)
        return self.head(features), features


class ScoresOnly(nn.Module):
    """What the reference tools explain: the first output alone."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> Tensor:
        return self.model(x)[0]


class Residual(nn.Module):
    """ReLU(body + shortcut); without `after`, the sum itself (a linear bottleneck)."""

    def __init__(self, body: nn.Module, shortcut: nn.Module, after: nn.Module) -> None:
        super().__init__()
        self.body, self.shortcut, self.join, self.after = body, shortcut, Join(), after

    def forward(self, x: Tensor) -> Tensor:
        return self.after(self.join(self.body(x), self.shortcut(x)))


def vgg() -> nn.Module:
    """Convolution, ReLU, 2x2 max-pool; fully connected layers with dropout."""
    body = nn.Sequential(
        *(nn.Conv2d(3, 6, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(6, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(8, 12, 3, padding=1), nn.ReLU()),
        *(nn.Conv2d(12, 12, 3, padding=1), nn.ReLU()),
    )
    head = nn.Sequential(
        *(nn.MaxPool2d(2), nn.Flatten(), nn.Linear(12 * 3 * 2, 24), nn.ReLU()),
        *(nn.Dropout(), nn.Linear(24, CLASSES)),
    )
    return TwoParts(body, head)


def basic(c_in: int, c_out: int, stride: int = 1) -> nn.Module:
    body = nn.Sequential(conv_bn(c_in, c_out, 3, stride), nn.ReLU(), conv_bn(c_out, c_out))
    same = stride == 1 and c_in == c_out
    shortcut = nn.Identity() if same else conv_bn(c_in, c_out, 1, stride)
    return Residual(body, shortcut, nn.ReLU())


def bottleneck(c_in: int, mid: int, c_out: int) -> nn.Module:
    body = nn.Sequential(
        *(conv_bn(c_in, mid, 1), nn.ReLU(), conv_bn(mid, mid), nn.ReLU(), conv_bn(mid, c_out, 1))
    )
    return Residual(body, conv_bn(c_in, c_out, 1), nn.ReLU())


def resnet() -> nn.Module:
    """7x7 stem, overlapping max-pool, basic blocks and a bottleneck, global average."""
    stem = (conv_bn(3, 6, 7, 2), nn.ReLU(), nn.MaxPool2d(3, 2, 1))
    body = nn.Sequential(*stem, basic(6, 6), basic(6, 10, 2), bottleneck(10, 6, 16))
    head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, CLASSES))
    return TwoParts(body, head)


def inverted(c_in: int, c_out: int, stride: int) -> nn.Module:
    wide = 3 * c_in
    body = nn.Sequential(
        *(conv_bn(c_in, wide, 1), nn.ReLU6()),
        *(conv_bn(wide, wide, 3, stride, wide), nn.ReLU6()),
        conv_bn(wide, c_out, 1),
    )
    same = stride == 1 and c_in == c_out
    return Residual(body, nn.Identity(), nn.Identity()) if same else body


def mobilenetv2() -> nn.Module:
    """Depthwise convolutions between ReLU6, linear bottlenecks, global average."""
    body = nn.Sequential(
        *(conv_bn(3, 8, 3, 2), nn.ReLU6()),
        *(inverted(8, 8, 1), inverted(8, 10, 2), inverted(10, 10, 1)),
        *(conv_bn(10, 24, 1), nn.ReLU6()),
    )
    head = nn.Sequential(
        *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.2), nn.Linear(24, CLASSES))
    )
    return TwoParts(body, head)


def cnn1d() -> nn.Module:
    """One dimension: BatchNorm, max-pool, dilation, average pool, groups."""
    body = nn.Sequential(
        *(nn.Conv1d(4, 12, 7, 2, 3), nn.BatchNorm1d(12), nn.ReLU(), nn.MaxPool1d(2)),
        *(nn.Conv1d(12, 16, 3, padding=2, dilation=2), nn.ReLU(), nn.AvgPool1d(2)),
        *(nn.Conv1d(16, 16, 3, groups=2), nn.ReLU()),
    )
    return TwoParts(body, nn.Sequential(nn.Flatten(), nn.Linear(16 * 4, CLASSES)))


# TorchScript up to opset 11 keeps each BatchNorm as a node, the dynamo exporter folds it.
NETWORKS: dict[str, Arch] = {
    "vgg": Arch(vgg, shape=(3, 24, 20), exports=("ts17",)),
    "resnet": Arch(resnet, shape=(3, 24, 20), exports=("ts11", "dynamo")),
    "mobilenetv2": Arch(mobilenetv2, shape=(3, 24, 20), exports=("ts11", "dynamo")),
    "cnn1d": Arch(cnn1d, shape=(4, 48), exports=("ts11", "dynamo")),
}


def scores_of(model: nn.Module, x: Tensor, classes: Tensor) -> Tensor:
    """The score of each item's class, [N]."""
    return model(x)[0][torch.arange(len(x)), classes]
