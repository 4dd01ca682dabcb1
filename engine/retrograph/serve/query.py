"""What the page asks, and what it is answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from retrograph.errors import InputError, parameter
from retrograph.results.base import json_text
from retrograph.serving.questions import PARAMETERS, Ask, asked

QUESTION: Final = frozenset(PARAMETERS) - {"format"}
"""The parameters of a question, as `/v1/explain` has them."""


@dataclass(frozen=True)
class Query:
    """The parameters of a request, each once.

    Attributes:
        values: by their names.
    """

    values: Mapping[str, str]

    def text(self, name: str) -> str | None:
        """A parameter as it is; None where it is not given, or empty."""
        return self.values.get(name) or None

    def needed(self, name: str) -> str:
        """A parameter that has to be given.

        Raises:
            InputError: it is not.
        """
        value = self.text(name)
        if value is None:
            raise InputError(f"{parameter(name)} is not given; give it")
        return value

    def count(self, name: str, usual: int, most: int) -> int:
        """A whole number from 0 to `most`.

        Raises:
            InputError: it is none.
        """
        text = self.text(name)
        if text is None:
            return usual
        if not text.isdecimal() or len(text) > 9 or int(text) > most:
            raise InputError(f"{parameter(name)} is {text!r:.60}; give a whole number up to {most}")
        return int(text)

    def numbers(self, name: str) -> tuple[int, ...] | None:
        """Whole numbers from 0, as in "17,4,5"; None where none are given.

        Raises:
            InputError: they are none.
        """
        text = self.text(name)
        if text is None:
            return None
        parts = text.split(",")
        if not all(part.isdecimal() and len(part) < 10 for part in parts):
            raise InputError(f"{parameter(name)} is {text!r:.60}; give numbers, such as 17,4,5")
        return tuple(map(int, parts))

    def choice(self, name: str, choices: tuple[str, ...]) -> str:
        """One of some words; the first where it is not given.

        Raises:
            InputError: it is none of them.
        """
        text = self.text(name) or choices[0]
        if text not in choices:
            raise InputError(
                f"{parameter(name)} is {text!r:.60}; choose from: {', '.join(choices)}"
            )
        return text

    def question(self) -> Ask:
        """What is asked of a model.

        Raises:
            InputError: a parameter is none of what it may be.
        """
        given = {name: value for name, value in self.values.items() if value}
        return asked({name: given[name] for name in given if name in QUESTION}, "")

    def asking_nothing(self) -> Ask:
        """What is explained if nothing is asked, by the preprocessing that is."""
        ask = self.question()
        return replace(Ask.of_nothing(), preprocessing=ask.preprocessing)


@dataclass(frozen=True)
class Answer:
    """What a request is answered.

    Attributes:
        content: the body.
        media: its type.
        name: of the file that it is saved as; "" where it is shown.
    """

    content: bytes
    media: str
    name: str = ""


def json_answer(record: Any) -> Answer:
    """A record as it is answered."""
    return Answer(json_text(record, None).encode(), "application/json")
