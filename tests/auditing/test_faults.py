"""Faults of many kinds at many places: found, placed, named, repaired."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import ModelProto

from retrograph import Audit, audit
from retrograph.auditing.fingerprints import positions
from support.audit_case import NETS, inputs
from support.audit_nets import MORE_NETS
from support.faults import FAULTS, Fault, places, with_fault
from support.more_faults import MORE_FAULTS
from support.nets import info, model, node

NOISE = 3e-5
EVERY_NET = NETS | MORE_NETS
EVERY_FAULT = (*FAULTS, *MORE_FAULTS)


def _cases() -> list[tuple[str, Fault, int]]:
    """First, middle and last place of each kind in each net."""
    cases = []
    for name, make in EVERY_NET.items():
        for fault in EVERY_FAULT:
            found = places(make(), fault)
            chosen = {found[0], found[len(found) // 2], found[-1]} if found else set()
            cases += [(name, fault, place) for place in sorted(chosen)]
    return cases


CASES = _cases()


def _distance(model: ModelProto, place: int, found: Audit) -> int:
    """How many nodes lie between the fault and the nearest node of the first region."""
    order = [n.output[0] for n in model.graph.node]
    region = found.findings[0].region
    there = [
        order.index(t) for t in (*region.a_tensors, *region.a_moves, region.a_end) if t in order
    ]
    return min(abs(i - place) for i in there)


@pytest.mark.one_in(8)
@pytest.mark.parametrize(
    ("net", "fault", "place"), CASES, ids=[f"{n}-{f.name}-{p}" for n, f, p in CASES]
)
def test_a_fault_is_found_placed_named_and_repaired(net: str, fault: Fault, place: int) -> None:
    model = EVERY_NET[net]()
    found = audit(model, with_fault(model, fault, place), inputs(), method=None)
    if found.outputs and max(o.error for o in found.outputs) <= NOISE:
        pytest.skip("the fault has no effect on the output")
    assert found.fails(), found.says
    assert _distance(model, place, found) <= 3, found.sentence
    first = found.findings[0]
    assert {cause.kind for cause in first.causes} & fault.kinds, found.sentence
    assert first.region.repaired, found.sentence
    assert first.region.error_after is not None
    assert first.region.error_after <= NOISE


def test_there_are_enough_kinds() -> None:
    assert {fault.name for _, fault, _ in CASES} == {fault.name for fault in EVERY_FAULT}
    assert len({fault.name for fault in EVERY_FAULT}) == len(EVERY_FAULT) >= 60


def test_two_faults_are_both_found() -> None:
    model = NETS["plain"]()
    kernel, bias = FAULTS[0], FAULTS[3]
    broken = with_fault(with_fault(model, kernel, 0), bias, 5)
    found = audit(model, broken, inputs(), method=None)
    assert [f.causes[0].kind for f in found.findings] == ["kernel-flipped", "bias-lost"]
    assert [f.region.repaired for f in found.findings] == [False, True]
    assert found.findings[0].region.next_agree


def test_the_sentence_says_where_and_why_and_that_it_is_all() -> None:
    model = NETS["plain"]()
    pads = next(fault for fault in FAULTS if fault.name == "pads at one end")
    found = audit(model, with_fault(model, pads, 2), inputs(), method=None)
    assert "conv2 (`n_a2`): pads [1,1,1,1] in A, [0,0,2,2] in B." in found.sentence
    assert "nothing else differs" in found.sentence
    assert np.isfinite(found.outputs[0].error)


def test_a_difference_where_no_sample_lies_is_placed() -> None:
    shift = np.zeros((1, 3, 64, 64), np.float32)
    nodes = [
        node("Add", "x c", "s"),
        node("Relu", "s", "r"),
        node("GlobalAveragePool", "r", "y"),
    ]
    shape = ["N", 3, 64, 64]
    clean = model(nodes, [info("x", shape)], [info("y", ["N", 3, 1, 1])], {"c": shift})
    sampled = set(zip(*(axis.tolist() for axis in positions(2, (3, 64, 64))[1:]), strict=True))
    place = next(p for p in np.ndindex(3, 64, 64) if p not in sampled)
    shift[0][place] = 3
    broken = model(nodes, [info("x", shape)], [info("y", ["N", 3, 1, 1])], {"c": shift})
    found = audit(clean, broken, inputs(2, size=64), method=None)
    assert found.findings[0].region.b_tensors == ("s",)
