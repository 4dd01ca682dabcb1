"""The nodes between the explained inputs and the targets."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from onnx import NodeProto

from retrograph.ir.graph import Graph, is_float, reads


@dataclass(frozen=True)
class Path:
    """What the cotangents pass on their way from the targets to the inputs.

    Attributes:
        nodes: in forward order.
        tensors: the floating-point tensors on the way, ends included.
    """

    nodes: tuple[NodeProto, ...]
    tensors: frozenset[str]


@dataclass(frozen=True)
class Composite:
    """Nodes that a method treats as one, with one input and one output that others read.

    Attributes:
        op: what they make together.
        nodes: in forward order; the last one makes the output.
        input: the tensor that they are a function of.
    """

    op: str
    nodes: tuple[NodeProto, ...]
    input: str

    @property
    def name(self) -> str:
        return str(self.nodes[-1].name)

    @property
    def output(self) -> str:
        return str(self.nodes[-1].output[0])

    @property
    def inside(self) -> set[str]:
        """The tensors between its input and its output."""
        return {str(name) for node in self.nodes[:-1] for name in node.output}


def ancestors(graph: Graph, target: str) -> set[str]:
    """Every tensor that the target is computed from, itself included."""
    found: set[str] = set()
    waiting = [target]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            if name in graph.producer:
                waiting.extend(reads(graph.producer[name]))
    return found


def flow(graph: Graph, sources: Collection[str], blocked: Collection[str] = ()) -> set[str]:
    """The floating-point tensors, and sequences of such, that change with the sources.

    Nothing flows through the nodes named in `blocked` (not differentiable ones).
    """
    reached = set(sources)
    for node in graph.nodes:
        if node.name not in blocked and not reached.isdisjoint(reads(node)):
            reached.update(o for o in node.output if _is_float(graph, o))
    return reached


def path(
    graph: Graph, sources: Collection[str], targets: Collection[str], blocked: Collection[str]
) -> Path:
    """The path from the sources to the targets; without nodes if no target depends on them."""
    reached = flow(graph, sources, blocked)
    tensors: set[str] = set()
    waiting = [target for target in targets if target in reached]
    while waiting:
        name = waiting.pop()
        maker = graph.producer.get(name)
        if name not in tensors and maker is not None:
            waiting.extend(r for r in reads(maker) if r in reached)
        tensors.add(name)
    nodes = tuple(
        n
        for n in graph.nodes
        if n.name not in blocked
        and not tensors.isdisjoint(n.output)
        and not tensors.isdisjoint(reads(n))
    )
    return Path(nodes, frozenset(tensors))


def narrows(way: Path, sources: Collection[str]) -> set[str]:
    """The tensors on a path that everything passes on its way from the sources."""
    last = {name: i for i, node in enumerate(way.nodes) for name in reads(node)}
    live, found = {*sources} & way.tensors, set[str]()
    for i, node in enumerate(way.nodes):
        live = {name for name in live if last.get(name, -1) > i}
        live.update(name for name in node.output if name in way.tensors)
        if len(live) == 1:
            found |= live
    return found


def dependents(graph: Graph, sources: Collection[str], target: str) -> list[NodeProto]:
    """The nodes that change with the sources and that the target needs, in forward order."""
    changed = set(sources)
    found = []
    for node in graph.needed([target])[0]:
        if not changed.isdisjoint(reads(node)):
            changed.update(node.output)
            found.append(node)
    return found


def _is_float(graph: Graph, name: str) -> bool:
    """Whether it is a tensor of floating-point numbers, or a sequence or an optional of some."""
    if name in graph.containers:
        return is_float(graph.containers[name])
    tensor = graph.tensor(name) if name else None
    return tensor is not None and tensor.is_float
