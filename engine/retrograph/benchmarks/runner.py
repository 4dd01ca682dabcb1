"""A graph with its inputs in place, to be run again and again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from retrograph.model import runnable
from retrograph.runtime import Array, Session

if TYPE_CHECKING:
    from onnx import ModelProto


class Runner:
    """A call of it runs the graph once and gives the wanted outputs.

    Args:
        model: the graph.
        feeds: the inputs, by name; those that the graph does not have are left out.
        outputs: the wanted ones.
        device, threads: as in `Session`.

    Raises:
        InputError, DeviceError: as in `Session`.
    """

    def __init__(
        self,
        model: ModelProto,
        feeds: Mapping[str, Array],
        outputs: Sequence[str],
        device: str = "cpu",
        threads: int | None = None,
    ) -> None:
        with runnable(model) as (graph, folder, needed):
            session = Session(graph, device, threads, folder, needed)
        self.device = session.device
        own = {spec.name: feeds[spec.name] for spec in session.inputs if spec.name in feeds}
        self._bound = session.bound(own, outputs)

    def __call__(self) -> list[Array]:
        return self._bound.run({})
