"""Runs in fixed places, as CUDA graphs need them; on the CPU, where the option has no effect."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import retrograph
from retrograph.errors import InputError
from retrograph.explainer import Explainer
from retrograph.runtime import Session
from retrograph.runtime.providers import Provider, provider
from support import nets

DEVICE = "cpu,enable_cuda_graph=1"


def pictures(count: int) -> list[np.ndarray]:
    """Batches of several sizes, in turns."""
    random = np.random.default_rng(0)
    return [random.standard_normal((1 + i % 3, 3, 8, 8)).astype(np.float32) for i in range(count)]


def test_who_records() -> None:
    assert provider(DEVICE).records
    assert not provider("cpu").records
    assert not provider("cpu,enable_cuda_graph=0").records


def test_where_tensors_lie() -> None:
    assert provider(DEVICE).place == ("cpu", 0)
    assert Provider("CUDAExecutionProvider", {"device_id": "2"}).place == ("cuda", 2)


def test_each_run_has_its_own_inputs_and_outputs() -> None:
    net = nets.cnn()
    recorded = Explainer(net, select="channel", device=DEVICE)
    plain = Explainer(net, select="channel", device="cpu")
    batches = pictures(8)
    found = [recorded.attribute(x, i % 3) for i, x in enumerate(batches)]
    for i, (x, each) in enumerate(zip(batches, found, strict=True)):
        expected = plain.attribute(x, i % 3)
        np.testing.assert_array_equal(each.attribution, expected.attribution)
        np.testing.assert_array_equal(each.score, expected.score)
        np.testing.assert_array_equal(each.unit, expected.unit)


def test_a_loop_with_inputs_that_stay(tmp_path: Path) -> None:
    file = tmp_path / "built.onnx"
    file.write_bytes(retrograph.build(nets.cnn(), select="channel").SerializeToString())
    recorded, plain = Session(file, DEVICE), Session(file, "cpu")
    (name,) = (spec.name for spec in plain.inputs if spec.name != "select")
    for channel in (0, 2):
        fixed = {"select": np.array([[channel]])}
        loops = [each.bound(fixed, ("score", "attribution")) for each in (recorded, plain)]
        for x in pictures(4)[::3]:
            (score, attribution), expected = (loop.run({name: x}) for loop in loops)
            np.testing.assert_array_equal(score, expected[0])
            np.testing.assert_array_equal(attribution, expected[1])


def test_mistakes_are_named() -> None:
    explainer = Explainer(nets.cnn(), device=DEVICE)
    with pytest.raises(InputError, match="takes float32"):
        explainer.attribute(np.zeros((1, 3, 8), np.float32))
