"""Sessions that stay ready: built once, read again where a file has changed."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from onnx import helper

import retrograph
from retrograph import explain
from retrograph.methods import GradCam
from retrograph.model import Model
from retrograph.pipeline import cache
from support import nets

X = np.random.default_rng(0).standard_normal((2, 3, 8, 8)).astype(np.float32)


@pytest.fixture(autouse=True)
def _nothing_kept() -> None:
    cache.READY_SESSIONS.sessions.clear()


@pytest.fixture
def net(tmp_path: Path) -> Path:
    file = tmp_path / "net.onnx"
    nets.save(nets.cnn(), file)
    return file


def built_so_far() -> int:
    return cache.READY_SESSIONS.sessions.made


@pytest.mark.parametrize(
    ("unit", "select", "target"),
    [
        (None, "top", None),
        (2, "unit", None),
        (1, "channel", "relu1"),
        ((1, 2, 3), "unit", "relu1"),
        ([[1, 2, 3], [2, 0, 0]], "unit", "relu1"),
    ],
)
def test_it_is_what_an_explainer_gives(
    net: Path, unit: object, select: str, target: str | None
) -> None:
    found = explain(net, X, unit, layer=target, device="cpu")  # type: ignore[arg-type]
    explainer = retrograph.Explainer(net, layer=target, select=select, device="cpu")
    expected = explainer.attribute(X, unit)  # type: ignore[arg-type]
    np.testing.assert_array_equal(found.attribution, expected.attribution)
    np.testing.assert_array_equal(found.unit, expected.unit)


def test_without_the_outputs(net: Path) -> None:
    whole = explain(net, X, (1, 2, 3), layer="relu1", device="cpu")
    alone = explain(net, X, (1, 2, 3), layer="relu1", device="cpu", outputs=False)
    assert whole.outputs
    assert not alone.outputs
    np.testing.assert_allclose(alone.attribution, whole.attribution, rtol=1e-6)


def test_the_same_question_is_built_once(net: Path) -> None:
    for unit in (0, 1, 2):
        explain(net, X, unit, device="cpu")
    explain(str(net), X[:1], 0, device="cpu")
    assert built_so_far() == 1
    explain(net, X, (0,), device="cpu")
    assert built_so_far() == 1
    explain(net, X, 0, device="cpu", method="gradient")
    explain(net, X, device="cpu")
    explain(net, X, 0, device="cpu", labels=["a", "b", "c", "d"])
    assert built_so_far() == 4


def test_a_file_that_has_changed_is_read_again(net: Path, tmp_path: Path) -> None:
    before = explain(net, X, 0, device="cpu")
    model = nets.cnn()
    weights = model.graph.initializer[0]
    halved = np.frombuffer(weights.raw_data, np.float32).reshape(tuple(weights.dims)) / 2
    weights.CopyFrom(helper.make_tensor(weights.name, 1, halved.shape, halved.tobytes(), raw=True))
    other = tmp_path / "other.onnx"
    nets.save(model, other)
    shutil.copyfile(other, net)
    os.utime(net, ns=(1, 1))
    after = explain(net, X, 0, device="cpu")
    assert not np.allclose(before.attribution, after.attribution)


def test_models_and_methods_in_memory(net: Path) -> None:
    model, method = Model(net), GradCam("relu1")
    first = explain(model, X, method=method, device="cpu")
    again = explain(model, X, method=GradCam("relu1"), device="cpu")
    np.testing.assert_array_equal(first.attribution, again.attribution)
    assert built_so_far() == 1


def test_no_more_than_a_few_are_kept(net: Path) -> None:
    for threads in range(1, cache.READY + 3):
        explain(net, X, device="cpu", threads=threads)
    assert len(cache.READY_SESSIONS.sessions) == cache.READY


def test_mistakes(tmp_path: Path, net: Path) -> None:
    with pytest.raises(retrograph.InputError, match="check the path"):
        explain(tmp_path / "none.onnx", X)
    with pytest.raises(retrograph.InputError, match="out of range"):
        explain(net, X, 1000, device="cpu")
