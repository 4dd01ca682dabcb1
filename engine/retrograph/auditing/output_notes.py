"""What is to be said of outputs that cannot be held against each other, or are no numbers."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from retrograph.auditing.comparison import Comparison
from retrograph.auditing.searching import first_tensor


def broken_output(comparison: Comparison) -> str:
    """What outputs of B have that are no numbers where A's are; "" for nothing."""
    a, b = comparison.a, comparison.b
    for pair in comparison.outputs:
        if np.isfinite(a[pair.a]).all() and not np.isfinite(b[pair.b]).all():
            share = 100 * (1 - float(np.isfinite(b[pair.b]).mean()))
            first = first_tensor(b.network, pair.b, lambda name: not np.isfinite(b[name]).all())
            where = "" if first == pair.b else f", first {b.network.label(first)}"
            return f"{share:.3g} % of output {pair.b} are inf or NaN{where}"
    return ""


def other_sizes(comparison: Comparison) -> Iterator[str]:
    """The outputs that have other sizes."""
    a, b = comparison.a, comparison.b
    if not comparison.outputs:
        shapes = [" ".join(f"{n} {[*run[n].shape]}" for n in run.network.outputs) for run in (a, b)]
        yield f"No output of B has the size of one of A: {shapes[0]} in A, {shapes[1]} in B."
        return
    for name in comparison.resized:
        sizes = [[*run[name].shape] for run in (a, b)]
        yield f"Output {name} has the size {sizes[0]} in A, {sizes[1]} in B."


def lonely_outputs(comparison: Comparison) -> Iterator[str]:
    """The outputs that only one of the files has; where both have none in common, nothing."""
    outputs = comparison.outputs
    if not outputs:
        return
    for which, run, names in (
        ("A", comparison.a, {pair.a for pair in outputs}),
        ("B", comparison.b, {pair.b for pair in outputs}),
    ):
        names = names | {*comparison.resized}
        alone = [name for name in run.network.outputs if name not in names]
        if alone:
            yield f"only {which} has an output such as {', '.join(alone)}"
