"""The estimate of ONNX Runtime's blocked layout, by what it changes in built residual blocks."""

from __future__ import annotations

from collections import Counter

import retrograph
from support import nets

SAME = {"pads": [1, 1, 1, 1]}
HALF = {"pads": [1, 1, 1, 1], "strides": [2, 2]}
BLOCK = [
    nets.node("Conv", "x w", "a", **SAME),
    nets.node("Relu", "a", "b"),
    nets.node("Conv", "b v", "c", **SAME),
    nets.node("Add", "c b", "d"),
    nets.node("Relu", "d", "e"),
]


def backward_operators(channels: int, strided: bool) -> Counter[str]:
    """How often each operator stands in the backward pass of a residual block."""
    last = nets.node("Conv", "e w", "y", **(HALF if strided else SAME))
    weights = {
        name: nets.weights(channels, channels, 3, 3, seed=seed) for seed, name in enumerate("wv")
    }
    inputs = [nets.info("x", ["N", channels, 8, 8])]
    model = nets.model([*BLOCK, last], inputs, [nets.info("y", None)], weights)
    built = retrograph.build(model, method="gradient", layer="y")
    return Counter(node.op_type for node in built.graph.node if node.name.startswith("bwd/"))


def test_what_lies_in_the_layout_is_not_brought_into_it_again() -> None:
    """Each convolution has one of its own in the backward pass, and there are no more."""
    operators = backward_operators(16, strided=False)
    assert operators["Conv"] == 3
    assert operators["ConvTranspose"] == 0


def test_a_stride_is_undone_by_convolutions_where_channels_are_blocked() -> None:
    """A ConvTranspose takes tensors out of the layout; of 20 channels there is none."""
    assert backward_operators(16, strided=True)["ConvTranspose"] == 0
    assert backward_operators(20, strided=True)["ConvTranspose"] == 1
