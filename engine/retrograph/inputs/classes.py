"""Whether a model tells classes apart, and how many."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from retrograph.errors import InputError
from retrograph.model import SCORES, Model

_MOVING: Final = {"Flatten", "Reshape", "Squeeze", "Unsqueeze", "Transpose", "Identity", "Cast"}


def class_count(model: Model) -> int | None:
    """How many classes the model tells apart; None if it is no classifier, or does not say.

    Numbers at positions that are only written as one row are no classes.
    """
    contract = model.contract
    if contract is not None:
        is_scored = contract.alias == SCORES and not _has_positions(model, contract.target)
        return _only_long(contract.shape) if is_scored else None
    try:
        target = model.target(None)
        return None if _has_positions(model, target) else _only_long(model.item(target))
    except InputError:
        return None


def scores_tensor(model: Model) -> str | None:
    """The tensor with a score for each class; None where what the model gives is no such.

    A single number is none.
    """
    if (class_count(model) or 0) < 2:
        return None
    return model.target(None) if model.contract is None else model.contract.target


def _has_positions(model: Model, name: str) -> bool:
    """Whether a tensor is one of several long axes, its numbers moved into one row."""
    graph = model.graph
    node = graph.producer.get(name)
    while node is not None and node.op_type in _MOVING:
        name = node.input[0]
        node = graph.producer.get(name)
    tensor = graph.tensor(name)
    if tensor is None or tensor.shape is None:
        return False
    return len([dim for dim in tensor.shape[1:] if dim != 1]) > 1


def _only_long(item: Sequence[int | str | None]) -> int | None:
    """The one dimension that is not 1; None where it is open, or there is none or another."""
    long = [d for d in item if d != 1] or [*item[:1]]
    return long[0] if len(long) == 1 and isinstance(long[0], int) else None
