"""What the inputs and outputs that a built graph adds are called."""

from __future__ import annotations

from collections.abc import Collection, Sequence

PREFIX = "retrograph."
"""What stands before names of ours: the keys of the metadata, and names that give way."""

SCORE, UNIT = "score", "unit"

BIAS_RELEVANCE = "bias_relevance"
"""The output of a method of relevance that holds what fell to biases and constants."""


def attribution_names(explained: Sequence[str]) -> tuple[str, ...]:
    """The names by the contract of the outputs that hold the attributions of some inputs."""
    if len(explained) == 1:
        return ("attribution",)
    return tuple(f"attribution.{name}" for name in explained)


def giving_way(names: Sequence[str], taken: Collection[str]) -> dict[str, str]:
    """What each is called where the model has inputs and outputs of its own.

    A name that the model has stays the model's, and ours gets "retrograph." put before it, as often
    as it takes.
    """
    found: dict[str, str] = {}
    for name in names:
        called = name
        while called in taken or called in found.values() or (called != name and called in names):
            called = PREFIX + called
        found[name] = called
    return found
