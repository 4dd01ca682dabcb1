"""A text becomes the names of classes: lines, JSON, literals of Python, YAML."""

from __future__ import annotations

import ast
import json
import re
import warnings
from typing import Any, Final

from retrograph.errors import InputError
from retrograph.labels import yaml
from retrograph.labels.named import SYNSET, names_in, numbered_lines, once

_ASSIGNED: Final = re.compile(r"(?:(?:var|let|const)\s+)?[A-Za-z_][\w.]*\s*=\s*(?=[\[{(])")
_BRACKETED: Final = re.compile(r"\[[^\[\]{}\"',:]*\] *\n")
"""A first line that is a name in brackets."""
_COMMENTS: Final = re.compile(r"(?:\s*(?:#|//).*\n)+")

_FOREIGN: Final = {
    "<": "a page or document in HTML or XML; save its text alone",
    "item {": "a label map of TensorFlow; write a name a line, in the order of the classes",
    "{\\rtf": "a document of a word processor; save it as plain text",
}
"""How what holds names in another way begins, and what it is."""


def parse_labels(text: str, *, is_yaml: bool = False) -> tuple[str, ...]:
    """The names of classes in a text, in the order of the classes.

    A name a line, possibly after the class's number or a WordNet number; JSON or a literal of
    Python, possibly assigned to a name: a list of names, or what leads from numbers to names or
    from names to numbers; or YAML of one of these (`is_yaml`, or where it looks like that), with
    `names` in it as in data sets of Ultralytics. Where several names are given of a class they are
    joined by commas; WordNet numbers are left out.

    Raises:
        InputError: it holds no names, or not one of each class from 0 on.
    """
    text = text.strip()
    if not text:
        raise InputError("holds no labels; give a text file with a name a line")
    bare = _COMMENTS.sub("", text) if _COMMENTS.match(text) else text
    for beginning, what in _FOREIGN.items():
        if re.sub(r"\s+", " ", bare[:99]).lower().startswith(beginning):
            raise InputError(f"is {what}")
    assigned = _ASSIGNED.match(bare)
    if assigned or (bare[0] in "[{" and not _BRACKETED.match(bare)):
        return names_in(_literal(bare[assigned.end() if assigned else 0 :].rstrip("; \n")))
    if is_yaml or yaml.looks_like(bare):
        return names_in(yaml.parse(text))
    names = [SYNSET.sub("", line.strip()) for line in text.splitlines()]
    return numbered_lines(names)


def _literal(text: str) -> Any:
    """What JSON or a literal of Python says.

    Raises:
        InputError: it is neither, or names a thing twice.
    """
    try:
        return json.loads(text, object_pairs_hook=once)
    except (ValueError, RecursionError) as error:
        reason = str(error)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text, mode="eval")
            for node in ast.walk(tree):
                if isinstance(node, ast.Dict):
                    once([(ast.literal_eval(key or node), None) for key in node.keys])
            return ast.literal_eval(tree)
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        raise InputError(
            f"begins like JSON or a literal of Python and is neither ({reason}); "
            "mend it, or write a name a line"
        ) from None
