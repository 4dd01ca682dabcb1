"""Relevance against zennit (goldens/methods/README.md), and what it conserves."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import numpy as np
import onnx
import pytest

import retrograph
from retrograph.methods.relevance.base import RelevanceMethod
from retrograph.methods.relevance.composites import (
    LrpEpsilonAlpha2Beta1,
    LrpEpsilonGammaBox,
    LrpEpsilonPlus,
)
from retrograph.methods.relevance.lrp import (
    ExcitationBackprop,
    LrpAlphaBeta,
    LrpEpsilon,
    LrpGamma,
    LrpZPlus,
)
from support.graphs import Array, runner
from support.paths import GOLDENS

FOLDER = GOLDENS / "methods"
NETWORKS = json.loads((FOLDER / "index.json").read_text())["networks"]
FILES = {file["file"]: network["arrays"] for network in NETWORKS for file in network["files"]}
TOLERANCE = 1e-4

METHODS: dict[str, RelevanceMethod] = {
    "lrp-epsilon": LrpEpsilon(),
    "lrp-epsilon__quarter": LrpEpsilon(0.25),
    "lrp-gamma": LrpGamma(),
    "lrp-zplus": LrpZPlus(),
    "lrp-zplus__no_bias": LrpZPlus(biases="ignore"),
    "lrp-alpha-beta": LrpAlphaBeta(),
    "lrp-epsilon-plus": LrpEpsilonPlus(),
    "lrp-epsilon-plus__no_bias": LrpEpsilonPlus(biases="ignore"),
    "lrp-epsilon-plus__first_w2": LrpEpsilonPlus(first="w2"),
    "lrp-epsilon-plus-flat": LrpEpsilonPlus(first="flat"),
    "lrp-epsilon-alpha2-beta1": LrpEpsilonAlpha2Beta1(),
    "lrp-epsilon-alpha2-beta1-flat": LrpEpsilonAlpha2Beta1(first="flat"),
    "excitation-backprop": ExcitationBackprop(biases="keep"),
    "excitation-backprop__no_bias": ExcitationBackprop(),
    "excitation-backprop__pass": ExcitationBackprop(biases="keep"),
}
NOT_OFFERED = {"lrp-epsilon-plus__first_zbox"}
"""A combination of rules that no method of this project has."""

each_file = pytest.mark.parametrize("file", FILES)


@cache
def golden(file: str) -> dict[str, Array]:
    return dict(np.load(FOLDER / FILES[file]))


def box(file: str) -> LrpEpsilonGammaBox:
    return LrpEpsilonGammaBox(low=golden(file)["low"], high=golden(file)["high"])


def explained(file: str, method: RelevanceMethod) -> dict[str, Any]:
    given = golden(file)
    built = retrograph.build(onnx.load(FOLDER / file), method=method, layer="scores", select="unit")
    onnx.checker.check_model(built, full_check=True)
    return runner(built)(x=given["x"], select=given["classes"].reshape(-1, 1))


def assert_near(found: Array, wanted: Array) -> None:
    assert found.shape == wanted.shape
    assert np.abs(found - wanted).max() <= TOLERANCE * np.abs(wanted).max()


def test_every_array_of_zennit_is_tested() -> None:
    kept = {
        key
        for file in FILES
        for key in golden(file)
        if key.startswith(("lrp-", "excitation-backprop"))
    }
    assert kept == METHODS.keys() | {"lrp-epsilon-gamma-box"} | NOT_OFFERED


def has_relu6(file: str) -> bool:
    return "excitation-backprop__pass" in golden(file)


def compared() -> list[tuple[str, str]]:
    """Every array, but those that stop at the plateau of ReLU6, as zennit's excitation does."""
    stops = {"excitation-backprop", "excitation-backprop__no_bias"}
    return [
        (file, key)
        for file in FILES
        for key in METHODS
        if key in golden(file) and not (has_relu6(file) and key in stops)
    ]


@pytest.mark.one_in(6)
@pytest.mark.parametrize(("file", "key"), compared())
def test_attributions(file: str, key: str) -> None:
    assert_near(explained(file, METHODS[key])["attribution"], golden(file)[key])


@each_file
def test_bounds_of_the_input(file: str) -> None:
    found = explained(file, box(file))["attribution"]
    assert_near(found, golden(file)["lrp-epsilon-gamma-box"])


@pytest.mark.parametrize("file", [file for file in FILES if has_relu6(file)])
@pytest.mark.parametrize("key", ["excitation-backprop", "excitation-backprop__no_bias"])
def test_zennit_stops_at_the_plateau_of_relu6(file: str, key: str) -> None:
    """Where its derivative is 0; the test of `__pass` shows that nothing else differs."""
    found, wanted = explained(file, METHODS[key])["attribution"], golden(file)[key]
    assert np.abs(found - wanted).max() > 0.5 * np.abs(wanted).max()


def total(found: dict[str, Any]) -> Array:
    attribution = found["attribution"].astype(np.float64)
    summed: Array = attribution.reshape(len(attribution), -1).sum(1) + found["bias_relevance"]
    return summed


def assert_conserved(found: dict[str, Any], start: Array) -> None:
    attribution = np.abs(found["attribution"].reshape(len(start), -1))
    scale = np.maximum(np.abs(start), attribution.max(1))
    assert (np.abs(total(found) - start) <= TOLERANCE * scale).all()


@each_file
@pytest.mark.parametrize("name", ["epsilon", "gamma", "box"])
def test_attribution_and_biases_sum_to_the_score(file: str, name: str) -> None:
    method = {"epsilon": LrpEpsilon(), "gamma": LrpGamma(), "box": box(file)}[name]
    found = explained(file, method)
    assert_conserved(found, found["score"])
    assert found["bias_relevance"].any()


@pytest.mark.parametrize("file", [f for f in FILES if f.startswith(("vgg", "cnn1d"))])
@pytest.mark.parametrize(
    "method",
    [LrpZPlus(), LrpAlphaBeta(), LrpAlphaBeta(3.0, 2.0), LrpEpsilonPlus(first="w2")],
    ids=["z+", "alpha-beta", "alpha-beta 3 2", "epsilon-plus w2"],
)
def test_one_sign_alone_conserves_where_every_output_has_it(
    file: str, method: RelevanceMethod
) -> None:
    found = explained(file, method)
    assert_conserved(found, found["score"])


@pytest.mark.parametrize("file", [f for f in FILES if f.startswith(("vgg", "cnn1d"))])
@pytest.mark.parametrize("method", [LrpZPlus, LrpEpsilonPlus, ExcitationBackprop])
def test_without_biases_the_input_gets_all(file: str, method: type[RelevanceMethod]) -> None:
    found = explained(file, method(biases="ignore"))
    start = np.ones(2) if method is ExcitationBackprop else found["score"]
    assert not found["bias_relevance"].any()
    assert_conserved(found, start)
