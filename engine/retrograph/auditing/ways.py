"""How a runtime runs a network: node by node, with its optimisations, on another device."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from retrograph.ir.graph import ModelProto
from retrograph.ir.io.store import runnable
from retrograph.runtime import Session, installed_devices

_REMOTE = "AzureExecutionProvider"
"""It computes nothing here: it calls services."""


@dataclass(frozen=True)
class Way:
    """How ONNX Runtime runs a network.

    Attributes:
        name: what people call a network that is run so, behind its name.
        device: as in `Explainer`.
        optimized: whether nodes may be replaced by others; else each is computed by itself.
    """

    name: str
    device: str = "cpu"
    optimized: bool = False

    def session(self, model: ModelProto, threads: int | None) -> Session:
        """The model, ready to run.

        Raises:
            InputError: ONNX Runtime cannot load it.
            DeviceError: the device is not there.
        """
        with runnable(model) as (source, folder, needed):
            return Session(source, self.device, threads, folder, needed, self.optimized)


PLAIN = Way("node by node")
OPTIMISED = Way("with ONNX Runtime's optimisations", optimized=True)


def installed_ways() -> Iterator[Way]:
    """With the optimisations on the CPU, and on every other device that is installed."""
    yield OPTIMISED
    for device in installed_devices():
        if device not in ("cpu", _REMOTE):
            yield Way(f"on {device}", device, optimized=True)
