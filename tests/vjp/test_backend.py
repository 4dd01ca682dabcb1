"""ONNX's own backend suite: the gradient of every case that has one."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from onnx import NodeProto

from support.backend_cases import BackendCase, backend_cases
from support.backend_proof import Status, prove
from tables.backend_exclusions import exclusions
from tables.backend_verdicts import recorded

GOOD = {Status.NO_FLOAT, Status.FLAT, Status.MATCHED}
MANY_READS = 500_000
EXCLUSIONS = exclusions()
RECORDED = recorded()


def _is_slow(case: BackendCase) -> bool:
    """Function bodies of other cases; pools are evaluated in Python, number by number."""
    if case.name.endswith("_expanded"):
        return True
    results = max((v.size for v in case.expected.values() if v is not None), default=0)
    kernels = (math.prod(_kernel(node)) for node in case.model.graph.node)
    return results * max(kernels, default=1) > MANY_READS


def _kernel(node: NodeProto) -> list[int]:
    pools = "Pool" in node.op_type
    found = (list(a.ints) for a in node.attribute if pools and a.name == "kernel_shape")
    return next(found, [1])


def _parameters() -> list[object]:
    """The first case of every operator and every tenth run by default, where they are quick."""
    parameters = []
    seen: set[str] = set()
    for number, case in enumerate(backend_cases()):
        operators = {node.op_type for node in case.model.graph.node}
        default = not _is_slow(case) and (number % 10 == 0 or bool(operators - seen))
        if default:
            seen |= operators
        marks = [] if default else [pytest.mark.slow]
        parameters.append(pytest.param(case, id=case.name, marks=marks))
    return parameters


@pytest.mark.parametrize("case", _parameters())
def test_the_gradient_is_the_derivative(case: BackendCase) -> None:
    excluded = [e for e in EXCLUSIONS if e.covers(case.name)]
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        verdict = prove(case)
    if excluded:
        assert verdict.status not in GOOD, f"take '{excluded[0].pattern}' out of the exclusions"
        pytest.skip(excluded[0].reason)
    assert verdict.status in GOOD, f"{verdict.status.value}: {verdict.why}"
    unsaid = [
        f"{name}: {why}"
        for name, why in verdict.refused
        if not any(e.covers(case.name, name) for e in EXCLUSIONS)
    ]
    assert not unsaid
    if RECORDED is not None:
        assert verdict.status is RECORDED.get(case.name), "record it anew: make operators"


def test_every_exclusion_has_a_reason_and_a_case() -> None:
    names = [case.name for case in backend_cases()]
    for exclusion in EXCLUSIONS:
        assert len(exclusion.reason) > 10
        assert any(exclusion.covers(name, exclusion.source) for name in names), exclusion.pattern
