"""Where the tensors of a network that have partners end, and those that have none begin."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from retrograph.auditing.network import Network


@dataclass(frozen=True)
class Settled:
    """What is settled of a network.

    Attributes:
        names: the settled tensors: with a partner, or with nothing but settled ones computed from
            them (the inside of a fusion, say), or moved from settled ones.
        starts: the first tensors that are not: all that their nodes read is settled.
    """

    names: frozenset[str]
    starts: tuple[str, ...]


def settle(network: Network, agreeing: Collection[str], ignored: Collection[str] = ()) -> Settled:
    """What is settled where some tensors have partners.

    Args:
        network: one of the two.
        agreeing: its tensors that have a partner; an output has one only where it agrees with the
            same output.
        ignored: outputs that the other network has not.
    """
    outputs = set(network.outputs) - set(ignored)
    names = set(network.inputs) | (set(agreeing) & network.nodes.keys())
    for name in reversed(network.nodes):
        children = network.children.get(name, ())
        inside = all(child in names for child in children) and (bool(children) or name in ignored)
        if inside and name not in outputs:
            names.add(name)
    for name, parents in network.parents.items():
        if network.only_moves(name) and name not in outputs and all(p in names for p in parents):
            names.add(name)
    starts = [
        name
        for name, parents in network.parents.items()
        if name not in names and all(parent in names for parent in parents)
    ]
    return Settled(frozenset(names), tuple(starts))
