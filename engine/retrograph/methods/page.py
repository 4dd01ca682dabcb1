"""What a method's docstring says, by sections."""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass

from retrograph.methods.base import Method

SECTIONS = ("Formula", "Shapes", "Source", "Use", "Beware")


@dataclass(frozen=True)
class Page:
    """What is said of a method, each a paragraph.

    Attributes:
        summary: its first line.
        sections: by their headings (`SECTIONS`).
        parameters: what each parameter is.
    """

    summary: str
    sections: dict[str, str]
    parameters: dict[str, str]


def page(method: Method) -> Page:
    """What a method's docstring says.

    Raises:
        LookupError: it lacks a section.
    """
    text = inspect.getdoc(type(method)) or ""
    body, _, parameters = text.partition("\nAttributes:\n")
    summary, *paragraphs = (" ".join(part.split()) for part in body.split("\n\n"))
    said = dict(part.split(": ", 1) for part in paragraphs if ": " in part)
    lacking = [heading for heading in SECTIONS if heading not in said]
    if lacking:
        raise LookupError(f"the docstring of '{method.name}' lacks {', '.join(lacking)}")
    found = re.findall(r"^ +(\w+): (.*(?:\n {6,}.*)*)", parameters, re.MULTILINE)
    return Page(
        summary=summary,
        sections={heading: said[heading] for heading in SECTIONS},
        parameters={name: " ".join(words.split()) for name, words in found},
    )
