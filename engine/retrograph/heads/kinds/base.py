"""What a kind of head is: it matches outputs by their shapes and by what leads to them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, TypeAlias

import numpy as np

from retrograph.heads.box_head import BoxHead
from retrograph.heads.elements import Element, Index, shape_of
from retrograph.heads.maps_and_classes import ClassHead, MapHead
from retrograph.heads.priors import at_zero
from retrograph.heads.reading import Reader, Reading
from retrograph.heads.table import Array
from retrograph.ir.graph import Graph

Head: TypeAlias = BoxHead | MapHead | ClassHead


@dataclass(frozen=True)
class Output:
    """An output of the model, or a tensor before what selects boxes in the graph.

    Attributes:
        name: of the tensor.
        shape: of an item of it.
        batched: whether the tensor has a batch axis before that.
    """

    name: str
    shape: tuple[int, ...]
    batched: bool

    def element(self, index: Sequence[int]) -> Element:
        """The number of the first item at an index."""
        lead: Index = (0,) if self.batched else ()
        return Element(self.name, (*lead, *map(int, index)))

    def at(self, flat: int) -> Element:
        """The number of the first item at a place in row-major order."""
        return self.element([int(i) for i in np.unravel_index(flat, self.shape)])


@dataclass(frozen=True)
class Evidence:
    """What a kind may ask about the graph behind the outputs.

    Attributes:
        graph: canonical, of fixed shapes.
        reader: reads numbers of the outputs back.
        frame: height and width of the input; None where it is no picture.
        labels: how many class names there are; None where there are none.
    """

    graph: Graph
    reader: Reader
    frame: tuple[int, int] | None
    labels: int | None

    def read(self, output: Output, index: Sequence[int]) -> Reading:
        """How a number of an output is made."""
        return self.reader.read(output.element(index))

    def root_shape(self, output: Output, flat: int = 0) -> tuple[int, ...]:
        """The shape of the tensor that a number has been moved from."""
        return shape_of(self.graph, self.reader.root(output.at(flat)).tensor)

    def priors(self, output: Output) -> Array | None:
        """An item of an output where the network computes nothing but 0."""
        value = at_zero(self.graph, self._changed, output.name)
        return None if value is None else value.reshape(output.shape)

    @cached_property
    def _changed(self) -> set[str]:
        names = {name for node in self.graph.nodes for name in node.output}
        return {name for name in names if self.reader.changes(name)}


class HeadKind(ABC):
    """A kind of head: a class in a file of its own, and its place in the list of `kinds`."""

    name: ClassVar[str]

    @abstractmethod
    def match(
        self, outputs: Sequence[Output], evidence: Evidence
    ) -> tuple[list[Head], list[Output]]:
        """The heads of this kind, and the outputs that they read; none where there is none."""
