"""The first tensor of a network of which something holds, by few questions."""

from __future__ import annotations

from collections.abc import Callable, Container

from retrograph.auditing.network import Network


def first_tensor(
    network: Network,
    end: str,
    holds: Callable[[str], bool],
    among: Container[str] | None = None,
) -> str:
    """A tensor of which something holds, and of none that it is computed from.

    Args:
        network: whose tensors are asked for.
        end: a tensor of which it holds.
        holds: asked of tensors before that one, of as few as halving the way needs.
        among: the tensors that can be asked for, the end among them; all if None.
    """
    asked = network.nodes if among is None else among
    places = network.place
    names = [name for name in network.nodes if places[name] <= places[end] and name in asked]
    low, high = -1, len(names) - 1
    while high - low > 1:
        middle = (low + high) // 2
        if holds(names[middle]):
            high = middle
        else:
            low = middle
    found = names[high]
    while above := _parent(network, found, holds, asked):
        found = above
    return found


def _parent(
    network: Network, name: str, holds: Callable[[str], bool], asked: Container[str]
) -> str | None:
    """The nearest tensor above that can be asked for and of which it holds."""
    seen: set[str] = set()
    waiting = [*network.parents[name]]
    while waiting:
        above = waiting.pop()
        if above in seen or above not in network.nodes:
            continue
        seen.add(above)
        if above not in asked:
            waiting.extend(network.parents[above])
        elif holds(above):
            return above
    return None
