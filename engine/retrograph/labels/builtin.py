"""The class names of well-known data sets, by the names of these."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from importlib.resources import files
from typing import Final, TypeAlias

from retrograph.errors import InputError, parameter

Names: TypeAlias = tuple[str, ...]

BACKGROUND: Final = "background"
UNUSED: Final = "(no class)"
"""Of COCO's numbers 1 to 90 ten name nothing."""

_COCO_UNUSED: Final = frozenset({12, 26, 29, 30, 45, 66, 68, 69, 71, 83})


def _read(name: str) -> Names:
    text = (files("retrograph.labels") / "sets" / f"{name}.txt").read_text(encoding="utf-8")
    return tuple(text.splitlines())


def _numbered_coco() -> Names:
    """COCO's classes by their numbers in its annotations, 1 to 90."""
    names = iter(_read("coco"))
    return tuple(UNUSED if i in _COCO_UNUSED else next(names) for i in range(1, 91))


def _with_background(names: Names) -> Names:
    return (BACKGROUND, *names)


_FORMS: Final[dict[str, tuple[Callable[[], Names], ...]]] = {
    "imagenet": (lambda: _read("imagenet"),),
    "coco": (lambda: _read("coco"), _numbered_coco),
    "voc": (lambda: _read("voc"),),
    "cifar10": (lambda: _read("cifar10"),),
    "mnist": (lambda: tuple(map(str, range(10))),),
}
_BACKGROUND_FIRST: Final = {"imagenet", "coco", "voc"}
"""The sets that are also written with a class of nothing before the others."""

BUILT_IN: Final = tuple(_FORMS)
"""The names of the sets."""


@cache
def forms(name: str) -> tuple[Names, ...]:
    """The lists of a set: as they are counted in one model or another, the plain one first."""
    plain = tuple(form() for form in _FORMS[name])
    more = tuple(map(_with_background, plain)) if name in _BACKGROUND_FIRST else ()
    return (*plain, *more)


def built_in_labels(name: str, counts: Sequence[int]) -> Names:
    """The class names of a set, in the order of a model's classes.

    Args:
        name: one of `BUILT_IN`.
        counts: how many the model has, of each of its heads; none where that is not known.

    Raises:
        InputError: the set has no list of so many.
    """
    known = forms(name)
    if not counts:
        return known[0]
    for classes in counts:
        for names in known:
            if len(names) == classes:
                return names
    sizes = " or ".join(str(len(names)) for names in known)
    raise InputError(
        f"{parameter('labels', name)} names {sizes} classes and the model has {counts[0]}; give a "
        "file with a line for each, in order"
    )


def labels_by_count(classes: int, among: tuple[str, ...]) -> tuple[str, Names] | None:
    """The only set among some that has a list of so many classes, and that; None where none is."""
    matching = [(name, names) for name in among for names in forms(name) if len(names) == classes]
    return matching[0] if len(matching) == 1 else None
