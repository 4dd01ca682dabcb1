"""Classes that are named by a part of their names, and what a note says of them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from retrograph.errors import InputError
from retrograph.pipeline.settings import Question
from retrograph.pipeline.units import class_named
from retrograph.results.unit_names import class_name


def completed_names(question: Question, labels: Sequence[str]) -> list[str]:
    """A note for each class that is named by a part of its name alone.

    Args:
        question: names units or a class.
        labels: the class names.
    """
    named = [question.aim.class_] if question.aim.class_ is not None else _words(question.unit)
    notes = []
    for text in dict.fromkeys(str(each).strip() for each in named):
        try:
            label = class_named(text, labels)
        except InputError:
            continue
        names = [part.strip().casefold() for part in labels[label].split(",")]
        if text.casefold() not in (*names, labels[label].casefold()):
            notes.append(f"'{text}' is taken for {class_name(label, labels)}")
    return notes


def _words(unit: object) -> list[str]:
    """What may be names of classes in a unit as people name it."""
    if isinstance(unit, (list, tuple)):
        return [word for each in unit for word in _words(each)]
    if not isinstance(unit, str) or unit == "top":
        return []
    parts = [part for part in re.split("[,;]", unit) if part.strip(" -0123456789")]
    return [word for part in parts for word in (part, *part.split("-"))]
