"""Methods against the attributions of the tools that define them (goldens_methods/README.md)."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

import retrograph
from graphs import Array, runner
from retrograph.methods import Method
from retrograph.methods.cam import GradCam, GradCamPlusPlus, LayerCam
from retrograph.methods.relu import RectGrad

FOLDER = Path(__file__).parent / "goldens_methods"
NETWORKS = json.loads((FOLDER / "index.json").read_text())["networks"]
FILES = {file["file"]: network["arrays"] for network in NETWORKS for file in network["files"]}
TOLERANCE = 1e-4
MAPS = {
    "grad-cam": GradCam("features"),
    "grad-cam-plus-plus": GradCamPlusPlus("features"),
    "layer-cam": LayerCam("features"),
}

each_file = pytest.mark.parametrize("file", FILES)


@cache
def golden(file: str) -> dict[str, Array]:
    return dict(np.load(FOLDER / FILES[file]))


def attribution(file: str, method: str | Method) -> Array:
    given = golden(file)
    built = retrograph.build(
        onnx.load(FOLDER / file), method=method, target="scores", select="unit"
    )
    found: Array = runner(built)(x=given["x"], select=given["classes"].reshape(-1, 1))[
        "attribution"
    ]
    return found


def assert_near(found: Array, wanted: Array) -> None:
    assert found.shape == wanted.shape
    assert np.abs(found - wanted).max() <= TOLERANCE * np.abs(wanted).max()


def nearest(a: Array, sizes: tuple[int, ...]) -> Array:
    """Enlarged by repeating, place i from floor(i * in / out)."""
    for axis, size in enumerate(sizes, 2):
        a = a.take(np.arange(size) * a.shape[axis] // size, axis)
    return a


def linear(a: Array, sizes: tuple[int, ...]) -> Array:
    """Enlarged between the centres of the places, held at the border."""
    for axis, size in enumerate(sizes, 2):
        at = np.clip((np.arange(size) + 0.5) * a.shape[axis] / size - 0.5, 0, a.shape[axis] - 1)
        low = np.minimum(at.astype(int), max(a.shape[axis] - 2, 0))
        high = np.minimum(low + 1, a.shape[axis] - 1)
        share = (at - low).reshape(-1, *[1] * (a.ndim - 1 - axis))
        a = (1 - share) * a.take(low, axis) + share * a.take(high, axis)
    return a


@each_file
@pytest.mark.parametrize("method", ["gradient", "input-x-gradient"])
def test_gradient_and_its_product(file: str, method: str) -> None:
    assert_near(attribution(file, method), golden(file)[method])


@each_file
def test_saliency_is_the_largest_of_captums(file: str) -> None:
    wanted = golden(file)["saliency"].max(1, keepdims=True)
    assert_near(attribution(file, "saliency"), wanted)


@each_file
@pytest.mark.parametrize("percent", [80, 98])
def test_rectgrad(file: str, percent: int) -> None:
    """The plateau of a ReLU6 passes nothing, so its networks have goldens of their own."""
    given = golden(file)
    key = f"rectgrad__q{percent}"
    wanted = given.get(f"{key}_closed", given[key])
    assert_near(attribution(file, RectGrad(percent / 100)), wanted)


@each_file
@pytest.mark.parametrize("name", MAPS)
def test_class_activation_maps(file: str, name: str) -> None:
    given = golden(file)
    raw = np.maximum(given[name].astype(np.float64), 0)[:, None]
    assert_near(attribution(file, MAPS[name]), linear(raw, given["x"].shape[2:]))


@each_file
def test_guided_grad_cam_but_for_how_the_map_is_enlarged(file: str) -> None:
    """Captum repeats the numbers of the map, this interpolates them: the factors are the same."""
    given: dict[str, Any] = golden(file)
    raw = np.maximum(given["grad-cam"].astype(np.float64), 0)[:, None]
    guided = attribution(file, "guided")
    assert_near(guided * nearest(raw, given["x"].shape[2:]), given["guided-grad-cam"])
