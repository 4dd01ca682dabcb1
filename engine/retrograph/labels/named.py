"""Lists and mappings of names, in the order of the classes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from retrograph.errors import InputError

SYNSET: Final = re.compile(r"^n\d{8}\s+")
"""The WordNet number before a name."""

KEYS: Final = ("id2label", "names", "classes", "labels", "class_names", "categories")
"""Under what the names stand in files that hold more."""

_ONLY_SYNSET = re.compile(r"n\d{8}")
_NUMBERED = re.compile(r"([0-9]{1,6})(?:\s*[:;,]\s*|\s+)(\S.*)")
_DIGITS = re.compile(r"[0-9]{1,9}")
_MEND = "write a name a line, in the order of the classes"


def once(pairs: list[tuple[Any, Any]]) -> dict[Any, Any]:
    """A dictionary. Raises InputError where it names a thing twice."""
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for i, key in enumerate(keys) if key in keys[:i])
        raise InputError(f"names {twice!r} twice; take one of them away")
    return found


def names_in(found: Any) -> tuple[str, ...]:
    """The names in what JSON, Python or YAML say.

    Raises:
        InputError: there are none, or not one for each class from 0 on.
    """
    if isinstance(found, Mapping):
        key = next((k for k in KEYS if isinstance(found.get(k), (list, tuple, dict))), None)
        return _of_mapping(found) if key is None else names_in(found[key])
    if not isinstance(found, (list, tuple)):
        raise InputError(f"holds no list of names; {_MEND}")
    return _of_list(found)


def numbered_lines(lines: Sequence[str]) -> tuple[str, ...]:
    """Lines as names, by the numbers before them where these are those of the classes.

    Raises:
        InputError: they count from 1.
    """
    matches = [_NUMBERED.fullmatch(line) for line in lines]
    found = [(int(match[1]), match[2].strip()) for match in matches if match is not None]
    numbers = [number for number, _ in found]
    if len(found) < len(lines) or len(lines) < 2:
        return tuple(lines)
    if numbers == list(range(1, len(numbers) + 1)):
        raise InputError(f"counts its names from 1, and classes count from 0; {_MEND}")
    if sorted(numbers) != list(range(len(numbers))):
        return tuple(lines)
    return tuple(SYNSET.sub("", name) for _, name in sorted(found))


def _of_mapping(found: Mapping[Any, Any]) -> tuple[str, ...]:
    """Numbers that lead to names, or names to numbers: those are numbers, not digits in quotes."""
    keys, values = list(found), list(found.values())
    if found and all(map(_is_whole, values)) and not all(map(_is_whole, keys)):
        return _in_order(values, keys)
    if found and all(map(_is_digits, keys)) and not all(map(_is_whole, values)):
        return _in_order(keys, values)
    if found and all(map(_is_digits, values)) and not any(map(_is_digits, keys)):
        return _in_order(values, keys)
    raise InputError(f"leads neither from the numbers of classes to names nor back; {_MEND}")


def _of_list(found: Sequence[Any]) -> tuple[str, ...]:
    """Names in their order; or pairs of a number and a name, or what calls them id and name."""
    if not found:
        raise InputError("holds no labels; give a text file with a name a line")
    if all(isinstance(each, Mapping) for each in found):
        numbers = [each.get("id", each.get("index")) for each in found]
        names = [each.get("name", each.get("label")) for each in found]
        if all(number is None for number in numbers):
            return tuple(map(_name, names))
        return _in_order(numbers, names)
    pairs = all(isinstance(each, (list, tuple)) and len(each) == 2 for each in found)
    if pairs and all(_is_whole(each[0]) for each in found):
        return _in_order([each[0] for each in found], [each[1] for each in found])
    return tuple(map(_name, found))


def _in_order(numbers: Sequence[Any], names: Sequence[Any]) -> tuple[str, ...]:
    """Names in the order of their numbers.

    Raises:
        InputError: these are not those of the classes, each once.
    """
    if not all(map(_is_digits, numbers)):
        raise InputError(f"has a name without the number of its class; {_MEND}")
    placed = sorted(zip(map(int, numbers), names, strict=True), key=lambda pair: pair[0])
    for expected, (number, _) in enumerate(placed):
        if number != expected:
            if placed[0][0] == 1:
                raise InputError(f"counts its names from 1, and classes count from 0; {_MEND}")
            what = f"class {number} twice" if number < expected else f"no class {expected}"
            raise InputError(f"names {what}; give each class from 0 on one name")
    return tuple(_name(name) for _, name in placed)


def _name(found: Any) -> str:
    """A name; several of one class are joined, as in lists of ImageNet's."""
    match found:
        case str():
            return " ".join(SYNSET.sub("", found.strip()).split())
        case bool() | None:
            pass
        case int() | float():
            return str(found)
        case [*several] if several and all(isinstance(each, str) for each in several):
            names = [each for each in several if not _ONLY_SYNSET.fullmatch(each.strip())]
            return ", ".join(map(_name, names or several))
        case {"name": str(name)} | {"label": str(name)}:
            return _name(name)
    raise InputError(f"has {found!r:.60} where a name should be; {_MEND}")


def _is_whole(found: Any) -> bool:
    return isinstance(found, int) and not isinstance(found, bool)


def _is_digits(found: Any) -> bool:
    """Whether it is a number from 0, or written as one."""
    return bool(_DIGITS.fullmatch(found if isinstance(found, str) else str(found))) and (
        not isinstance(found, bool)
    )
