"""What people ask of a model's outputs: this box, this class, these pixels."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

from retrograph.errors import InputError, parameter
from retrograph.heads import BoxHead, MapHead, head_from_json

WHATS: Final = ("class", "objectness", "box")
"""What of a box is explained: its class's logit, that of its objectness, its width and height."""
OVERS: Final = ("mask", "all")
"""Which pixels of a map are summed, if not one or those of a rectangle."""

Pixels: TypeAlias = str | Sequence[float]
HeadLayout: TypeAlias = str | os.PathLike[str] | Mapping[str, Any] | BoxHead | MapHead


@dataclass(frozen=True, kw_only=True)
class Aim:
    """What is asked of the outputs.

    Attributes:
        box: the number of a box, the strongest being 0.
        at: x and y, in pixels of the input as the model sees it.
        class_: a class, by its name or its number.
        what: one of WHATS; the class if None.
        over: mask, all, or x and y of a pixel, or x0, y0, x1, y1 of a rectangle.
        head: the layout of the outputs; as it is found if None.
    """

    box: int | None = None
    at: tuple[float, ...] | None = None
    class_: str | int | None = None
    what: str | None = None
    over: str | tuple[float, ...] | None = None
    head: BoxHead | MapHead | None = None

    @property
    def is_open(self) -> bool:
        """Whether nothing is asked."""
        return self == Aim()

    @property
    def asked(self) -> str:
        """The parameters that are given, for messages."""
        names = ("box", "at", "class_", "what", "over", "head")
        given = [name for name in names if getattr(self, name) is not None]
        return " and ".join(parameter(name) for name in given)


ANYTHING: Final = Aim()


def aim_of(
    *,
    box: int | None = None,
    at: Pixels | None = None,
    class_: str | int | None = None,
    what: str | None = None,
    over: Pixels | None = None,
    head: HeadLayout | None = None,
) -> Aim:
    """What is asked, read.

    Raises:
        InputError: something is none of what it may be, or does not go with the rest.
    """
    if what is not None and what not in WHATS:
        raise InputError(f"{parameter('what', what)} is none; give one of: {', '.join(WHATS)}")
    if box is not None and (isinstance(box, bool) or not isinstance(box, int) or box < 0):
        raise InputError(f"{parameter('box', box)} is no number of a box; count from 0")
    if box is not None and at is not None:
        raise InputError(f"give {parameter('box')} or {parameter('at')}: each names a box")
    region = over if over is None or over in OVERS else _pixels("over", over, (2, 4))
    return Aim(
        box=box,
        at=None if at is None else _pixels("at", at, (2,)),
        class_=class_,
        what=what,
        over=region if region is None or isinstance(region, str) else tuple(region),
        head=None if head is None else _layout(head),
    )


def _pixels(name: str, text: Pixels, counts: Sequence[int]) -> tuple[float, ...]:
    """The numbers of a place: X,Y or x0,y0,x1,y1."""
    words = text.split(",") if isinstance(text, str) else text
    kinds = " or ".join({2: "x,y of a pixel", 4: "x0,y0,x1,y1 of a rectangle"}[c] for c in counts)
    more = f"{', '.join(OVERS)} or " if name == "over" else ""
    try:
        numbers = tuple(float(word) for word in words)
    except (TypeError, ValueError):
        numbers = ()
    if len(numbers) not in counts or not all(abs(n) < 1e9 for n in numbers):
        raise InputError(f"{parameter(name, text)} is no place; give {more}{kinds}, such as 40,30")
    return numbers


def _layout(head: HeadLayout) -> BoxHead | MapHead:
    if isinstance(head, (BoxHead, MapHead)):
        return head
    if isinstance(head, Mapping):
        return (MapHead if head.get("head") == "map" else BoxHead).from_dict(head)
    try:
        return head_from_json(Path(head).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8 text"
        raise InputError(
            f"{head}: the layout cannot be read ({reason}); give what `retrograph heads MODEL "
            "--json` prints"
        ) from None
