"""OPERATORS.md is what tools/docs/make_operators.py writes, and leaves no operator out."""

from __future__ import annotations

import onnx
import pytest

import make_operators
from retrograph.ir.passes.quantize.codes import FOLLOWERS
from support.backend_cases import backend_cases
from tables.backend_verdicts import recorded

QUANTISED = {*FOLLOWERS, "QLinearConv", "QLinearMatMul"}
"""Proved by tests/ir/test_fused_forms.py: rounding has no slope."""

pytestmark = pytest.mark.skipif(
    recorded() is None, reason="the verdicts were recorded with another onnx than this one"
)


def test_the_file_is_what_the_generator_writes() -> None:
    assert make_operators.FILE.read_text() == make_operators.document(), "make operators"


def test_every_case_has_a_verdict() -> None:
    verdicts = recorded()
    assert verdicts is not None
    assert verdicts.keys() == {case.name for case in backend_cases()}


def test_every_operator_of_onnx_has_a_row() -> None:
    names = {s.name for s in onnx.defs.get_all_schemas() if s.domain == ""}
    assert {row.name for row in make_operators.rows()} == names


def test_every_operator_that_passes_a_gradient_is_proved() -> None:
    rows = [row for row in make_operators.rows() if row.how != "none"]
    assert {row.name for row in rows if not row.suite + row.own} <= QUANTISED


def test_an_operator_that_is_treated_in_no_way_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    entries = make_operators.operators()
    del entries["", "Cos"]
    monkeypatch.setattr(make_operators, "operators", lambda: entries)
    make_operators.rows.cache_clear()
    with pytest.raises(LookupError, match="Cos is treated in no way"):
        make_operators.rows()
