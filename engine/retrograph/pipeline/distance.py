"""How far attributions are from those of a reference: in float32, or on the CPU."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress

import numpy as np

from retrograph.errors import InputError
from retrograph.inputs.loader import Batch
from retrograph.pipeline.session import ExplainSession
from retrograph.results.explanation import Explanation
from retrograph.runtime import Array


def tell_distance(
    batches: Iterable[Batch], session: ExplainSession, tell: Callable[[str], None]
) -> Iterator[Batch]:
    """The same batches; of the first that can be run it is said how far the reference is.

    Args:
        batches: in their order.
        session: nothing is said where it has no reference.
        tell: takes what is said, in a line.
    """
    reference = session.reference
    exact = None if reference is None else reference.open()
    for batch in batches:
        if reference is not None and exact is not None and batch.items:
            with suppress(InputError):  # whoever runs the batch meets it again
                first, wanted = session.explain(batch)[0], exact.explain(batch)[0]
                tell(distance(reference.of, reference.where, first, wanted))
                exact = None
        yield batch


def distance(of: str, where: str, explanation: Explanation, exact: Explanation) -> str:
    """How far an explanation is from the reference, in a line.

    Args:
        of: its precision or device.
        where: the reference, as in "in float32".
        explanation: what is held against the reference.
        exact: the reference's explanation of the same input.
    """
    name, context = explanation.name, explanation.context
    for unit, wanted in zip(explanation.units, exact.units, strict=True):
        if not np.array_equal(unit, wanted):
            return (
                f"{of}: {context.unit(unit)} is the most active, {where} it is "
                f"{context.unit(wanted)}; their attributions are not compared ({name})"
            )
    attributions = explanation.attributions
    broken = [method for method, a in attributions.items() if not np.isfinite(a).all()]
    if broken:
        return (
            f"{of}: numbers beyond its range make the attribution by {', '.join(broken)} "
            f"infinite or no number; explain {where} ({name})"
        )
    shares = {method: _share(a, exact.attributions[method]) for method, a in attributions.items()}
    if len(shares) == 1:
        (share,) = shares.values()
        by = f"the attribution differs from that {where} by {share:.0e} of its maximum"
    else:
        each = ", ".join(f"{share:.0e} ({method})" for method, share in shares.items())
        by = f"the attributions differ from those {where} by {each} of their maximum"
    return f"{of}: {by} ({name})"


def _share(values: Array, exact: Array) -> float:
    """The largest difference of K attributions [K, *input], as a share of what is largest in each.

    Of an attribution that is 0 everywhere it is the difference itself.
    """
    axes = tuple(range(1, exact.ndim))
    difference = np.abs(values.astype(np.float64) - exact).max(axis=axes, initial=0.0)
    largest = np.abs(exact.astype(np.float64)).max(axis=axes, initial=0.0)
    return float((difference / np.where(largest > 0, largest, 1.0)).max(initial=0.0))
