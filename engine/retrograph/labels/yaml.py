"""As much of YAML as names of classes need; what is beyond that is refused by name."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from retrograph.errors import InputError
from retrograph.labels.named import KEYS, once

_QUOTED: Final = r""""(?:[^"\\]|\\.)*"|'(?:[^']|'')*'"""
_KEY: Final = re.compile(rf"({_QUOTED}|[^\s\"'\[\]{{}}&*!|>%@`,#-][^:]*?)\s*:(?:\s+(.*)|$)")
_TOP: Final = re.compile(rf"(?:{'|'.join(KEYS)})\s*:(?:\s|$)")
_PIECE: Final = re.compile(
    rf"\s*({_QUOTED}|[\[\]{{}},]|:(?=\s)|[^\s\[\]{{}},:\"'](?:[^\[\]{{}},:\n]|:(?=\S))*)"
)
_SPECIAL: Final = tuple("\"'[]{}&*!|>%@`,#")
_DEEPEST: Final = 3


def looks_like(text: str) -> bool:
    """Whether a text has names under one of the keys, or is a list of lines that begin with -."""
    lines = [line for line in text.splitlines() if line.strip()]
    return any(map(_TOP.match, lines)) or all(line.startswith("- ") for line in lines)


def parse(text: str) -> Any:
    """The list or mapping of names in a text.

    Raises:
        InputError: there is none, or it is written in a way that is not known here.
    """
    lines = [line for line in map(_bare, text.splitlines()) if line not in ("", "---", "...")]
    for number, line in enumerate(lines):
        if _TOP.match(line):
            rest = line.partition(":")[2].strip()
            below = lines[number + 1 :]
            return _flow(_pieces("\n".join([rest, *below]))) if rest else _block(_under(below))
    return _block(lines)


def _bare(line: str) -> str:
    """A line without the comment at its end."""
    found = re.match(rf"(?:(?:^|(?<=[\s\[{{,])){_QUOTED}|(?<!\s)(?<!^)#|[^#])*", line)
    return (found[0] if found else "").rstrip()


def _under(lines: Sequence[str]) -> list[str]:
    """The lines that belong to the key above them: those set in, or a list at the key's depth."""
    end = next((i for i, line in enumerate(lines) if not line.startswith((" ", "- "))), len(lines))
    return list(lines[:end])


def _block(lines: Sequence[str]) -> Any:
    """Lines "- NAME", or lines "KEY: NAME", all at one depth."""
    texts = [line.strip() for line in lines]
    if len({len(line) - len(line.lstrip()) for line in lines}) != 1:
        raise _unknown("the names are not in lines of one depth")
    if all(text.startswith("- ") for text in texts):
        return [_entry(text[2:].strip()) for text in texts]
    keys = [_KEY.fullmatch(text) for text in texts]
    if None in keys:
        raise _unknown(f"the line {texts[keys.index(None)]!r:.60} is no name with a number")
    return once([(_scalar(key[1]), _entry(key[2] or "")) for key in keys if key is not None])


def _entry(text: str) -> Any:
    return _flow(_pieces(text)) if text.startswith(("[", "{")) else _scalar(text)


def _scalar(text: str) -> str:
    """A text, with or without quotes; numbers and words of YAML's own stay texts."""
    if re.fullmatch(_QUOTED, text):
        return text[1:-1].replace("''", "'") if text[0] == "'" else _unescaped(text)
    is_nested = text.startswith("- ") or ": " in text
    if not text or is_nested or text.startswith(_SPECIAL) or text in ("~", "null"):
        raise _unknown(f"{text!r:.60} is no plain name")
    return text


def _unescaped(text: str) -> str:
    try:
        return str(json.loads(text))
    except ValueError:
        raise _unknown(f"the name {text:.60} has escapes that JSON has not") from None


def _pieces(text: str) -> Iterator[str]:
    """The marks, names and quoted names of a list in brackets."""
    at = 0
    while found := _PIECE.match(text, at):
        yield found[1].strip()
        at = found.end()


def _flow(pieces: Iterator[str], depth: int = 0) -> Any:
    """A list [a, b] or a mapping {0: a, 1: b}; what follows its end is left."""
    first = next(pieces, "")
    if first not in ("[", "{") or depth > _DEEPEST:
        raise _unknown("the names are no list in brackets")
    return _entries(first, pieces, depth)


def _entries(first: str, pieces: Iterator[str], depth: int) -> Any:
    end = "]" if first == "[" else "}"
    found: list[list[Any]] = [[]]
    for piece in pieces:
        match piece:
            case "]" | "}" if piece == end:
                return _closed(first, [each for each in found if each])
            case ",":
                found.append([])
            case "[" | "{" if depth < _DEEPEST:
                found[-1].append(_entries(piece, pieces, depth + 1))
            case _:
                found[-1].append(piece if piece == ":" else _scalar(piece))
    raise _unknown("a bracket is not closed")


def _closed(first: str, found: Iterable[list[Any]]) -> Any:
    """What stood between brackets: entries of one piece, or of a key, a colon and a value."""
    if first == "[" and all(len(each) == 1 for each in found):
        return [each[0] for each in found]
    if first == "{" and all(len(each) == 3 and each[1] == ":" for each in found):
        return once([(each[0], each[2]) for each in found])
    raise _unknown("what is in brackets is no plain list and no plain mapping")


def _unknown(reason: str) -> InputError:
    return InputError(
        f"is YAML of a kind that is not read ({reason}); write names: and below it a line "
        "0: NAME for each class, or a name a line and nothing else"
    )
