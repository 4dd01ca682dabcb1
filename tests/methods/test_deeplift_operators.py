"""DeepLIFT over the table of VJP cases: every sum is whole in float64, or the node is refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator

import numpy as np
import pytest

from retrograph.backward import Request, build_backward
from retrograph.errors import UnsupportedError
from retrograph.ir.passes.canonicalize import canonicalize
from retrograph.methods.deeplift import DeepLiftRescale
from retrograph.methods.rescale import RULES
from retrograph.vjp import operators
from support.finite import reference
from support.graphs import Array
from support.rule_case import attributions, cotangent, forward_of, one_item
from support.vjp_case import FLOAT64, Case
from tables.vjp_cases import CASES

CASES_OF_ONE = 4
CHANGES_SIZE = {"Range", "Unique"}
"""Operators whose outputs have other sizes at another input."""
DIFFERENTIABLE = {op for (domain, op), why in operators().items() if not (domain or why)}


def some(ops: Collection[str]) -> Iterator[Case]:
    """A few cases of each operator, spread over its forms."""
    seen: Counter[str] = Counter()
    for case in sorted(CASES, key=lambda case: len(case.body)):
        new = [op for op in ops if op in case.ops and seen[op] < CASES_OF_ONE]
        seen.update(new)
        if new:
            yield case


def each(ops: Collection[str]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", list(some(ops)), ids=lambda case: case.name)


def starts(case: Case, feeds: dict[str, Array]) -> dict[str, Array]:
    """Another item of the batch, or one number where there is no batch."""
    number = 0.45 * case.low + 0.55 * case.high
    items = case.rows(case.feeds(FLOAT64), slice(1, 2))
    return {
        name: items[name] if case.batched else np.full_like(feeds[name], number)
        for name in case.sources
    }


def explained(case: Case, feeds: dict[str, Array], start: dict[str, Array]) -> tuple[float, float]:
    """The sum of the attributions and of their magnitudes."""
    baseline = start if case.batched else float(next(iter(start.values())).flat[0])
    method = DeepLiftRescale(baseline)
    graph = canonicalize(case.model(FLOAT64))
    built, _ = build_backward(Request(graph, tuple(case.sources), "y", method, "cotangent"))
    ct = cotangent(forward_of(case)(feeds)["y"].shape, FLOAT64)
    found = attributions(case, reference(built)({**feeds, "cotangent": ct})).values()
    return float(sum(a.sum() for a in found)), float(sum(np.abs(a).sum() for a in found))


@pytest.mark.one_in(3)
@each(DIFFERENTIABLE - CHANGES_SIZE)
def test_the_sum_is_whole_or_the_node_is_refused(case: Case) -> None:
    feeds = one_item(case, FLOAT64)
    start = starts(case, feeds)
    try:
        total, size = explained(case, feeds, start)
    except UnsupportedError as refused:
        reasons = [problem.reason for problem in refused.problems]
        if all("would not be complete" in reason for reason in reasons):
            return
        raise
    forward = forward_of(case)
    y, y0 = forward(feeds)["y"], forward({**feeds, **start})["y"]
    wanted = float(np.sum(cotangent(y.shape, FLOAT64) * (y - y0)))
    assert abs(total - wanted) <= 1e-6 * max(size, abs(wanted))


@pytest.mark.parametrize("op", RULES)
def test_every_rule_is_built(op: str) -> None:
    """No operator of the table is refused in all its forms."""
    for case in (case for case in CASES if op in case.ops):
        feeds = one_item(case, FLOAT64)
        try:
            explained(case, feeds, starts(case, feeds))
        except UnsupportedError:
            continue
        return
    pytest.fail(f"no case of {op} is built")
