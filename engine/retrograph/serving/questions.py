"""What a request asks: parameters by the names of Python's keywords, checked."""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from retrograph.errors import InputError, parameter
from retrograph.pipeline.aim import aim_of
from retrograph.pipeline.calls import question_of
from retrograph.pipeline.settings import Question
from retrograph.render import style_named
from retrograph.serving.refusals import Refused
from retrograph.serving.spelling import keyword_of

FORMATS: Final = {
    "json": "application/json",
    "npy": "application/x-npy",
    "npz": "application/x-npz",
    "png": "image/png",
}
"""What an answer may be, and its media type."""

_ALSO: Final = {
    "application/octet-stream": "npy",
    "application/zip": "npz",
    "image/*": "png",
    "application/*": "json",
    "*/*": "json",
}
"""What else is accepted, and what then is answered."""


@dataclass(frozen=True)
class Ask:
    """What a request asks.

    Attributes:
        model: its name; None for the only one.
        question: of it.
        preprocessing: a preset's name; as the service says if None.
        outputs: whether the model's own outputs are computed, which the class scores are read from.
        style: of a picture; the method's own if None.
        format: one of FORMATS.
    """

    model: str | None
    question: Question
    preprocessing: str | None
    outputs: bool
    style: str | None
    format: str

    @classmethod
    def of_nothing(cls) -> Ask:
        """What is asked if nothing is."""
        return cls(None, Question(), None, True, None, "json")


def asked(parameters: Mapping[str, Any], accept: str) -> Ask:
    """What is asked by parameters of a query, or of a JSON object.

    Args:
        parameters: by their names, as texts or, of JSON, as numbers and lists.
        accept: the header, which says what is answered where no parameter does.

    Raises:
        InputError: one is unknown, or none of what it may be.
        Refused: nothing is accepted that can be answered.
    """
    unknown = next((name for name in parameters if name not in PARAMETERS), None)
    if unknown is not None:
        near = difflib.get_close_matches(unknown, PARAMETERS, n=1)
        hint = f"did you mean '{near[0]}'? " if near else ""
        raise InputError(
            f"there is no parameter '{unknown}'; {hint}choose from: {', '.join(PARAMETERS)}",
            about=unknown,
        )
    given = {name: value for name, value in parameters.items() if value is not None}
    values = {name: PARAMETERS[name](name, value) for name, value in given.items()}
    get = values.get
    question = question_of(get("method"), get("unit"), get("layer"), get("top", 1), get("wrt"))
    if isinstance(question.unit, tuple) and not question.unit:
        raise InputError(f"{parameter('unit')} names none; leave it out for the most active one")
    aims = {keyword_of(name): get(name) for name in ("box", "at", "class", "what", "over")}
    if get("style") is not None:
        style_named(values["style"])
    return Ask(
        model=get("model"),
        question=replace(question, aim=aim_of(**aims)),
        preprocessing=get("preprocessing"),
        outputs=get("outputs", True),
        style=get("style"),
        format=get("format") or accepted(accept),
    )


def accepted(accept: str) -> str:
    """Which of FORMATS a header asks for; JSON where there is none.

    Raises:
        Refused: none of them.
    """
    known = {media: name for name, media in FORMATS.items()} | _ALSO
    ranked = sorted(map(_ranked, accept.lower().split(",")), key=lambda pair: -pair[1])
    for media, quality in ranked:
        if media in known and quality > 0:
            return known[media]
    if not accept.strip():
        return "json"
    raise Refused(406, f"{accept!r:.100} is not answered; accept one of {', '.join(known)}")


def _ranked(part: str) -> tuple[str, float]:
    """A media type of Accept, and how much it is wanted."""
    media, *options = (each.strip() for each in part.split(";"))
    quality = next((each[2:] for each in options if each.startswith("q=")), "1")
    try:
        return media, float(quality)
    except ValueError:
        return media, 0.0


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise InputError(f"{parameter(name)} is {value!r:.60}; give a text")
    return value


def _count(name: str, value: Any) -> int:
    number = _number(value)
    if number is None:
        raise InputError(f"{parameter(name)} is {value!r:.60}; give a whole number")
    return number


def _number(value: Any) -> int | None:
    """A whole number, or its digits; None for anything else."""
    if isinstance(value, str) and value.removeprefix("-").isdecimal() and len(value) < 19:
        return int(value)
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return value if is_number and abs(value) < 2**63 else None


def _unit(name: str, value: Any) -> Any:
    if isinstance(value, str):
        return _text(name, value)
    parts = value if isinstance(value, list) else [value]
    if not all(isinstance(part, str) or _number(part) is not None for part in parts):
        raise InputError(
            f"{parameter(name)} is {json.dumps(value)[:60]}; give a name, a number or a list of "
            "one unit's numbers"
        )
    return value


def _class(name: str, value: Any) -> str | int:
    return _text(name, value) if isinstance(value, str) else _count(name, value)


def _place(name: str, value: Any) -> Any:
    if isinstance(value, str):
        return _text(name, value)
    numbers = value if isinstance(value, list) else [None]
    if not all(isinstance(n, (int, float)) and not isinstance(n, bool) for n in numbers):
        raise InputError(
            f"{parameter(name)} is {json.dumps(value)[:60]}; give a place, such as 40,30"
        )
    return numbers


def _yes(name: str, value: Any) -> bool:
    if value in (True, "true", "1"):
        return True
    if value in (False, "false", "0"):
        return False
    raise InputError(f"{parameter(name)} is {value!r:.60}; give true or false")


def _format(name: str, value: Any) -> str:
    if not isinstance(value, str) or value not in FORMATS:
        raise InputError(f"{parameter(name)} is {value!r:.60}; choose from: {', '.join(FORMATS)}")
    return value


PARAMETERS: Final[dict[str, Callable[[str, Any], Any]]] = {
    "model": _text,
    "layer": _text,
    "unit": _unit,
    "method": _text,
    "wrt": _text,
    "top": _count,
    "box": _count,
    "at": _place,
    "class": _class,
    "what": _text,
    "over": _place,
    "preprocessing": _text,
    "outputs": _yes,
    "style": _text,
    "format": _format,
}
"""What a request may ask, and what reads it."""
