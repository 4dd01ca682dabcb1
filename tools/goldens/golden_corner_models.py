"""Small PyTorch networks for the golden files: corner cases of pooling, shape and wiring.

As in `golden_models.py`, a network maps `x` to `(scores, features)`.
"""

# mypy: allow-subclassing-any, allow-untyped-calls, allow-untyped-decorators, no-warn-return-any
from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

CLASSES = 6
Pair = tuple[Tensor, Tensor]


class OverlapPool(nn.Module):
    """Overlapping 3x3 stride-2 max-pools, one on the quantised input itself, so ties abound."""

    def __init__(self) -> None:
        super().__init__()
        self.pool = nn.MaxPool2d(3, 2)
        self.padded = nn.MaxPool2d(3, 2, 1)
        self.conv1, self.relu1 = nn.Conv2d(3, 8, 5, padding=2), nn.ReLU()
        self.conv2, self.relu2 = nn.Conv2d(8, 12, 3, padding=1), nn.ReLU()
        self.skip = nn.Conv2d(3, 12, 1)
        self.conv3, self.relu3 = nn.Conv2d(12, 12, 3), nn.ReLU()
        self.fc = nn.Linear(12 * 2 * 2, CLASSES)

    def forward(self, x: Tensor) -> Pair:
        y = self.pool(self.relu1(self.conv1(x)))
        features = self.conv2(y) + self.skip(self.pool(x))
        y = self.padded(self.relu2(features))
        y = self.pool(self.relu3(self.conv3(y)))
        return self.fc(torch.flatten(y, 1)), features


class PaddedPool(nn.Module):
    """Padded max-pools over mostly negative values, where a zero padding would win wrongly."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 8, 3, padding=1)
        self.conv2 = nn.Conv2d(8, 12, 3, padding=1)
        self.pool3, self.pool5 = nn.MaxPool2d(3, 2, 1), nn.MaxPool2d(5, 3, 2)
        self.average = nn.AvgPool2d(2, 1, 1, count_include_pad=False)
        self.relu1, self.relu2 = nn.ReLU(), nn.ReLU()
        self.fc = nn.Linear(12 * 4 * 4, CLASSES)

    def forward(self, x: Tensor) -> Pair:
        x = self.conv1(self.pool3(x) - 1.0)
        x = self.relu1(self.pool3(x - 2.0) + 1.0)
        features = self.conv2(x)
        x = self.relu2(self.pool5(features - 3.0) + 1.5)
        return self.fc(torch.flatten(self.average(x), 1)), features


class Fire(nn.Module):
    def __init__(self, c_in: int, squeeze: int, expand: int) -> None:
        super().__init__()
        self.squeeze = nn.Sequential(nn.Conv2d(c_in, squeeze, 1), nn.ReLU())
        self.expand1 = nn.Sequential(nn.Conv2d(squeeze, expand, 1), nn.ReLU())
        self.expand3 = nn.Sequential(nn.Conv2d(squeeze, expand, 3, padding=1), nn.ReLU())

    def forward(self, x: Tensor) -> Tensor:
        x = self.squeeze(x)
        return torch.cat([self.expand1(x), self.expand3(x)], 1)


class CeilPool(nn.Module):
    """SqueezeNet-like: fire modules, pools with ceil_mode on sizes that do not divide."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, 2), nn.ReLU())
        self.max = nn.MaxPool2d(3, 2, ceil_mode=True)
        self.average = nn.AvgPool2d(2, 2, ceil_mode=True, count_include_pad=False)
        self.fire1, self.fire2 = Fire(8, 4, 8), Fire(16, 4, 8)
        self.top = nn.Sequential(nn.Conv2d(16, CLASSES, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1))

    def forward(self, x: Tensor) -> Pair:
        x = features = self.fire1(self.max(self.stem(x)))
        x = self.max(self.fire2(self.average(x)))
        return torch.flatten(self.top(x), 1), features


class FunctionalRelu(nn.Module):
    """ReLU as a function, as a method, in place, and one module used three times."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 10, 3, 2, 1)
        self.conv3, self.conv4 = nn.Conv2d(10, 10, 3, padding=1), nn.Conv2d(10, 12, 3, 2, 1)
        self.conv5 = nn.Conv2d(12, 12, 3, padding=1)
        self.relu = nn.ReLU(inplace=True)
        self.fc1, self.fc2 = nn.Linear(12, 16), nn.Linear(16, CLASSES)

    def forward(self, x: Tensor) -> Pair:
        x = self.relu(self.conv1(x))
        x = self.relu(self.conv2(x))
        y = self.conv3(x)
        functional.relu(y, inplace=True)  # the returned tensor is dropped on purpose
        features = self.relu(y + x)
        x = torch.relu(self.conv4(features))
        x = self.conv5(x).relu_()
        return self.fc2(functional.relu(self.fc1(x.mean((2, 3))))), features


class Cnn1d(nn.Module):
    """One-dimensional convolutions and pools."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv1d(4, 12, 7, 2, 3), nn.BatchNorm1d(12), nn.ReLU())
        self.pool = nn.MaxPool1d(3, 2, 1)
        self.conv, self.relu = nn.Conv1d(12, 16, 3, padding=2, dilation=2), nn.ReLU()
        self.top = nn.Sequential(nn.AvgPool1d(2), nn.Conv1d(16, 16, 3, groups=2), nn.ReLU())
        self.fc = nn.Linear(16 * 6, CLASSES)

    def forward(self, x: Tensor) -> Pair:
        features = self.conv(self.pool(self.stem(x)))
        return self.fc(torch.flatten(self.top(self.relu(features)), 1)), features


class Cnn3d(nn.Module):
    """Three-dimensional convolutions and pools with stride and padding."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv3d(2, 6, 3, (1, 2, 2), 1), nn.ReLU())
        self.pool = nn.MaxPool3d((2, 3, 3), 2, (0, 1, 1))
        self.conv, self.bn, self.relu = nn.Conv3d(6, 8, 3, padding=1), nn.BatchNorm3d(8), nn.ReLU()
        self.average = nn.AvgPool3d(2)
        self.last = nn.Sequential(nn.Conv3d(8, 8, (1, 3, 3), padding=(0, 1, 1)), nn.ReLU())
        self.fc = nn.Linear(8, CLASSES)

    def forward(self, x: Tensor) -> Pair:
        features = self.relu(self.bn(self.conv(self.pool(self.stem(x)))))
        x = self.last(self.average(features))
        return self.fc(x.mean((2, 3, 4))), features


class DeconvUnet(nn.Module):
    """Encoder and decoder with transposed convolutions and skips; scores are [N, C, H, W]."""

    def __init__(self) -> None:
        super().__init__()
        self.enc1 = nn.Sequential(nn.Conv2d(3, 6, 3, padding=1), nn.ReLU())
        self.enc2 = nn.Sequential(nn.Conv2d(6, 8, 3, 2, 1), nn.ReLU())
        self.enc3 = nn.Sequential(nn.Conv2d(8, 12, 3, 2, 1), nn.ReLU())
        self.up1 = nn.ConvTranspose2d(12, 8, 3, 2, 1, output_padding=1)
        self.mid, self.relu = nn.Conv2d(16, 8, 3, padding=1), nn.ReLU()
        self.up2 = nn.Sequential(nn.ConvTranspose2d(8, 8, 2, 2, groups=2), nn.ReLU())
        self.head = nn.Conv2d(14, 3, 1)

    def forward(self, x: Tensor) -> Pair:
        e1 = self.enc1(x)
        e2 = self.enc2(e1)
        features = self.mid(torch.cat([self.up1(self.enc3(e2)), e2], 1))
        return self.head(torch.cat([self.up2(self.relu(features)), e1], 1)), features


class AsymStride(nn.Module):
    """Kernels, strides and paddings that differ per axis, with local response normalisation."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.relu1 = nn.Conv2d(3, 10, (5, 3), (2, 1), (2, 0)), nn.ReLU()
        self.lrn = nn.LocalResponseNorm(5, alpha=0.5, beta=0.75, k=1.0)
        self.pool = nn.MaxPool2d((3, 2), (2, 3), (1, 0))
        self.conv2, self.relu2 = nn.Conv2d(10, 12, (3, 5), (1, 2), (0, 2)), nn.ReLU()
        self.average = nn.AvgPool2d((2, 3), (2, 1), (1, 1))
        self.fc = nn.Linear(12 * 4 * 5, CLASSES)

    def forward(self, x: Tensor) -> Pair:
        x = self.pool(self.lrn(self.relu1(self.conv1(x))))
        features = self.conv2(x)
        return self.fc(torch.flatten(self.average(self.relu2(features)), 1)), features


class SmoothMix(nn.Module):
    """ReLU among smooth or leaky activations, which keep their ordinary derivative."""

    def __init__(self) -> None:
        super().__init__()
        activations = [nn.ReLU(), nn.LeakyReLU(0.1), nn.PReLU(8), nn.ELU(0.7), nn.ReLU()]
        self.activations = nn.ModuleList(activations)
        widths = [(3, 1), (8, 2), (8, 1), (8, 2), (8, 1)]
        self.convs = nn.ModuleList(nn.Conv2d(c, 8, 3, s, 1) for c, s in widths)
        self.gate, self.value = nn.Conv2d(8, 8, 1), nn.Conv2d(8, 8, 1)
        self.fc = nn.Linear(8, CLASSES)

    def forward(self, x: Tensor) -> Pair:
        features = x
        for i, (conv, activation) in enumerate(zip(self.convs, self.activations, strict=True)):
            x = activation(conv(x))
            if i == 2:
                features = x
        x = torch.sigmoid(self.gate(x)) * torch.tanh(self.value(x))
        return self.fc(x.mean((2, 3))), features


class SoftmaxTail(nn.Module):
    """A small classifier; its export appends the softmax, its scores here are the logits."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.relu1 = nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU()
        self.conv2, self.relu2 = nn.Conv2d(8, 12, 3, 2, 1), nn.ReLU()
        self.fc = nn.Linear(12 * 2 * 2, CLASSES)

    def forward(self, x: Tensor) -> Pair:
        features = self.relu2(self.conv2(self.relu1(self.conv1(x))))
        return self.fc(torch.flatten(functional.max_pool2d(features, 2), 1)), features
