"""Activations of a quantised file whose range is too small for what the reference computes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from retrograph.auditing.activations import Activations
from retrograph.auditing.network import Network
from retrograph.auditing.precision import LayerError
from retrograph.ir.tensor_data import to_array
from retrograph.runtime import Array

_LEVELS = 255
_CLIPPED = 0.05
"""From this share on of values beyond its ends a range is too small."""


def clipping_sentence(a: Activations, b: Activations, layers: Sequence[LayerError]) -> str:
    """Which activation of A is cut off most by the ranges of B's codes; "" where none is much."""
    ours = {layer.b: _activated(a.network, layer.a) for layer in layers}
    shares = [
        (_outside(values, low, high), ours[name], low, high)
        for name, low, high in _ranges(b)
        if name in ours and (values := a[ours[name]]).size
    ]
    share, name, low, high = max(shares, default=(0.0, "", 0.0, 0.0))
    if share < _CLIPPED:
        return ""
    return (
        f"The activation range is too small: {100 * share:.0f} % of A's {a.network.label(name)} "
        f"lie outside of what B's codes hold, {low:.3g} to {high:.3g}."
    )


def _outside(values: Array, low: float, high: float) -> float:
    """The share of values that lie beyond two ends by more than a step of the codes."""
    step = (high - low) / _LEVELS
    return float(((values < low - step) | (values > high + step)).mean())


def _activated(network: Network, name: str) -> str:
    """The ReLU or Clip of a tensor, which a quantiser folds into the range; else the tensor."""
    behind = network.children.get(name, ())
    return behind[0] if len(behind) == 1 and network.op(behind[0]) in ("Relu", "Clip") else name


def _ranges(run: Activations) -> Iterator[tuple[str, float, float]]:
    """The tensors that the file quantises, with the least and largest number of their codes."""
    graph = run.network.model.proto.graph
    constants = {tensor.name: tensor for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type == "QuantizeLinear" and all(n in constants for n in node.input[1:3]):
            values = [to_array(constants[name]) for name in node.input[1:3]]
            if len(values) == 2 and values[0].size == 1 and values[1].dtype.kind in "iu":
                yield (node.input[0], *_ends(*values))


def _ends(scale: Array, zero: Array) -> tuple[float, float]:
    kind, start = np.iinfo(zero.dtype), int(zero.reshape(-1)[0])
    step = float(scale.reshape(-1)[0])
    return (kind.min - start) * step, (kind.max - start) * step
