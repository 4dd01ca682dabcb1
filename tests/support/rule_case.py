"""Cases of the table of VJP rules: which run, their graphs, forward passes, inputs, cotangents."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache

import numpy as np
import pytest
from onnx import ModelProto

from retrograph.backward import Request, build_backward
from retrograph.ir.builder import Device
from retrograph.ir.passes.canonicalize import canonicalize
from retrograph.methods import GRADIENT
from support.finite import Array, Evaluator, reference
from support.vjp_case import FLOAT32, FLOAT64, Case, DType
from tables.vjp_cases import CASES

EVERY = 12
"""So many cases of the table lie between two that run by default only for being many."""


def each(cases: Iterable[Case]) -> pytest.MarkDecorator:
    """One instance of the test for each case."""
    return pytest.mark.parametrize("case", list(cases), ids=lambda case: case.name)


def each_directly(cases: Iterable[Case]) -> pytest.MarkDecorator:
    """The same, where only the cases of DIRECT run by default."""
    marks = [
        case if case.name in DIRECT else pytest.param(case, marks=pytest.mark.slow)
        for case in cases
    ]
    return pytest.mark.parametrize("case", marks, ids=lambda case: case.name)


def _direct(cases: Sequence[Case]) -> set[str]:
    """The first case of every operator, and every twelfth, by their names."""
    seen: set[str] = set()
    chosen = set()
    for number, case in enumerate(cases):
        if number % EVERY == 0 or case.ops - seen:
            chosen.add(case.name)
        seen |= case.ops
    return chosen


DIRECT = _direct(CASES)


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
