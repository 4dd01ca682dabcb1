"""Graphs built for WebGPU: what they are made of, and that they say the same as those for a CPU."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.parser
import pytest

import retrograph
from retrograph.errors import UnsupportedError
from retrograph.methods import METHODS
from retrograph.model import Model
from support.backend_cases import light_models
from support.graphs import FILES, golden, golden_input, ready, runner
from support.rule_case import built, each_directly
from support.vjp_case import FLOAT16, FLOAT32, Case, DType
from tables.vjp_cases import CASES
from tables.web_kernels import without_kernel

Array = np.ndarray[Any, Any]

LEFT_TO_THE_CPU = {
    "IsNaN": "attention whose rows are all masked",
    "Round": "sampling of the nearest position",
    "Size": "how many indices there are",
    "Or": "products over zeros",
    "Scan": "what is summed step by step",
    "Loop": "sampled methods, a sample at a time",
}
"""Operators of rules that have no other form; ONNX Runtime runs them on the CPU."""


@pytest.mark.one_in(12)
@pytest.mark.parametrize("dtype", [FLOAT32, pytest.param(FLOAT16, marks=pytest.mark.slow)], ids=str)
@each_directly(CASES)
def test_rules_emit_what_webgpu_has(case: Case, dtype: DType) -> None:
    assert without_kernel(built(case.name, dtype, device="web")) <= LEFT_TO_THE_CPU.keys()


PAIRS = [(file, method) for file in FILES for method in ("gradient", "deconvnet", "guided")]
PAIRS += [(FILES[i % len(FILES)], method) for i, method in enumerate(METHODS)]


@pytest.mark.one_in(21)
@pytest.mark.parametrize(("file", "method"), PAIRS)
def test_methods_emit_what_webgpu_has(file: str, method: str) -> None:
    model = Model(golden(file))
    for select, many in product(("top", "channel", "unit", "cotangent"), (False, True)):
        chosen = ready(method, golden_input(file))
        request = model.request(method=chosen, select=select, many=many, device="web")
        try:
            graph = model.build(request)
        except UnsupportedError:
            continue
        assert without_kernel(graph) <= {"Loop"}


@pytest.mark.one_in(7)
@pytest.mark.parametrize("file", light_models(), ids=lambda f: f.stem)
def test_large_models_emit_what_webgpu_has(file: Path) -> None:
    model = Model(file)
    assert not without_kernel(model.build(model.request(method="guided", device="web")))


def pool(attributes: str, sizes: tuple[int | str, ...], dtype: str = "float") -> onnx.ModelProto:
    dims = ", ".join(map(str, sizes))
    return onnx.parser.parse_model(
        f"""<ir_version: 8, opset_import: ["" : 17]>
        net ({dtype}[N, 2, {dims}] x) => ({dtype}[N, 2, {", ".join("?" * len(sizes))}] y)
        {{ y = MaxPool <{attributes}> (x) }}"""
    )


def first_maxima(x: Array, ct: Array, window: dict[str, list[int]]) -> Array:
    """What comes down from ct [N, C, *O] to the first maximum of each window, one by one"""
    kernel, strides, dilations = window["kernel"], window["strides"], window["dilations"]
    begins = window["pads"][: len(kernel)]
    found = np.zeros_like(x)
    for index in np.ndindex(ct.shape):
        best: tuple[int, ...] | None = None
        for step in np.ndindex(*kernel):
            sized = zip(index[2:], strides, begins, step, dilations, strict=True)
            place = (*index[:2], *(o * s - b + k * d for o, s, b, k, d in sized))
            inside = all(0 <= p < n for p, n in zip(place, x.shape, strict=True))
            if inside and (best is None or x[place] > x[best]):
                best = place
        if best is not None:
            found[best] += ct[index]
    return found


WINDOWS = {
    "overlapping": ([3, 3], [2, 2], [1, 1], [0, 0, 0, 0], (9, 8)),
    "padded": ([3, 3], [2, 2], [1, 1], [1, 1, 1, 1], (7, 6)),
    "asymmetric": ([3, 2], [2, 3], [1, 1], [0, 1, 2, 0], (7, 8)),
    "dilated": ([2, 3], [1, 2], [2, 2], [1, 0, 1, 2], (8, 9)),
    "wide": ([5, 5], [1, 1], [1, 1], [2, 2, 2, 2], (6, 6)),
    "along one axis": ([1, 3], [1, 1], [1, 1], [0, 1, 0, 1], (4, 7)),
    "leaving a rest": ([2, 2], [2, 2], [1, 1], [0, 0, 0, 0], (7, 5)),
    "leaving gaps": ([1, 2], [2, 3], [1, 1], [0, 0, 0, 0], (5, 8)),
    "1-D": ([3], [2], [1], [1, 0], (9,)),
    "3-D": ([2, 2, 3], [2, 1, 2], [1, 1, 1], [1, 0, 1, 0, 1, 1], (5, 4, 6)),
}


@pytest.mark.parametrize("ceiling", [0, 1])
@pytest.mark.parametrize("known", [True, False], ids=["sizes", "open"])
@pytest.mark.parametrize("name", WINDOWS)
def test_ties_go_to_the_first_maximum(name: str, known: bool, ceiling: int) -> None:
    kernel, strides, dilations, pads, sizes = WINDOWS[name]
    window = {"kernel": kernel, "strides": strides, "dilations": dilations, "pads": pads}
    attributes = f"kernel_shape={kernel}, strides={strides}, dilations={dilations}, pads={pads}"
    model = pool(
        f"{attributes}, ceil_mode={ceiling}", sizes if known else ("A", "B", "C")[: len(sizes)]
    )
    rng = np.random.default_rng(3)
    x = rng.integers(-2, 2, (2, 2, *sizes)).astype(np.float32)
    y = runner(model)(x=x)["y"]
    ct = rng.normal(size=y.shape).astype(np.float32)
    graph = retrograph.build(model, method="gradient", layer="y", select="cotangent", device="web")
    found = runner(graph)(x=x, cotangent=ct)["attribution"]
    np.testing.assert_allclose(found, first_maxima(x, ct, window), atol=1e-6)


@pytest.mark.parametrize("many", [False, True])
@pytest.mark.parametrize("file", FILES[::3])
def test_attributions_are_those_of_a_cpu(file: str, many: bool) -> None:
    model, x = Model(golden(file)), golden_input(file)
    found = []
    for device in ("cpu", "web"):
        request = model.request(method="guided", select="top", many=many, device=device)
        feeds = {model.inputs[0].name: x, **({"select": np.array([3])} if many else {})}
        found.append(runner(model.build(request))(**feeds)["attribution"])
    assert np.abs(found[0]).max() > 0
    np.testing.assert_allclose(found[1], found[0], atol=1e-5 * np.abs(found[0]).max())
