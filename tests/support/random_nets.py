"""Networks made by chance, small enough to take the gradient of every unit."""

from __future__ import annotations

import random
from typing import Any

import numpy as np

from support.windows import (
    Net,
)

Tensor = tuple[str, int, tuple[int, int]]
"""Its name, channels and size."""


class RandomNet:
    """A small network; with `exact`, only of operators whose windows compose exactly."""

    def __init__(self, seed: int, exact: bool) -> None:
        self.rng = random.Random(seed)
        self.shape = (1, 2, self.rng.randint(17, 24), self.rng.randint(17, 24))
        self.net = Net(*self.shape)
        x: Tensor = ("x", 2, (self.shape[2], self.shape[3]))
        if self.rng.random() < 0.3:
            n, c, h, w = self.shape
            self.shape = (n, h, w, c)
            self.net = Net(*self.shape)
            x = (self.net.op("Transpose", "x", perm=[0, 3, 1, 2]), 2, x[2])
        steps = [self.conv, self.conv, self.mean_pool, self.residual, self.inception, self.turn]
        if not exact:
            steps += [self.max_pool, self.enlarge, self.deconvolve, self.crop, self.skip]
        for _ in range(self.rng.randint(2, 5)):
            x = self.rng.choice(steps)(x)
        self.conv(x)

    def window(self, x: Tensor) -> tuple[dict[str, Any], list[int], tuple[int, int]]:
        """Attributes of a sliding window that fits, its kernel, and the size that comes out."""
        kernel, strides, dilations, pads, sizes = [], [], [], [], []
        for size in x[2]:
            d = self.rng.choice([1, 1, 2])
            k = self.rng.randint(1, min(3, (size - 1) // d + 1))
            s = self.rng.randint(1, k)
            extent = d * (k - 1) + 1
            pad = self.rng.randint(0, min(k - 1, 2)), self.rng.randint(0, min(k - 1, 2))
            kernel.append(k)
            strides.append(s)
            dilations.append(d)
            pads.append(pad)
            sizes.append((size + sum(pad) - extent) // s + 1)
        flat = [p[0] for p in pads] + [p[1] for p in pads]
        attrs = {"strides": strides, "dilations": dilations, "pads": flat}
        return attrs, kernel, (sizes[0], sizes[1])

    def conv(self, x: Tensor) -> Tensor:
        attrs, kernel, size = self.window(x)
        channels = self.rng.randint(1, 3)
        return self.net.conv(x[0], (channels, x[1]), *kernel, **attrs), channels, size

    def mean_pool(self, x: Tensor) -> Tensor:
        return self.pool(x, "AveragePool", count_include_pad=self.rng.randint(0, 1))

    def max_pool(self, x: Tensor) -> Tensor:
        return self.pool(x, "MaxPool")

    def pool(self, x: Tensor, kind: str, **more: int) -> Tensor:
        attrs, kernel, _ = self.window(x)
        attrs["pads"] = [min(p, k // 2) for p, k in zip(attrs["pads"], kernel * 2, strict=True)]
        name = self.net.op(kind, x[0], kernel_shape=kernel, **attrs, **more)
        return self.resized(x, name, kernel, attrs)

    def resized(self, x: Tensor, name: str, kernel: list[int], attrs: dict[str, Any]) -> Tensor:
        sizes = [
            (n + attrs["pads"][i] + attrs["pads"][i + 2] - attrs["dilations"][i] * (k - 1) - 1)
            // attrs["strides"][i]
            + 1
            for i, (n, k) in enumerate(zip(x[2], kernel, strict=True))
        ]
        return name, x[1], (sizes[0], sizes[1])

    def same(self, x: Tensor) -> str:
        """A convolution that keeps channels and size, with taps on one side of the centre too."""
        left, right, up, down = (self.rng.randint(0, 1) for _ in range(4))
        pads = [up, left, down, right]
        return self.net.conv(x[0], (x[1], x[1]), up + down + 1, left + right + 1, pads=pads)

    def residual(self, x: Tensor) -> Tensor:
        return self.net.op("Add", self.same(x), x[0]), x[1], x[2]

    def inception(self, x: Tensor) -> Tensor:
        name = self.net.op("Concat", self.same(x), x[0], self.same(x), axis=1)
        return self.net.conv(name, (2, 3 * x[1]), 1, 1), 2, x[2]

    def turn(self, x: Tensor) -> Tensor:
        return self.net.op("Transpose", x[0], perm=[0, 1, 3, 2]), x[1], (x[2][1], x[2][0])

    def enlarge(self, x: Tensor) -> Tensor:
        mode = self.rng.choice(["nearest", "linear", "cubic"])
        name = self.net.op("Resize", x[0], "", self.net.const([1, 1, 2, 2], np.float32), mode=mode)
        return name, x[1], (2 * x[2][0], 2 * x[2][1])

    def deconvolve(self, x: Tensor) -> Tensor:
        k, s = self.rng.randint(1, 4), self.rng.randint(1, 3)
        weight = self.net.const(np.ones((x[1], 2, k, k)), np.float32)
        name = self.net.op("ConvTranspose", x[0], weight, strides=[s, s])
        return name, 2, (s * (x[2][0] - 1) + k, s * (x[2][1] - 1) + k)

    def crop(self, x: Tensor) -> Tensor:
        name = self.net.op(
            "Slice", x[0], *(self.net.const(v) for v in ([x[2][0] // 4], [x[2][0]], [2]))
        )
        return name, x[1], (x[2][0] - x[2][0] // 4, x[2][1])

    def skip(self, x: Tensor) -> Tensor:
        """As in a U-Net: reduced, enlarged again, and joined with what was there."""
        even = x[2][0] // 2 * 2, x[2][1] // 2 * 2
        ends = self.net.const(even)
        full = self.net.op("Slice", x[0], self.net.const([0, 0]), ends, self.net.const([2, 3]))
        half = self.net.conv(full, (x[1], x[1]), 2, 2, strides=[2, 2])
        weight = self.net.const(np.ones((x[1], x[1], 2, 2)), np.float32)
        back = self.net.op("ConvTranspose", half, weight, strides=[2, 2])
        return self.net.op("Concat", full, back, axis=1), 2 * x[1], even
