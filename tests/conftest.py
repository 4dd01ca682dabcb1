"""Which tests are left out: what a version of ONNX Runtime cannot pass, and most of a sweep."""

from __future__ import annotations

from collections import Counter, defaultdict

import pytest

from tables.runtime_gaps import FILE, gaps

pytest.register_assert_rewrite("support")

GAPS = gaps(FILE)

_MANY = 4
"""Of so many instances of a test `make test` runs every third."""
_VERY_MANY = 12
"""So many slow instances make a test a sweep."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    _skip_what_the_runtime_lacks(items)
    _thin_out_sweeps(items)
    _mark_most(items, "slow", _VERY_MANY, "sweep")
    _mark_most(items, None, _MANY, "broad")


def _skip_what_the_runtime_lacks(items: list[pytest.Item]) -> None:
    for item in items:
        for gap in GAPS:
            if gap.meets(item.nodeid):
                item.add_marker(pytest.mark.skip(reason=gap.why))
                break


def _thin_out_sweeps(items: list[pytest.Item]) -> None:
    """Mark all but every n-th instance of a test with the mark one_in(n) as slow."""
    counts: Counter[str] = Counter()
    for item in items:
        mark = item.get_closest_marker("one_in")
        if mark is None:
            continue
        test = _test_of(item)
        if counts[test] % mark.args[0]:
            item.add_marker(pytest.mark.slow)
        counts[test] += 1


def _mark_most(items: list[pytest.Item], kind: str | None, many: int, mark: str) -> None:
    """Of a test with many instances of a kind mark all but every third of them.

    Args:
        items: what was collected.
        kind: the mark that they bear; those that are not slow if None.
        many: so many instances of a test are too many.
        mark: what most of them are marked with.
    """
    instances = defaultdict[str, list[pytest.Item]](list)
    for item in items:
        if item.get_closest_marker(kind) if kind else not item.get_closest_marker("slow"):
            instances[_test_of(item)].append(item)
    for each in filter(lambda each: len(each) >= many, instances.values()):
        for number, item in enumerate(each):
            if number % 3:
                item.add_marker(mark)


def _test_of(item: pytest.Item) -> str:
    return item.nodeid.partition("[")[0]
