"""What is found on the way from the target to the inputs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from onnx import NodeProto

from retrograph.errors import Problem
from retrograph.ir.analysis.origin import origin
from retrograph.ir.graph import Graph
from retrograph.ir.passes.quantize.truncation import comes_back, is_truncation
from retrograph.ir.path import ancestors, flow


@dataclass(frozen=True)
class Place:
    """A node on the path, as the file has it.

    Attributes:
        node: its name; that of the node of the file that it has come of.
        op: its operator in the file, with the domain where it is not the standard one.
        tensor: what it makes.
    """

    node: str
    op: str
    tensor: str


@dataclass(frozen=True)
class RouteFacts:
    """What lies between the target and the inputs, whatever the method.

    Attributes:
        item: the shape of one item of the target; None where a dimension is open.
        channel_axis: its axis that counts channels.
        relu: the nodes that a ReLU rule treats.
        straight_through: those that the cotangent passes unchanged, as rounding has no derivative.
        smooth: the activations that are no ReLU, and take their ordinary derivative.
    """

    item: tuple[int | None, ...]
    channel_axis: int
    relu: tuple[Place, ...]
    straight_through: tuple[Place, ...]
    smooth: tuple[Place, ...]


@dataclass(frozen=True)
class Report(RouteFacts):
    """What is found on the way from the target to the inputs, by a method.

    Attributes:
        parameters: of the method, those chosen for the path included.
        problems: the nodes that cannot be treated; empty where the graph can be built.
        notes: what a user should know of the result, a line each.
        names: what the inputs and outputs that are added are called, by their names in the
            contract.
    """

    parameters: Mapping[str, float | str]
    problems: tuple[Problem, ...]
    notes: tuple[str, ...]
    names: Mapping[str, str]


def rounding_notes(ops: Sequence[str], straight_through: bool) -> list[str]:
    """What is to be known of the operators on the path that round."""
    signs = ops.count("Sign")
    rest = len(ops) - signs
    if not straight_through:
        what = _listed(rest, signs)
        return [f"{what} pass nothing: the derivative of rounding is 0"] if ops else []
    notes = []
    if rest:
        notes.append(
            f"{_listed(rest, 0)} pass the cotangent straight through: the derivative of rounding "
            "is 0"
        )
    if signs:
        notes.append(
            f"{_listed(0, signs)} pass the cotangent straight through where |x| is at most 1: the "
            "derivative of a sign is 0"
        )
    return notes


def _listed(rest: int, signs: int) -> str:
    parts = ((rest, "quantised activations"), (signs, "signs"))
    return " and ".join(f"{count} {name}" for count, name in parts if count)


def counted_once(nodes: Iterable[tuple[Graph, NodeProto]]) -> list[tuple[Graph, NodeProto]]:
    """Nodes that round, a truncation by its Floor alone: its Ceil is for numbers below 0."""
    found = list(nodes)
    floored = {n.input[0] for _, n in found if n.op_type == "Floor"}
    return [(g, n) for g, n in found if n.op_type != "Ceil" or n.input[0] not in floored]


def truncation_notes(graph: Graph, sources: Sequence[str], target: str) -> list[str]:
    """What is to be known of Casts to whole numbers and back that pass nothing; none, or a line."""
    reached, behind = flow(graph, sources), ancestors(graph, target)
    cutting = [
        origin(graph, node)
        for node in graph.nodes
        if is_truncation(graph, node)
        and node.input[0] in reached
        and node.output[0] in behind - graph.lifted
        and comes_back(graph, node)
    ]
    if not cutting:
        return []
    names = ", ".join(f"'{node.name}'" for node in cutting)
    return [
        f"nothing passes Cast {names}: the derivative of what it cuts off behind the point is 0"
    ]
