"""What is found on the way from the target to the inputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from retrograph.errors import Problem


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
class Report:
    """What is found on the way from the target to the inputs.

    Attributes:
        item: the shape of one item of the target; None where a dimension is open.
        channel_axis: its axis that counts channels.
        parameters: of the method, those chosen for the path included.
        problems: the nodes that cannot be treated; empty where the graph can be built.
        relu: the nodes that a ReLU rule treats.
        straight_through: those that the cotangent passes unchanged, as rounding has no derivative.
        smooth: the activations that are no ReLU, and take their ordinary derivative.
        notes: what a user should know of the result, a line each.
        names: what the inputs and outputs that are added are called, by their names in the
            contract.
    """

    item: tuple[int | None, ...]
    channel_axis: int
    parameters: Mapping[str, float | str]
    problems: tuple[Problem, ...]
    relu: tuple[Place, ...]
    straight_through: tuple[Place, ...]
    smooth: tuple[Place, ...]
    notes: tuple[str, ...]
    names: Mapping[str, str]
