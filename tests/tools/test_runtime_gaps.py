"""Which tests a version of ONNX Runtime is let off, and that no other is."""

from __future__ import annotations

from pathlib import Path

from tables.runtime_gaps import FILE, RUNTIME, gaps, version_of

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


def test_a_gap_may_be_of_another_package(tmp_path: Path) -> None:
    file = tmp_path / "gaps.txt"
    file.write_text("onnx 1.20 | test_op_traits | no schema\nonnx 999.0 | test_op_traits | none\n")
    old, never = gaps(file)
    assert (old.package, old.right) == ("onnx", (1, 20))
    assert old.why == "onnx before 1.20: no schema"
    assert old.meets("tests/ir/test_op_traits.py::test_axes", (1, 18))
    assert not old.meets("tests/ir/test_op_traits.py::test_axes", (1, 20))
    assert never.meets("tests/ir/test_op_traits.py::test_axes")


def test_the_newest_runtime_is_let_off_nothing() -> None:
    found = gaps(FILE)
    assert found
    assert not [gap for gap in found if gap.package == RUNTIME and gap.right > (1, 31)]


def test_versions_are_compared_as_numbers() -> None:
    assert version_of("1.9.2") < version_of("1.20")
