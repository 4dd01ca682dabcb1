"""What can go wrong, as one tree.

RetrographError
├── InputError            the user's input: file, layer, unit, picture, option (exit code 2)
│   ├── DeviceError       a device or a runtime that is asked for and not there
│   └── BlockedError      nodes on the way make a target one that cannot be explained
└── UnsupportedError      nodes of the model that cannot be treated (exit code 3)
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

Spelling = Callable[[str, str | None], str]
"""How a face writes a parameter and its value: `force=True`, or `--force` on a command line."""

_MARKED = re.compile("\ue000([^\ue001\ue002]*)(?:\ue001([^\ue002]*))?\ue002")


def parameter(name: str, value: object = None) -> str:
    """A parameter in a message, which whoever shows the message spells in its own way.

    Args:
        name: the keyword of the library's function.
        value: what would mend it; a placeholder in capitals, such as "FILE", stands for any.
            None where the parameter alone is meant.

    Returns:
        A marked piece of text, for the message of a `RetrographError` or for `spelled`.
    """
    return f"\ue000{name}\ue002" if value is None else f"\ue000{name}\ue001{value}\ue002"


_CALLS = {"layers()": "Model.layers()", "preprocess()": "retrograph.find_preprocessing()"}
"""What tells in Python what a command tells, where it is no function of the command's name."""


def command(name: str) -> str:
    """A command in a message, spelled like a parameter: `retrograph layers`, `Model.layers()`."""
    return parameter(f"{name}()")


def in_python(name: str, value: str | None) -> str:
    """A parameter as a keyword of Python: `force=True`, `labels=FILE`, `method="gradient"`."""
    if name.endswith("()"):
        return f"`{_CALLS.get(name, f'retrograph.{name}')}`"
    if value is None:
        return name
    is_text = value[:1].islower() and value.replace("-", "_").isidentifier()
    return f'{name}="{value}"' if is_text else f"{name}={value}"


def spelled(message: str, spelling: Spelling = in_python) -> str:
    """The message with its marked parameters written out."""
    return _MARKED.sub(lambda mark: spelling(mark[1], mark[2]), message)


def facts(message: str) -> str:
    """The message without its clauses that tell what to give: for a picture, which takes nothing.

    Clauses end at a semicolon or a colon; a parameter that is only mentioned is a part of a fact.
    """
    parts = re.split(r"(; |: )", message)
    clauses = zip(["", *parts[1::2]], parts[::2], strict=True)
    stated = [(mark, text) for mark, text in clauses if "\ue001" not in text]
    return spelled("".join(mark + text for mark, text in stated).removeprefix("; "))


def marked_parameters(message: str) -> tuple[str, ...]:
    """The names of the parameters that a message marks."""
    names = (name for name, _ in _MARKED.findall(message))
    return tuple(dict.fromkeys(name for name in names if not name.endswith("()")))


class RetrographError(Exception):
    """The root of every error that retrograph raises on purpose.

    Attributes:
        message: what, where and how to mend, its parameters marked by `parameter`; what puts an
            error into another one's message takes this, not its `str`.
        about: the parameter whose value is refused, where the message marks none.
    """

    exit_code = 2

    def __init__(self, message: str, *, about: str | None = None) -> None:
        self.message, self.about = message, about
        super().__init__(message)

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names of the parameters that would mend it."""
        refused = () if self.about is None else (self.about,)
        return tuple(dict.fromkeys((*refused, *marked_parameters(self.message))))

    def spelled(self, spelling: Spelling) -> str:
        """The message with its parameters as a face writes them."""
        return spelled(self.message, spelling)

    def __str__(self) -> str:
        return spelled(self.message)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"


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


def one_line(error: Exception) -> str:
    """What an error of another library says, or else its kind, without line breaks."""
    return " ".join(str(error).split()) or type(error).__name__


def did_you_mean(word: str, words: Iterable[str]) -> str:
    """The end of a message about a word that is unknown: the known one that is nearest, if any."""
    near = difflib.get_close_matches(word, words, n=1, cutoff=0.7)
    return f"; did you mean {near[0]}?" if near else ""
