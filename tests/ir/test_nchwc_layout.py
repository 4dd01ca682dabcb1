"""The estimate of ONNX Runtime's blocked layout, by what it spares a built graph."""

from __future__ import annotations

from collections import Counter

import retrograph
from support import nets

NODES = [
    nets.node("Conv", "x w", "a", pads=[1, 1, 1, 1]),
    nets.node("Relu", "a", "b"),
    nets.node("Conv", "b v", "c", pads=[1, 1, 1, 1]),
    nets.node("Add", "c b", "d"),
    nets.node("Relu", "d", "e"),
    nets.node("Conv", "e w", "y", pads=[1, 1, 1, 1]),
]


def backward_operators(channels: int) -> Counter[str]:
    """How often each operator stands in the backward pass of a residual block."""
    weights = {
        name: nets.weights(channels, channels, 3, 3, seed=seed) for seed, name in enumerate("wv")
    }
    inputs = [nets.info("x", ["N", channels, 8, 8])]
    model = nets.model(NODES, inputs, [nets.info("y", None)], weights)
    built = retrograph.build(model, method="gradient", layer="y")
    return Counter(node.op_type for node in built.graph.node if node.name.startswith("bwd/"))


def test_a_residual_block_of_blocked_channels_needs_no_more_convolutions() -> None:
    """What is in the layout already is not brought into it by a convolution of its own."""
    operators = backward_operators(16)
    assert operators["Conv"] == 3
    assert operators["Add"] == 1
    assert "ConvTranspose" not in operators
