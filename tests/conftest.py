"""Tests that a version of ONNX Runtime cannot pass are skipped by name, version and reason."""

from __future__ import annotations

import pytest

from tables.runtime_gaps import FILE, gaps

pytest.register_assert_rewrite("support")

GAPS = gaps(FILE)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        for gap in GAPS:
            if gap.meets(item.nodeid):
                item.add_marker(pytest.mark.skip(reason=gap.why))
                break
