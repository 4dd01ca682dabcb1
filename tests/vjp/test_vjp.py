"""Every VJP rule against finite differences, and ONNX Runtime against both."""

from __future__ import annotations

from collections import Counter
from functools import cache

import numpy as np
import pytest
from onnx import shape_inference

from retrograph.ir.passes.opsets import FLOOR
from retrograph.vjp import operators
from support.finite import Array, Evaluator, directional, reference, runtime
from support.rule_case import (
    attributions,
    build,
    built,
    cotangent,
    each,
    each_directly,
    forward_of,
    one_item,
)
from support.vjp_case import BATCH, BFLOAT16, FLOAT16, FLOAT32, FLOAT64, Case
from tables.vjp_cases import CASES

UNITS = 4
NO_FLOAT16 = {"Celu", "MeanVarianceNormalization", "Range"}
NO_BFLOAT16 = {"Celu", "Einsum", "TopK", "Compress", "MeanVarianceNormalization", "Shrink"}
NO_BFLOAT16 |= {"OneHot", "Range", "ReverseSequence", "Unique"}
"""Operators that the ONNX standard does not define in that type, or only with a body of float32."""
NO_BFLOAT16_INPUT = "region"
"""How the cases call the region of a Resize, which has other types than what is resized."""
NO_FLOAT16_IN_RUNTIME = "reduction="
"""What ONNX Runtime (1.31.1) refuses in float16 on a CPU."""
BFLOAT16_OPSET = 22
"""From here on convolutions and pools take bfloat16."""


RUNNABLE = [case for case in CASES if not case.no_runtime]


@cache
def explainer(name: str, many: bool = False, optimised: bool = True) -> Evaluator:
    return runtime(built(name, many=many), optimised)


@cache
def exact(name: str) -> tuple[dict[str, Array], Array, dict[str, Array]]:
    """The forward output, the cotangent and the attributions of one item in float64."""
    case = next(case for case in CASES if case.name == name)
    feeds = one_item(case, FLOAT64)
    y = forward_of(case)(feeds)["y"]
    ct = cotangent(y.shape, FLOAT64)
    outputs = reference(built(name, FLOAT64))({**feeds, "cotangent": ct})
    return {"y": y}, ct, attributions(case, outputs)


def assert_near(found: Array, wanted: Array, tolerance: float) -> None:
    assert found.shape == wanted.shape
    scale = max(1e-30, float(np.abs(wanted).max(initial=0.0)))
    error = float(np.abs(found.astype(np.float64) - wanted).max(initial=0.0))
    assert error <= tolerance * scale, f"off by {error / scale:.2e} of the maximum"


@pytest.mark.one_in(2)
@each(CASES)
def test_rule_matches_finite_differences(case: Case) -> None:
    feeds = one_item(case, FLOAT64)
    forward = forward_of(case)
    _, ct, found = exact(case.name)
    random = np.random.default_rng(5)
    for _ in range(3):
        shapes = {name: feeds[name].shape for name in case.sources}
        direction = {name: np.asarray(random.normal(size=s)) for name, s in shapes.items()}
        wanted = directional(lambda f: forward(f)["y"], feeds, direction, ct)
        product = sum(float(np.sum(found[name] * direction[name])) for name in case.sources)
        size = float(np.sqrt(sum(np.sum(found[name] ** 2) for name in case.sources)))
        assert abs(product - wanted) <= 1e-6 * max(size, abs(wanted))
    for name in case.sources:
        assert found[name].shape == feeds[name].shape


@pytest.mark.one_in(2)
@each_directly(RUNNABLE)
def test_runtime_in_float32_matches_float64(case: Case) -> None:
    feeds = one_item(case, FLOAT32)
    y, ct, wanted = exact(case.name)
    source = runtime(case.model(), optimised=False)(feeds)["y"]
    assert_near(source, y["y"], 1e-4)
    for optimised in (True, False):
        given = {**feeds, "cotangent": ct.astype(np.float32)}
        outputs = explainer(case.name, optimised=optimised)(given)
        assert_near(outputs["y"], source, 1e-5)
        for name, attribution in attributions(case, outputs).items():
            assert_near(attribution, wanted[name], 1e-4)


@each_directly(case for case in RUNNABLE if case.batched)
def test_a_batch_is_its_items(case: Case) -> None:
    feeds = case.feeds()
    explain = explainer(case.name)
    y = runtime(case.model(), optimised=False)(feeds)["y"]
    ct = cotangent(y.shape, FLOAT32)
    whole = attributions(case, explain({**feeds, "cotangent": ct}))
    for i in range(BATCH):
        single = explain({**case.rows(feeds, slice(i, i + 1)), "cotangent": ct[i : i + 1]})
        for name, attribution in attributions(case, single).items():
            assert_near(whole[name][i : i + 1], attribution, 1e-5)


@pytest.mark.one_in(3)
@each_directly(case for case in RUNNABLE if case.many)
def test_many_units_are_single_units(case: Case) -> None:
    feeds = case.rows(case.feeds(), slice(2))
    y = runtime(case.model(), optimised=False)(feeds)["y"]
    cts = cotangent((len(y), UNITS, *y.shape[1:]), FLOAT32)
    stacked = attributions(case, explainer(case.name, many=True)({**feeds, "cotangent": cts}))
    single = explainer(case.name)
    for k in range(UNITS):
        alone = attributions(case, single({**feeds, "cotangent": cts[:, k]}))
        for name, attribution in alone.items():
            assert_near(stacked[name][:, k], attribution, 1e-5)


def test_every_rule_has_a_case() -> None:
    ruled = {op for (_, op), reason in operators().items() if reason is None}
    covered = set().union(*(case.ops for case in CASES))
    assert ruled <= covered, f"no case for {sorted(ruled - covered)}"


def test_names_are_unique() -> None:
    assert [name for name, n in Counter(case.name for case in CASES).items() if n > 1] == []


@pytest.mark.one_in(3)
@each_directly(
    c
    for c in RUNNABLE
    if not (c.no_float16 or c.ops & NO_FLOAT16 or NO_FLOAT16_IN_RUNTIME in c.body)
)
def test_float16_is_near_float32(case: Case) -> None:
    feeds = one_item(case, FLOAT32)
    _, ct, _ = exact(case.name)
    half = {k: v.astype(FLOAT16) if k in case.sources else v for k, v in feeds.items()}
    single = {k: half[k].astype(FLOAT32) if k in case.sources else v for k, v in feeds.items()}
    short = ct.astype(FLOAT16)
    found = runtime(built(case.name, FLOAT16))({**half, "cotangent": short})
    wanted = explainer(case.name)({**single, "cotangent": short.astype(FLOAT32)})
    for name, attribution in attributions(case, found).items():
        assert attribution.dtype == FLOAT16
        assert_near(attribution, attributions(case, wanted)[name], 1e-2)


@each_directly(
    c
    for c in CASES
    if c.opset >= FLOOR and not (c.ops & NO_BFLOAT16 or NO_BFLOAT16_INPUT in c.sources)
)
def test_bfloat16_graph_is_valid(case: Case) -> None:
    model = build(case.model(BFLOAT16, opset=max(case.opset, BFLOAT16_OPSET)), case)
    shape_inference.infer_shapes(model, check_type=True, strict_mode=True)
