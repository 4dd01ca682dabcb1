"""ResNet-50 and MobileNetV2 with random weights, as two files of one network: plain and folded."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from onnx import ModelProto, NodeProto, helper, numpy_helper

Array = np.ndarray[Any, Any]

_OPSET = 17
_EPSILON = 1e-5


@dataclass
class Builder:
    """A network that is being put together.

    Attributes:
        folded: whether normalisations are folded into the convolutions before them.
        bounded: whether activations end at 6.
    """

    folded: bool
    bounded: bool
    nodes: list[NodeProto] = field(default_factory=list)
    constants: dict[str, Array] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._rng = np.random.default_rng(0)
        if self.bounded:
            self.constants |= {"zero": np.array(0, np.float32), "six": np.array(6, np.float32)}

    def op(self, kind: str, *inputs: str, **attributes: Any) -> str:
        name = f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], name, **attributes))
        return name

    def constant(self, value: Array) -> str:
        name = f"c{len(self.constants)}"
        self.constants[name] = value.astype(np.float32)
        return name

    def conv(
        self,
        x: str,
        sizes: tuple[int, int, int],
        stride: int = 1,
        groups: int = 1,
        gain: float = 1.0,
    ) -> str:
        """A convolution and its normalisation; sizes of inputs, outputs and the kernel."""
        inputs, outputs, kernel = sizes
        shape = (outputs, inputs // groups, kernel, kernel)
        weight = self._rng.normal(0, np.sqrt(2 / np.prod(shape[1:])), shape)
        scale, shift, mean = (self._rng.normal(m, 0.1, outputs) for m in (gain, 0, 0))
        variance = self._rng.uniform(0.5, 1.5, outputs)
        pads = [kernel // 2] * 4
        options = {"strides": [stride] * 2, "pads": pads, "group": groups}
        if self.folded:
            factor = scale / np.sqrt(variance + _EPSILON)
            weight = weight * factor.reshape(-1, 1, 1, 1)
            bias = self.constant(shift - mean * factor)
            return self.op("Conv", x, self.constant(weight), bias, **options)
        y = self.op("Conv", x, self.constant(weight), **options)
        statistics = [self.constant(v) for v in (scale, shift, mean, variance)]
        return self.op("BatchNormalization", y, *statistics, epsilon=_EPSILON)

    def act(self, x: str) -> str:
        return self.op("Clip", x, "zero", "six") if self.bounded else self.op("Relu", x)

    def model(self, x: str, channels: int) -> ModelProto:
        """The network with a dense layer of 1,000 classes behind all."""
        x = self.op("Flatten", self.op("GlobalAveragePool", x))
        weight = self._rng.normal(0, 1 / np.sqrt(channels), (1000, channels))
        self.op("Gemm", x, self.constant(weight), self.constant(np.zeros(1000)), transB=1)
        self.nodes[-1].output[0] = "logits"
        entry = helper.make_tensor_value_info("image", 1, ["N", 3, 224, 224])
        end = helper.make_tensor_value_info("logits", 1, ["N", 1000])
        weights = [numpy_helper.from_array(v, k) for k, v in self.constants.items()]
        graph = helper.make_graph(self.nodes, "network", [entry], [end], weights)
        opset = [helper.make_opsetid("", _OPSET)]
        return helper.make_model(graph, opset_imports=opset, ir_version=8)


def resnet50(*, folded: bool) -> ModelProto:
    """ResNet-50, 25.6 million weights."""
    b = Builder(folded, bounded=False)
    x = b.act(b.conv("image", (3, 64, 7), 2))
    x = b.op("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    channels = 64
    for width, count, stride in ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)):
        for block in range(count):
            step = stride if block == 0 else 1
            y = b.act(b.conv(x, (channels, width, 1)))
            y = b.act(b.conv(y, (width, width, 3), step))
            y = b.conv(y, (width, 4 * width, 1), gain=0.3)
            skip = b.conv(x, (channels, 4 * width, 1), step) if block == 0 else x
            x, channels = b.act(b.op("Add", y, skip)), 4 * width
    return b.model(x, channels)


_MOBILE = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
"""Of each stage: how much it widens, its channels, blocks and stride."""


def mobilenet_v2(*, folded: bool) -> ModelProto:
    """MobileNetV2, 3.5 million weights."""
    b = Builder(folded, bounded=True)
    x, channels = b.act(b.conv("image", (3, 32, 3), 2)), 32
    for widening, wide, count, stride in _MOBILE:
        for block in range(count):
            inner, step = channels * widening, stride if block == 0 else 1
            y = b.act(b.conv(x, (channels, inner, 1))) if widening > 1 else x
            y = b.act(b.conv(y, (inner, inner, 3), step, groups=inner))
            y = b.conv(y, (inner, wide, 1))
            x = b.op("Add", x, y) if step == 1 and channels == wide else y
            channels = wide
    return b.model(b.act(b.conv(x, (channels, 1280, 1))), 1280)
