"""Attributions of many units of one layer, each in a picture of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from retrograph.explainer import Explainer
from retrograph.methods import Method
from retrograph.model import Model
from retrograph.results.attribution import Attribution
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
        lead = self.input.shape[0]
        self.rows = lead if isinstance(lead, int) else batch

    @property
    def inputs(self) -> tuple[Spec, ...]:
        """What the layer is computed from."""
        return self._explainer.inputs

    def of_pictures(self, arrays: Sequence[Array], units: Sequence[tuple[int, ...]]) -> Attribution:
        """The attribution of a unit in each of up to `rows` pictures of one shape.

        A model that fixes its batch gets the last picture repeated.

        Returns:
            An attribution whose leading rows are those of the pictures.

        Raises:
            InputError: the graph cannot be run on them.
        """
        lead = self.input.shape[0]
        more = (lead if isinstance(lead, int) else len(arrays)) - len(arrays)
        x = np.stack([*arrays, *[arrays[-1]] * more])
        return self.of_batch({self.input.name: x}, [*units, *[units[-1]] * more])

    def of_batch(self, feeds: Mapping[str, Array], units: Sequence[tuple[int, ...]]) -> Attribution:
        """The attribution of a unit in each row of a batch; inputs of other layers are left out."""
        own = {spec.name: feeds[spec.name] for spec in self.inputs if spec.name in feeds}
        return self._explainer.attribute(own, np.array(units, np.int64))
