"""A region as a bug report: its nodes in both files as small models, with what goes in and out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from retrograph.auditing.activations import Activations
from retrograph.auditing.network import Network
from retrograph.auditing.repair import Step
from retrograph.ir.compose.cut import part_model
from retrograph.ir.graph import ModelProto
from retrograph.runtime import Array

_MOST_BYTES = 100_000_000


@dataclass(frozen=True)
class RegionCase:
    """A region to be run by itself.

    Attributes:
        a, b: its nodes as models.
        arrays: of the first run: `a/NAME` and `b/NAME` for each input and for the output.
    """

    a: ModelProto = field(repr=False)
    b: ModelProto = field(repr=False)
    arrays: dict[str, Array] = field(repr=False)


def region_case(step: Step) -> RegionCase | None:
    """The region of a step by itself; None where a file has nothing there, or it is large."""
    region, before = step.region, step.before
    if not (region.a_tensors and region.b_tensors):
        return None
    a, arrays_a = _part(before.a, [*region.a_moves, *region.a_tensors], region.a_end)
    b, arrays_b = _part(before.b, [*region.b_moves, *region.b_tensors], region.b_end)
    if a.ByteSize() + b.ByteSize() > _MOST_BYTES:
        return None
    arrays = {f"a/{name}": value for name, value in arrays_a.items()}
    return RegionCase(a, b, arrays | {f"b/{name}": value for name, value in arrays_b.items()})


def runtime_case(
    plain: Activations, tensors: Sequence[str], end: str, computed: Array
) -> RegionCase | None:
    """Nodes that a runtime computes otherwise, by themselves: B's model is A's; None if large."""
    model, arrays = _part(plain, tensors, end)
    if model.ByteSize() > _MOST_BYTES:
        return None
    rows = len(computed) // len(plain.feeds)
    theirs = {**arrays, end: computed[:rows]}
    named = {f"a/{name}": value for name, value in arrays.items()}
    return RegionCase(model, model, named | {f"b/{n}": value for n, value in theirs.items()})


def _part(
    activations: Activations, tensors: Sequence[str], end: str
) -> tuple[ModelProto, dict[str, Array]]:
    network = activations.network
    entries = _entries(network, tensors)
    inner = [name for name in entries if name in network.nodes]
    values = activations.values([*inner, end])
    model = part_model(network.graph, [end], {name: values[name].ndim for name in inner})
    feeds = activations.feeds[0]
    rows = len(activations.feeds)
    arrays = {name: value[: len(value) // rows] for name, value in values.items()}
    return model, arrays | {name: feeds[name] for name in entries if name in feeds}


def _entries(network: Network, tensors: Sequence[str]) -> list[str]:
    """What the nodes of some tensors read that is computed elsewhere."""
    read = (parent for name in tensors for parent in network.parents[name])
    return [name for name in dict.fromkeys(read) if name not in tensors]
