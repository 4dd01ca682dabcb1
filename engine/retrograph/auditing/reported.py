"""Along which layers errors are told: all compared tensors, or the activations alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from retrograph.auditing.network import Network
from retrograph.errors import InputError, parameter

_ACTIVATIONS = frozenset(
    {
        *("Celu", "Clip", "Elu", "Gelu", "HardSigmoid", "HardSwish", "LeakyRelu", "Mish", "PRelu"),
        *("Relu", "Selu", "Sigmoid", "Softplus", "Softsign", "Swish", "Tanh", "ThresholdedRelu"),
    }
)

LAYERS: Final[Mapping[str, Callable[[str], bool]]] = {
    "all": lambda op: True,
    "relu": lambda op: op in _ACTIVATIONS,
}
"""By what is given as `layers` whether a tensor of an operator is told of."""


def check_layers(layers: str) -> None:
    """Raises InputError where there is no such choice."""
    if layers not in LAYERS:
        raise InputError(f"{parameter('layers')} is {layers!r}; give {' or '.join(LAYERS)}")


def reported(network: Network, layers: str) -> tuple[str, ...]:
    """The compared tensors of a network that are told of, in forward order."""
    return tuple(name for name in network.points if LAYERS[layers](network.op(name)))
