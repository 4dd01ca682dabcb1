"""Methods against the attributions of the tools that define them (goldens/methods/README.md)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from retrograph.methods.cam import GradCam, GradCamPlusPlus, LayerCam
from retrograph.methods.relu import RectGrad
from support.cam_case import linear
from support.graphs import Array
from support.method_golden_case import (
    assert_near,
    attribution,
    each_file,
    golden,
)

MAPS = {
    "grad-cam": GradCam("features"),
    "grad-cam-plus-plus": GradCamPlusPlus("features"),
    "layer-cam": LayerCam("features"),
}


def nearest(a: Array, sizes: tuple[int, ...]) -> Array:
    """Enlarged by repeating, place i from floor(i * in / out)."""
    for axis, size in enumerate(sizes, 2):
        a = a.take(np.arange(size) * a.shape[axis] // size, axis)
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
