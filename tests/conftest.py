"""Tests that a version of ONNX Runtime cannot pass are skipped by name, version and reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from runtime_gaps import gaps

GAPS = gaps(Path(__file__).with_name("runtime_gaps.txt"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        for gap in GAPS:
            if gap.meets(item.nodeid):
                item.add_marker(pytest.mark.skip(reason=gap.why))
                break
