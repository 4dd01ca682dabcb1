"""Which tests are left out: what a version of ONNX Runtime cannot pass, and most of a sweep."""

from __future__ import annotations

from collections import Counter

import pytest

from tables.runtime_gaps import FILE, gaps

pytest.register_assert_rewrite("support")

GAPS = gaps(FILE)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    _skip_what_the_runtime_lacks(items)
    _thin_out_sweeps(items)


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
        test = item.nodeid.partition("[")[0]
        if counts[test] % mark.args[0]:
            item.add_marker(pytest.mark.slow)
        counts[test] += 1
