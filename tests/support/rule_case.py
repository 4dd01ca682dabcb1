"""A case of the table of VJP rules: its graph built, its forward pass, its inputs and cotangent."""

from __future__ import annotations

from functools import cache

import numpy as np
from onnx import ModelProto

from retrograph.backward import Request, build_backward
from retrograph.ir.builder import Device
from retrograph.ir.passes.canonicalize import canonicalize
from retrograph.methods import GRADIENT
from support.finite import Array, Evaluator, reference
from support.vjp_case import FLOAT32, FLOAT64, Case, DType
from tables.vjp_cases import CASES


def build(model: ModelProto, case: Case, many: bool = False, device: Device = "cpu") -> ModelProto:
    graph, sources = canonicalize(model), tuple(case.sources)
    return build_backward(Request(graph, sources, "y", GRADIENT, "cotangent", many, device))[0]


@cache
def built(
    name: str, dtype: DType = FLOAT32, many: bool = False, device: Device = "cpu"
) -> ModelProto:
    case = next(case for case in CASES if case.name == name)
    return build(case.model(dtype), case, many, device)


def attributions(case: Case, outputs: dict[str, Array]) -> dict[str, Array]:
    """The attribution of each explained input."""
    if len(case.sources) == 1:
        return {case.sources[0]: outputs["attribution"]}
    return {source: outputs[f"attribution.{source}"] for source in case.sources}


def forward_of(case: Case, dtype: DType = FLOAT64) -> Evaluator:
    model = case.model(dtype)
    return reference(canonicalize(model).to_model() if case.canonical else model)


def one_item(case: Case, dtype: DType) -> dict[str, Array]:
    feeds = case.feeds(dtype)
    return case.rows(feeds, slice(1)) if case.batched else feeds


def cotangent(shape: tuple[int, ...], dtype: DType) -> Array:
    return np.random.default_rng(11).normal(size=shape).astype(dtype)
