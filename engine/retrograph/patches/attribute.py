"""Attributions of many units of one layer, each in a picture of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from retrograph.explainer import Explainer
from retrograph.methods import Method
from retrograph.model import Model
from retrograph.runtime import Array, Spec, suited


class Attributor:
    """The backward graph of a layer, for a unit that is chosen for each row of a batch.

    Nothing behind the layer is computed.

    Args:
        model: the source model.
        tensor: the layer's name.
        explained: the input's name.
        method: how it is explained.
        batch: how many rows a run takes, where the model leaves that open.
        device, threads: as in `Explainer`.

    Raises:
        InputError, UnsupportedError, DeviceError: as in `Explainer`.
    """

    def __init__(
        self,
        model: Model,
        tensor: str,
        explained: str,
        method: Method,
        batch: int,
        device: str = "auto",
        threads: int | None = None,
    ) -> None:
        request = model.request(
            method=method,
            layer=tensor,
            select="unit",
            wrt=explained,
            device=suited(device),
            outputs=False,
        )
        self._explainer = Explainer(model.build(request), device=device, threads=threads)
        self.contract = self._explainer.contract
        self.device = self._explainer.device
        self.input = next(i for i in self.inputs if i.name == explained)
        self._axes = model.axes(explained)
        self.rows = self._axes.fixed_batch or batch

    @property
    def inputs(self) -> tuple[Spec, ...]:
        """What the layer is computed from."""
        return self._explainer.inputs

    def of_pictures(
        self, arrays: Sequence[Array], units: Sequence[tuple[int, ...]]
    ) -> tuple[Array, Array]:
        """Explain a unit in each of up to `rows` pictures of one shape.

        A model that fixes its batch gets the last picture repeated.

        Args:
            arrays: the pictures as inputs without their batch axis.
            units: the index of a unit in each.

        Returns:
            Their attributions [N, *input] and scores [N], first those of the pictures.

        Raises:
            InputError: the graph cannot be run on them.
        """
        repeated = [units[-1]] * ((self._axes.fixed_batch or len(units)) - len(units))
        return self.of_batch({self.input.name: self._axes.feed(arrays)}, [*units, *repeated])

    def of_batch(
        self, feeds: Mapping[str, Array], units: Sequence[tuple[int, ...]]
    ) -> tuple[Array, Array]:
        """Explain a unit in each row of a batch; inputs of other layers are left out.

        Returns:
            The attributions [N, *input] and the scores [N].

        Raises:
            InputError: the graph cannot be run on them.
        """
        needed = {spec.name: feeds[spec.name] for spec in self.inputs if spec.name in feeds}
        result = self._explainer.attribute(needed, np.array(units, np.int64))
        return self._axes.rows(result.attribution), np.atleast_1d(result.score)
