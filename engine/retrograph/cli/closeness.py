"""How far attributions are from those of a reference: in float32, or on the CPU."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress

import numpy as np
from rich.console import Console

from retrograph.cli.session import Session
from retrograph.cli.terminal import visible
from retrograph.errors import InputError
from retrograph.pipeline.loader import Job
from retrograph.preprocess import BadItem
from retrograph.results.context import ExplainContext
from retrograph.results.explanation import Explanation
from retrograph.runtime import Array


def told(
    jobs: Iterable[Job | BadItem],
    session: Session,
    context: ExplainContext,
    out: Console,
    notes: list[str],
) -> Iterator[Job | BadItem]:
    """The same jobs; of the first that can be run it is said how far it is from the reference.

    Args:
        session: nothing is said where it has no reference.
        notes: takes what is printed, too.
    """
    reference = session.reference
    exact = None if reference is None else reference.open()
    for job in jobs:
        if reference is not None and exact is not None and isinstance(job, Job):
            with suppress(InputError):  # whoever runs the job meets it again
                found, wanted = session.explain(job)[0], exact.explain(job)[0]
                notes.append(distance(reference.of, reference.where, found, wanted, context))
                out.print(visible(notes[-1]), soft_wrap=True)
                exact = None
        yield job


def distance(
    of: str, where: str, found: Explanation, exact: Explanation, context: ExplainContext
) -> str:
    """How far an explanation is from the reference, in a line.

    Args:
        of: its precision or device.
        where: the reference, as in "in float32".
        found: the explanation.
        exact: that of the reference.
        context: names units.
    """
    for own, other in zip(found.units, exact.units, strict=True):
        if not np.array_equal(own, other):
            return (
                f"{of}: {context.unit(own)} is the most active, {where} it is "
                f"{context.unit(other)}; their attributions are not compared ({found.name})"
            )
    broken = [m for m, a in found.attributions.items() if not np.isfinite(a).all()]
    if broken:
        return (
            f"{of}: numbers beyond its range make the attribution by {', '.join(broken)} "
            f"infinite or no number; explain {where} ({found.name})"
        )
    shares = {m: _share(a, exact.attributions[m]) for m, a in found.attributions.items()}
    if len(shares) == 1:
        (share,) = shares.values()
        by = f"the attribution differs from that {where} by {share:.0e} of its maximum"
    else:
        each = ", ".join(f"{share:.0e} ({method})" for method, share in shares.items())
        by = f"the attributions differ from those {where} by {each} of their maximum"
    return f"{of}: {by} ({found.name})"


def _share(found: Array, exact: Array) -> float:
    """The largest difference of K attributions [K, *input], as a share of what is largest in each.

    Of an attribution that is 0 everywhere it is the difference itself.
    """
    axes = tuple(range(1, exact.ndim))
    difference = np.abs(found.astype(np.float64) - exact).max(axis=axes, initial=0.0)
    largest = np.abs(exact.astype(np.float64)).max(axis=axes, initial=0.0)
    return float((difference / np.where(largest > 0, largest, 1.0)).max(initial=0.0))
