"""What an audit may come to: a list of verdicts, the first that holds is given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

ALIKE: Final = 0.9
"""From this mean cosine on two files look at the same."""


@dataclass(frozen=True)
class Facts:
    """What a verdict rests on.

    Attributes:
        broken: what B has that is no result, in words; "" for nothing.
        output_error: the largest relative error of an output; infinite where none is comparable.
        agrees: whether every output is equal within noise.
        precision: what the less precise of the files computes in, "" where both are float32.
        sound: whether no layer loses more than that precision explains.
        related: whether inner tensors agree, a repair proves where the files part, or the layers'
            weights were once A's.
        cosine: the mean cosine of the maps; None where there are none.
    """

    broken: str
    output_error: float
    agrees: bool
    precision: str
    sound: bool
    related: bool
    cosine: float | None


@dataclass(frozen=True)
class Verdict:
    """A verdict.

    Attributes:
        name: for programs, and as `--fail-on` takes it.
        text: for people; {precision} stands for that of B.
        severity: 0 for the same network, 1 for one of less precision, more for worse.
        holds: whether it is given.
    """

    name: str
    text: str
    severity: int
    holds: Callable[[Facts], bool]

    def says(self, precision: str) -> str:
        """The verdict in words."""
        return self.text.format(precision=precision)


VERDICTS: Final[Sequence[Verdict]] = (
    Verdict("broken", "broken", 5, lambda f: bool(f.broken)),
    Verdict("identical", "identical", 0, lambda f: f.agrees and f.output_error == 0),
    Verdict("equal", "equal within noise", 0, lambda f: f.agrees),
    Verdict(
        "equal-precision",
        "equal within {precision}",
        1,
        lambda f: bool(f.precision) and f.sound and f.related,
    ),
    Verdict("another", "another network", 4, lambda f: not f.related),
    Verdict(
        "looks-elsewhere",
        "computes differently and looks elsewhere",
        3,
        lambda f: f.cosine is not None and f.cosine < ALIKE,
    ),
    Verdict(
        "looks-alike",
        "computes differently, looks alike",
        2,
        lambda f: f.cosine is not None,
    ),
    Verdict("differs", "computes differently", 2, lambda f: True),
)

FAIL_ON: Final = {"any": 1, "differs": 2, "looks-elsewhere": 3}
"""By what is given as `fail_on` the least severity that counts as a failure."""


def verdict_of(facts: Facts) -> Verdict:
    """The first verdict that holds."""
    return next(verdict for verdict in VERDICTS if verdict.holds(facts))
