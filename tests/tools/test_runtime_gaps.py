"""Which tests a version of ONNX Runtime is let off, and that no other is."""

from __future__ import annotations

from pathlib import Path

from tables.runtime_gaps import FILE, gaps, version_of

LINES = """# a comment

1.25 | test_vjp\\.py.*\\[CumProd | an operator of opset 26
"""


def test_a_gap_is_a_version_and_a_name(tmp_path: Path) -> None:
    file = tmp_path / "gaps.txt"
    file.write_text(LINES)
    (gap,) = gaps(file)
    assert gap.meets("tests/vjp/test_vjp.py::test_rule[CumProd of a row]", (1, 24))
    assert not gap.meets("tests/vjp/test_vjp.py::test_rule[CumProd of a row]", (1, 25))
    assert not gap.meets("tests/vjp/test_vjp.py::test_rule[CumSum]", (1, 24))
    assert gap.why == "ONNX Runtime before 1.25: an operator of opset 26"


def test_the_newest_runtime_is_let_off_nothing() -> None:
    found = gaps(FILE)
    assert found
    assert not [gap for gap in found if gap.right > (1, 31)]


def test_versions_are_compared_as_numbers() -> None:
    assert version_of("1.9.2") < version_of("1.20")
