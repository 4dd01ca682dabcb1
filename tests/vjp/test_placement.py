"""What a built graph adds has kernels on CUDA: a table of ONNX Runtime's, read here."""

from __future__ import annotations

from pathlib import Path

import pytest

from retrograph.errors import UnsupportedError
from retrograph.methods import METHODS
from retrograph.model import Model
from support.backend_cases import light_models
from support.graphs import FILES, golden, golden_input, ready
from support.rule_case import built, each_directly
from support.vjp_case import FLOAT16, FLOAT32, Case, DType
from tables.cuda_kernels import without_kernel
from tables.vjp_cases import CASES

REFUSING = ("lrp-", "excitation-", "deeplift-")
"""The methods that refuse an operator by which their sums would not be complete."""


@pytest.mark.one_in(4)
@pytest.mark.parametrize("dtype", [FLOAT32, FLOAT16], ids=str)
@each_directly(CASES)
def test_rules_emit_what_cuda_has(case: Case, dtype: DType) -> None:
    assert not without_kernel(built(case.name, dtype, device="cuda"))


PAIRS = [(file, method) for file in FILES for method in ("gradient", "deconvnet", "guided")]
PAIRS += [
    (file, method) for file in FILES[::5] for method in METHODS if (file, method) not in PAIRS
]
ONE_FILE_EACH = {(FILES[::5][i % len(FILES[::5])], method) for i, method in enumerate(METHODS)}
"""What runs by default: every method, on one file after another."""


@pytest.mark.one_in(2)
@pytest.mark.parametrize(
    ("file", "method"),
    [
        pytest.param(*pair, marks=[] if pair in ONE_FILE_EACH else pytest.mark.slow)
        for pair in PAIRS
    ],
)
def test_methods_emit_what_cuda_has(file: str, method: str) -> None:
    model = Model(golden(file))
    for select in ("top", "channel", "unit", "cotangent"):
        for many in (False, True):
            request = model.request(
                method=ready(method, golden_input(file)), select=select, many=many, device="cuda"
            )
            try:
                built = model.build(request)
            except UnsupportedError:
                assert method.startswith(REFUSING)
                continue
            assert not without_kernel(built)


@pytest.mark.one_in(4)
@pytest.mark.parametrize("file", light_models(), ids=lambda f: f.stem)
def test_large_models_emit_what_cuda_has(file: Path) -> None:
    model = Model(file)
    assert not without_kernel(model.build(model.request(method="guided", device="cuda")))
