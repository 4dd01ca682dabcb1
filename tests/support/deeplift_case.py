"""Graphs of DeepLIFT, built and checked."""

from __future__ import annotations

from typing import Any

import onnx
from onnx import ModelProto

import retrograph
from retrograph.methods.deeplift import DeepLiftRescale

HEAD = '<ir_version: 8, opset_import: ["" : 18]> net'


def build(model: ModelProto, baseline: Any = 0.0, **options: Any) -> ModelProto:
    built = retrograph.build(model, method=DeepLiftRescale(baseline), **options)
    onnx.checker.check_model(built, full_check=True)
    return built
