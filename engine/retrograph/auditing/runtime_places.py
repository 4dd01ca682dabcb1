"""Where a runtime, running a network in one way, parts from the same network run node by node."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from retrograph.auditing.activations import Activations
from retrograph.auditing.axes import relative_error
from retrograph.auditing.searching import first_tensor
from retrograph.errors import InputError
from retrograph.runtime import Array

_MOST = 6
"""So many places are sought."""


@dataclass(frozen=True)
class RuntimePlace:
    """A tensor that is computed otherwise although all that it is computed from is not.

    Attributes:
        tensor: its name.
        expected: its values node by node.
        computed: those in the other way, with what is repaired before it.
        error_after: the largest relative error of an output once it has the expected values.
        repaired: whether all outputs agree then.
    """

    tensor: str
    expected: Array
    computed: Array
    error_after: float
    repaired: bool


@dataclass(frozen=True)
class RuntimeSearch:
    """A network run in two ways.

    Each tensor is computed by itself, with nothing else wanted: a tensor that is wanted besides
    keeps the runtime from fusing the nodes around it.

    Attributes:
        plain: node by node.
        other: in the other way, the nodes as the file has them.
        tolerance: by tensor the relative error that is noise.
    """

    plain: Activations
    other: Activations
    tolerance: Mapping[str, float]

    def places(self) -> Iterator[RuntimePlace]:
        """The places, in forward order, each repaired before the next is sought."""
        cuts: dict[str, Array] = {}
        known = self.other.network.graph.producer
        for _ in range(_MOST):
            wrong = [n for n in self._outputs() if self._differs(n, cuts)]
            if not wrong:
                return
            tensor = first_tensor(
                self.plain.network, wrong[0], partial(self._differs, cuts=cuts), known
            )
            if tensor in cuts:  # the last repair has gained nothing
                return
            computed = self._computed(tensor, cuts)
            cuts = {**cuts, tensor: self.plain[tensor]}
            error = max(self._error(n, cuts) for n in self._outputs())
            repaired = not any(self._differs(n, cuts) for n in self._outputs())
            yield RuntimePlace(tensor, self.plain[tensor], computed, error, repaired)

    def _outputs(self) -> list[str]:
        known = self.other.network.graph.producer
        return [name for name in self.plain.network.outputs if name in known]

    def _computed(self, name: str, cuts: Mapping[str, Array]) -> Array:
        return self.other.run([name], cuts)[name]

    def _error(self, name: str, cuts: Mapping[str, Array]) -> float:
        expected, computed = self.plain[name], self._computed(name, cuts)
        if expected.shape != computed.shape:
            return float("inf")
        if not np.isfinite(expected).all():
            return 0.0 if np.array_equal(expected, computed, equal_nan=True) else float("inf")
        return relative_error(expected, computed)

    def _differs(self, name: str, cuts: Mapping[str, Array]) -> bool:
        """Whether a tensor is computed otherwise; one that cannot be run is not."""
        try:
            return self._error(name, cuts) > self.tolerance[name]
        except InputError:
            return False
