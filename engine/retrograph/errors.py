"""What can go wrong, as one tree.

RetrographError
├── InputError            the user's input: file, layer, unit, picture, option (exit code 2)
│   ├── DeviceError       a device or a runtime that is asked for and not there
│   └── BlockedError      nodes on the way make a target one that cannot be explained
└── UnsupportedError      nodes of the model that cannot be treated (exit code 3)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class RetrographError(Exception):
    """The root of every error that retrograph raises on purpose."""

    exit_code = 2


class InputError(RetrographError):
    """A mistake in what was given; the message says what, where and how to mend, in one line."""


class DeviceError(InputError):
    """A device or runtime that was asked for is not there."""


@dataclass(frozen=True)
class Problem:
    """One node that cannot be treated.

    Attributes:
        node: the node's name.
        op: its operator, with the domain where it is not the standard one.
        reason: why it cannot be treated, and what is supported.
    """

    node: str
    op: str
    reason: str


class BlockedError(InputError):
    """A target cannot be explained for what nodes on its way make.

    Attributes:
        problems: these nodes.
    """

    def __init__(self, message: str, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__(message)


class UnsupportedError(RetrographError, NotImplementedError):
    """Nodes between the target and the input cannot be treated; the message lists them all."""

    exit_code = 3

    def __init__(self, head: str, problems: Sequence[Problem], mend: str) -> None:
        self.problems = tuple(problems)
        op = max((len(p.op) for p in problems), default=0)
        name = max((len(p.node) for p in problems), default=0)
        rows = [f"  {p.op:<{op}}  {p.node:<{name}}  {p.reason}" for p in problems]
        super().__init__("\n".join([head, *rows, mend]))
