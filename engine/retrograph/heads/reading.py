"""How a number of an output is made of a layer's unit: what squashes it, and what is computed."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from retrograph.heads.elements import Element, broadcast, moved_from, shape_of
from retrograph.ir.analysis.origin import is_in_file
from retrograph.ir.graph import STANDARD_DOMAINS, Graph
from retrograph.ir.op_traits import TRAITS, Numbers
from retrograph.ir.patterns.squashing import Squash, changing, squashing

_MOST_STEPS = 200
_BY_CONSTANTS = {Numbers.FUNCTION, Numbers.ARITHMETIC}


@dataclass(frozen=True)
class Reading:
    """How a number is made, read back from an output.

    Attributes:
        element: the unit that it is made of: the logit, where something squashes it.
        squash: Sigmoid, Softmax, ... where one is crossed; "" where none is.
        computed: the operators crossed behind that, the last of the graph first.
        factors: of a product of two numbers that both change with the input, the two.
    """

    element: Element
    squash: str = ""
    computed: tuple[str, ...] = ()
    factors: tuple[Reading, ...] = ()

    @property
    def is_score(self) -> bool:
        """Whether it is a probability: squashed and nothing else, or a product of such."""
        if self.computed:
            return False
        if self.factors:
            return all(factor.is_score for factor in self.factors)
        return self.squash in ("Sigmoid", "Softmax")

    @property
    def is_bare(self) -> bool:
        """Whether it is the unit itself, moved."""
        return not (self.squash or self.computed or self.factors)


class Reader:
    """Reads the numbers of a graph back.

    Args:
        graph: canonical, of fixed shapes.
        sources: the inputs.
    """

    def __init__(self, graph: Graph, sources: Collection[str]) -> None:
        self.graph = graph
        self._changed = changing(graph, sources)
        self._squashes: dict[str, Squash | None] = {}

    def read(self, element: Element) -> Reading:
        """How an element is made."""
        computed: list[str] = []
        for _ in range(_MOST_STEPS):
            squash = self._squash(element.tensor)
            if squash is not None:
                element = Element(squash.input, element.index)
                if squash.kind == "quantiser":
                    continue
                return Reading(self.in_the_file(element), squash.kind, tuple(computed))
            before = moved_from(self.graph, element)
            if before is None:
                operands = self._operands(element)
                if not operands:
                    break
                computed.append(self.graph.producer[element.tensor].op_type)
                if len(operands) > 1:
                    return self._of_several(element, operands, computed)
                before = operands[0]
            element = before
        return Reading(element, computed=tuple(computed))

    def changes(self, name: str) -> bool:
        """Whether a tensor changes with the inputs."""
        return name in self._changed

    def root(self, element: Element) -> Element:
        """The element that nodes have only moved to this place."""
        for _ in range(_MOST_STEPS):
            before = moved_from(self.graph, element)
            if before is None:
                break
            element = before
        return element

    def in_the_file(self, element: Element) -> Element:
        """The same number at the last place that the file has a name for."""
        while not is_in_file(self.graph, element.tensor):
            before = moved_from(self.graph, element)
            if before is None:
                break
            element = before
        return element

    def cell(self, element: Element) -> tuple[float, float] | None:
        """The centre of the position (x, y of 0-1) of a feature map that a number stands at."""
        root = self.root(element)
        node = self.graph.producer.get(root.tensor)
        shape = shape_of(self.graph, root.tensor)
        if node is None or len(shape) != 4 or TRAITS.get(node.op_type) is None:
            return None
        row, column = root.index[2:]
        return (column + 0.5) / shape[3], (row + 0.5) / shape[2]

    def _of_several(
        self, element: Element, operands: list[Element], computed: list[str]
    ) -> Reading:
        *before, last = computed
        if last != "Mul" or len(operands) != 2:
            return Reading(element, computed=tuple(computed))
        factors = tuple(map(self.read, operands))
        return replace(Reading(element, computed=tuple(before)), factors=factors)

    def _is_product(self, name: str) -> bool:
        """Whether a tensor is a sum of products with weights."""
        node = self.graph.producer.get(name)
        traits = None if node is None else TRAITS.get(node.op_type)
        return traits is not None and traits.numbers in (Numbers.PRODUCT, Numbers.WINDOW)

    def _squash(self, name: str) -> Squash | None:
        if name not in self._squashes:
            self._squashes[name] = squashing(self.graph, name, self._changed)
        return self._squashes[name]

    def _operands(self, element: Element) -> list[Element]:
        """The elements that change with the inputs and of which alone a node computes this one."""
        node = self.graph.producer.get(element.tensor)
        if node is None or node.domain not in STANDARD_DOMAINS:
            return []
        traits = TRAITS.get(node.op_type)
        if traits is None or traits.numbers not in _BY_CONSTANTS or len(node.output) > 1:
            return []
        names = [str(name) for name in node.input if name in self._changed]
        shapes = [shape_of(self.graph, name) for name in names]
        if any(not shape or len(shape) > len(element.index) for shape in shapes):
            return []
        if node.op_type == "Add" and len(names) == 1 and self._is_product(names[0]):
            return []  # a bias
        return [
            Element(name, broadcast(element.index, shape))
            for name, shape in zip(names, shapes, strict=True)
        ]
