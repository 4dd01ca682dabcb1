"""The first tensor of a network of which something holds, by few questions."""

from __future__ import annotations

from collections.abc import Callable

from retrograph.auditing.network import Network


def first_tensor(network: Network, end: str, holds: Callable[[str], bool]) -> str:
    """A tensor of which something holds, and of none that it is computed from.

    Args:
        network: whose tensors are asked for.
        end: a tensor of which it holds.
        holds: asked of tensors before that one, of as few as halving the way needs.
    """
    names = [name for name in network.nodes if network.place[name] <= network.place[end]]
    low, high = -1, len(names) - 1
    while high - low > 1:
        middle = (low + high) // 2
        if holds(names[middle]):
            high = middle
        else:
            low = middle
    found = names[high]
    while above := _parent(network, found, holds):
        found = above
    return found


def _parent(network: Network, name: str, holds: Callable[[str], bool]) -> str | None:
    parents = (parent for parent in network.parents[name] if parent in network.nodes)
    return next((parent for parent in parents if holds(parent)), None)
