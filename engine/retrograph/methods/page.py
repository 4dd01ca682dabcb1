"""What a method's docstring says, by sections, and its parameters."""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass
from typing import Any

from retrograph.errors import InputError
from retrograph.methods.base import Method

SECTIONS = ("Formula", "Shapes", "Source", "Use", "Beware")


@dataclass(frozen=True, repr=False)
class Page:
    """What is said of a method, each a paragraph; `print` shows all of it.

    Attributes:
        name: the method's, as `explain` takes it.
        summary: what it shows, a sentence.
        needs_relu: whether it is only defined where there is a ReLU.
        sections: by their headings (`SECTIONS`).
        parameters: what each parameter is.
        defaults: the value of each parameter where none is given; "" for none.
    """

    name: str
    summary: str
    needs_relu: bool
    sections: dict[str, str]
    parameters: dict[str, str]
    defaults: dict[str, float | str]

    def to_dict(self) -> dict[str, Any]:
        """What `retrograph methods --json` prints of the method.

        Returns:
            name, summary, needs_relu, parameters {name: {default, meaning}}, formula, shapes,
            source, use, beware.
        """
        return {
            "name": self.name,
            "summary": self.summary,
            "needs_relu": self.needs_relu,
            "parameters": {
                name: {"default": default, "meaning": self.parameters[name]}
                for name, default in self.defaults.items()
            },
            **{heading.lower(): words for heading, words in self.sections.items()},
        }

    def __str__(self) -> str:
        lines = [f"{self.name}: {self.summary}"]
        lines += [f"{heading}: {words}" for heading, words in self.sections.items()]
        lines += [
            f"{name} ({self.defaults[name] or 'none'}): {meaning}"
            for name, meaning in self.parameters.items()
        ]
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}: {self.summary}>"


def page(method: Method) -> Page:
    """What a method's docstring says.

    Raises:
        InputError: it lacks a section.
    """
    text = inspect.getdoc(type(method)) or ""
    body, _, parameters = text.partition("\nAttributes:\n")
    summary, *paragraphs = (" ".join(part.split()) for part in body.split("\n\n"))
    said = dict(part.split(": ", 1) for part in paragraphs if ": " in part)
    lacking = [heading for heading in SECTIONS if heading not in said]
    if lacking:
        raise InputError(
            f"the docstring of '{method.name}' lacks {', '.join(lacking)}; write a paragraph "
            "'Heading: words' for each"
        )
    found = re.findall(r"^ +(\w+): (.*(?:\n {6,}.*)*)", parameters, re.MULTILINE)
    return Page(
        name=method.name,
        summary=summary,
        needs_relu=method.needs_relu,
        sections={heading: said[heading] for heading in SECTIONS},
        parameters={name: " ".join(words.split()) for name, words in found},
        defaults=method.parameters,
    )
