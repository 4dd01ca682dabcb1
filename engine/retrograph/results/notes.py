"""What is to be known of the results of several methods, each thing once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from retrograph.contract import Contract


@dataclass(frozen=True)
class Note:
    """Something to be known.

    Attributes:
        text: in words.
        methods: of whose results; none where it is so whatever the method.
    """

    text: str
    methods: tuple[str, ...]

    def __str__(self) -> str:
        return f"{', '.join(self.methods)}: {self.text}" if self.methods else self.text


def gather_notes(contracts: Mapping[str, Contract]) -> list[Note]:
    """The notes of built graphs, by their methods' names, without repetition.

    A note that starts with its method's name is of that method; another is of none in particular
    where all graphs have it.
    """
    by_text: dict[str, list[str]] = {}
    marked: set[str] = set()
    for method, contract in contracts.items():
        for note in contract.notes:
            text = note.removeprefix(f"{method}: ")
            by_text.setdefault(text, []).append(method)
            if text != note:
                marked.add(text)
    return [
        Note(text, () if len(methods) == len(contracts) and text not in marked else tuple(methods))
        for text, methods in by_text.items()
    ]
