"""`retrograph check` of a model in memory."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from onnx import ModelProto

from support import nets
from support.cli_case import Ran, run

Capture = pytest.CaptureFixture[str]


def checked(capsys: Capture, model: ModelProto, options: str = "") -> tuple[int, dict[str, Any]]:
    """The exit code and the JSON of a model that `check` is asked about."""
    nets.save(model, Path("model.onnx"))
    ran = run(capsys, *f"check model.onnx --json {options}".split())
    assert ran.err == ""
    return ran.code, json.loads(ran.out)


def text(capsys: Capture, model: ModelProto, options: str = "") -> Ran:
    nets.save(model, Path("model.onnx"))
    return run(capsys, *f"check model.onnx {options}".split())
