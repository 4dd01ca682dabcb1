"""Differences of two units: what methods lose of them is said, and mistakes are told as such."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import retrograph
from retrograph.errors import InputError
from retrograph.results.legend import Legend
from support.paths import SAMPLE_MODELS

MODEL = SAMPLE_MODELS / "cifar10_cnn.onnx"
X = np.random.default_rng(2).normal(size=(1, 3, 32, 32)).astype(np.float32)


def explained(unit: str, **more: Any) -> retrograph.Attribution:
    return retrograph.explain(MODEL, X, unit, **more)


@pytest.mark.parametrize("method", ["guided", "deconvnet", "rectgrad"])
def test_what_a_relu_loses_of_it_is_said(method: str) -> None:
    found = explained("3-5", method=method, layer="relu2")
    said = [n for n in found.to_dict()["notes"] if "second unit of a difference is lost" in n]
    assert len(said) == 1
    assert said[0].startswith(f"{method}: ")
    alone = explained("3", method=method, layer="relu2")
    np.testing.assert_allclose(found.attribution, alone.attribution, rtol=1e-4, atol=1e-6)


def test_the_gradient_takes_both() -> None:
    found = explained("3-5", method="gradient")
    assert not [n for n in found.to_dict()["notes"] if "is lost" in n]
    first, second = (explained(unit, method="gradient").attribution for unit in ("3", "5"))
    np.testing.assert_allclose(found.attribution, first - second, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("unit", "why"),
    [
        ("4-4", "a unit and itself, which is 0; name two units"),
        ("1,4-4", "a unit and itself"),
        ("frog-zebra", "'frog-zebra' is no unit; as a difference of two: no class 'zebra'"),
        ("zebra", "^no class 'zebra'"),
    ],
)
def test_mistakes(unit: str, why: str) -> None:
    with pytest.raises(InputError, match=why):
        explained(unit)


def test_pictures_name_both_units_of_a_difference() -> None:
    found = explained("3-5", layer="relu2", method="gradient").explanations[0]
    first, second = (name for name, _ in found.found.objectives[0].units)
    assert found.unit_name(0) == f"{first} minus {second}"
    legend = Legend()
    legend.add(found, values=False)
    ((_, key),) = legend.keys
    assert f"raises {first} minus {second}; darker: lowers it" in key.text
    assert key.ends == ("lowers", "0", "raises")
