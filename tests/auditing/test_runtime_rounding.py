"""A file that its runtime runs otherwise: roundings that fall otherwise, and what no node tells."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from onnx import ModelProto

import retrograph as rg
from retrograph.auditing.ways import Way
from retrograph.runtime import Session
from support.audit_case import NETS, inputs
from support.audit_nets import quantised
from support.cli_case import run
from support.faults import Editor
from support.nets import save


@dataclass(frozen=True)
class Scaled(Way):
    """Stands for a runtime that computes with a constant that is a little off.

    Attributes:
        constant: its name.
        by: how much.
    """

    constant: str = ""
    by: float = 1.0

    def session(self, model: ModelProto, threads: int | None) -> Session:
        editor = Editor(model)
        value = editor.constant(self.constant)
        if value is not None:
            editor.set_constant(self.constant, (value * np.float32(self.by)).astype(np.float32))
        return super().session(editor.model, threads)


@dataclass(frozen=True)
class OnceOff(Way):
    """Stands for a runtime that is off by much where it runs a graph for the first time."""

    runs: list[int] = field(default_factory=list)

    def session(self, model: ModelProto, threads: int | None) -> Session:
        self.runs.append(len(self.runs))
        editor = Editor(model)
        bias = editor.constant("b4") if len(self.runs) == 1 else None
        if bias is not None:
            editor.set_constant("b4", bias + 1)
        return super().session(editor.model, threads)


def _audit_in(monkeypatch: pytest.MonkeyPatch, way: Way, net: ModelProto) -> rg.Audit:
    monkeypatch.setattr("retrograph.auditing.files.installed_ways", lambda: [way])
    (one,) = rg.audit_files([net], inputs(), runtime=True).runtime
    return one


def test_roundings_that_fall_otherwise_are_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    one = _audit_in(monkeypatch, Scaled("rounding otherwise", constant="w", by=1.02), quantised())
    assert one.outputs[0].error > 0.1
    assert one.verdict.name == "equal-precision"
    assert "which int8 explains: inputs that are moved by half a step of it" in one.sentence
    assert not one.fails()


def test_what_no_rounding_explains_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    one = _audit_in(monkeypatch, Scaled("with a wrong weight", constant="w", by=0.5), quantised())
    assert one.verdict.name == "differs"
    assert "more than int8 explains" in one.sentence
    assert one.fails()


def test_a_difference_that_no_node_shows_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    save(NETS["plain"](), tmp_path / "a.onnx")
    monkeypatch.setattr("retrograph.auditing.files.installed_ways", lambda: [OnceOff("at all")])
    ran = run(capsys, "audit", tmp_path / "a.onnx", "--runtime")
    assert ran.code == 1
    assert "no node was found where that begins" in ran.out
