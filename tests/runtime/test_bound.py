"""Graphs in a loop: what ONNX Runtime reads lives as long as it reads, and what it gave stays."""

from __future__ import annotations

import gc
from typing import Any

import numpy as np
import onnx.parser
import pytest

import retrograph
from retrograph.runtime import Session
from support.graphs import golden

Array = np.ndarray[Any, Any]
SIZE = 40_000
DIFFERENCE = f"""<ir_version: 8, opset_import: ["" : 17]>
    net (float[N, {SIZE}] a, float[N, {SIZE}] b, float[{SIZE}] c) => (float[N, {SIZE}] y)
    {{ d = Sub (a, b) y = Add (d, c) }}"""


def session(device: str) -> Session:
    return Session(onnx.parser.parse_model(DIFFERENCE).SerializeToString(), device)


def full(value: float, count: int = 1) -> Array:
    return np.full((count, SIZE), value, np.float32)


def overwritten() -> list[Array]:
    """Whatever was freed is taken by other numbers."""
    gc.collect()
    return [full(-7.0) for _ in range(50)]


every_device = pytest.mark.parametrize("device", ["cpu", "cpu,enable_cuda_graph=1"])


@every_device
def test_inputs_that_stay_are_not_freed(device: str) -> None:
    loop = session(device).bound({"c": full(5.0)[0].copy(), "b": full(2.0)}, ["y"])
    others = overwritten()
    (y,) = loop.run({"a": full(1.0)})
    assert len(others) == 50
    np.testing.assert_array_equal(y, full(4.0))


@every_device
def test_inputs_of_a_run_are_not_freed_before_it(device: str) -> None:
    """Copies in the order that ONNX Runtime takes: the second would take the place of the first."""
    loop = session(device).bound({"c": np.zeros(SIZE, np.float32)}, ["y"])
    rows = np.stack([full(n)[0] for n in (1.0, 3.0)], axis=1)  # [SIZE, 2], so no row is contiguous
    for _ in range(3):
        (y,) = loop.run({"a": rows.T[:1], "b": rows.T[1:]})
        np.testing.assert_array_equal(y, full(-2.0))


@every_device
def test_outputs_stay_what_they_were(device: str) -> None:
    loop = session(device).bound({"c": np.zeros(SIZE, np.float32), "b": full(2.0)}, ["y"])
    found = [loop.run({"a": full(n)})[0] for n in (1.0, 2.0, 3.0)]
    for n, y in zip((1.0, 2.0, 3.0), found, strict=True):
        np.testing.assert_array_equal(y, full(n - 2.0))


@every_device
def test_batches_of_several_sizes(device: str) -> None:
    loop = session(device).bound({"c": np.zeros(SIZE, np.float32)}, ["y"])
    for count in (1, 3, 2):
        (y,) = loop.run({"a": full(1.0, count), "b": full(2.0, count)})
        np.testing.assert_array_equal(y, full(-1.0, count))


def test_a_graph_in_memory_whose_loop_convolves_with_weights_from_outside() -> None:
    built = retrograph.build(golden("resnet__ts11.onnx"), method="integrated-gradients")
    assert "attribution" in Session(built.SerializeToString(), "cpu").outputs
