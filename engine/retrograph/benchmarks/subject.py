"""A model and a layer of it: what is run of them, on which inputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from retrograph.benchmarks.work import multiply_adds
from retrograph.errors import InputError, parameter
from retrograph.ir.compose.truncate import forward
from retrograph.ir.graph import Shape, is_static
from retrograph.methods import Method
from retrograph.model import SCORES, Model
from retrograph.runtime import Array

if TYPE_CHECKING:
    from onnx import ModelProto


@dataclass(frozen=True)
class Subject:
    """What is measured.

    Attributes:
        model: the source.
        layer: its alias or tensor; the class scores if None.
        wrt: the explained input; every one if None.
    """

    model: Model
    layer: str | None = None
    wrt: str | None = None

    @cached_property
    def target(self) -> str:
        """The explained tensor.

        Raises:
            InputError: there is no such layer.
        """
        return self.model.target(self.layer)

    @property
    def title(self) -> str:
        """The layer's short name."""
        return self.model.alias(self.target)

    @property
    def is_whole(self) -> bool:
        """Whether the class scores are explained, and not a layer on the way to them."""
        return self.title == SCORES

    def forward(self) -> ModelProto:
        """The forward pass: the source as it is, or up to the layer."""
        return self.model.proto if self.is_whole else forward(self.model.graph, self.target)

    def explained(
        self,
        method: str | Method,
        select: str = "top",
        many: bool = False,
        device: str = "cpu",
    ) -> ModelProto:
        """The built graph; of a layer on the way, with nothing that the layer does not need.

        Raises:
            InputError, UnsupportedError: as in `Model.build`.
        """
        request = self.model.request(
            method=method,
            layer=self.target,
            select=select,
            many=many,
            wrt=self.wrt,
            device=device,
            outputs=self.is_whole,
        )
        return self.model.build(request)

    def multiply_adds(self, batch: int) -> int | None:
        """Of the forward pass to the target."""
        return multiply_adds(self.model.graph, self.target, batch)

    def feeds(
        self, batch: int | None, item: Sequence[int] | None, seed: int = 0
    ) -> dict[str, Array]:
        """Standard normal numbers for inputs of floating point, zeros for others.

        Args:
            batch: how many items; what the model fixes, or 1, if None.
            item: the shape of an input without its batch, where the model leaves it open.
            seed: of the numbers.

        Raises:
            InputError: the model fixes another batch or shape, or leaves open what is not given.
        """
        random = np.random.default_rng(seed)
        found: dict[str, Array] = {}
        for name in self.model.graph.input_names():
            tensor = self.model.tensor(name)
            sizes = _sizes(name, tensor.shape, batch, item)
            drawn = random.standard_normal(sizes) if tensor.is_float else np.zeros(sizes)
            found[name] = np.asarray(drawn).astype(tensor.dtype)
        return found


def _sizes(
    name: str, shape: Shape | None, batch: int | None, item: Sequence[int] | None
) -> tuple[int, ...]:
    """The shape of an input, what is open in it filled in."""
    if shape is None:
        raise InputError(f"the rank of input '{name}' is not known; export it with static shapes")
    if not shape:
        return ()
    lead, rest = shape[0], shape[1:]
    if isinstance(lead, int) and batch not in (None, lead):
        raise InputError(
            f"input '{name}' fixes the batch at {lead}, so it cannot be {batch}; "
            "export it with an open batch"
        )
    first = lead if isinstance(lead, int) else batch or 1
    if is_static(rest):
        return (first, *(int(dim) for dim in rest if isinstance(dim, int)))
    if item is None or not _fits(item, rest):
        open_shape = "x".join(str(dim) if isinstance(dim, int) else "?" for dim in rest)
        given = "" if item is None else f", and {'x'.join(map(str, item))} does not fit"
        raise InputError(
            f"an item of input '{name}' has the open shape {open_shape}{given}; "
            f"give its sizes, such as {parameter('item', '3x224x224')}"
        )
    return (first, *item)


def _fits(item: Sequence[int], dims: Shape) -> bool:
    return len(item) == len(dims) and all(
        not isinstance(dim, int) or dim == size for size, dim in zip(item, dims, strict=True)
    )
