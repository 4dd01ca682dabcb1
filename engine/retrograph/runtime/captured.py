"""CUDA graphs: a run is recorded once and then replayed.

A replay reads and writes the addresses of the run that was recorded, whatever is given to it. So
new inputs are written to where the old ones were, and each set of shapes has places and a graph of
its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from threading import Lock
from typing import Any

import numpy as np

from retrograph.runtime.feeds import Array
from retrograph.runtime.providers import import_runtime

_GRAPH = "gpu_graph_id"
_NONE = "-1"


class Captured:
    """A session of ONNX Runtime whose runs are recorded.

    Args:
        session: with the option enable_cuda_graph.
        outputs: those that are wanted.
        place: the device's name for ONNX Runtime, such as cuda.
        number: which of the devices of this name.
    """

    def __init__(self, session: Any, outputs: Sequence[str], place: str, number: int = 0) -> None:
        self._session, self._outputs = session, outputs
        self._device = place, number
        self._recorded: dict[tuple[tuple[int, ...], ...], Recorded] = {}
        self._lock = Lock()

    def run(self, feeds: Mapping[str, Array]) -> list[Array]:
        """The wanted outputs, in order."""
        shapes = tuple(value.shape for value in feeds.values())
        with self._lock:  # inputs and outputs have one place for all threads
            if shapes not in self._recorded:
                self._recorded[shapes] = self._record(feeds, str(len(self._recorded)))
            return self._recorded[shapes].run(feeds)

    def _record(self, feeds: Mapping[str, Array], name: str) -> Recorded:
        """Places for inputs and outputs of these shapes, by a run that is not recorded."""
        held = import_runtime().OrtValue
        binding = self._session.io_binding()
        inputs = {
            key: held.ortvalue_from_numpy(np.array(value, order="C"), *self._device)
            for key, value in feeds.items()
        }
        for key, value in inputs.items():
            binding.bind_ortvalue_input(key, value)
        for key in self._outputs:
            binding.bind_output(key, *self._device)
        self._session.run_with_iobinding(binding, _options(_NONE))
        outputs = binding.get_outputs()
        for key, value in zip(self._outputs, outputs, strict=True):
            binding.bind_ortvalue_output(key, value)
        return Recorded(self._session, binding, inputs, outputs, name)


class Recorded:
    """A run with inputs and outputs in fixed places."""

    def __init__(
        self,
        session: Any,
        binding: Any,
        inputs: Mapping[str, Any],
        outputs: Sequence[Any],
        name: str,
    ) -> None:
        self._session, self._binding = session, binding
        self._inputs, self._outputs = inputs, outputs
        self._options = _options(name)

    def run(self, feeds: Mapping[str, Array]) -> list[Array]:
        """The outputs for inputs of the shapes that it was made for."""
        for key, value in feeds.items():
            self._inputs[key].update_inplace(np.ascontiguousarray(value))
        self._session.run_with_iobinding(self._binding, self._options)
        self._binding.synchronize_outputs()
        return [np.array(value.numpy()) for value in self._outputs]


def _options(graph: str) -> Any:
    options = import_runtime().RunOptions()
    options.add_run_config_entry(_GRAPH, graph)
    return options
