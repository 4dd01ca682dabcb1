"""Attributions of the tools that define the methods, and ours beside them."""

from __future__ import annotations

import json
from functools import cache

import numpy as np
import onnx
import pytest

import retrograph
from retrograph.methods import Method
from support.graphs import Array, runner
from support.paths import GOLDENS

FOLDER = GOLDENS / "methods"

NETWORKS = json.loads((FOLDER / "index.json").read_text())["networks"]

FILES = {file["file"]: network["arrays"] for network in NETWORKS for file in network["files"]}

TOLERANCE = 1e-4

each_file = pytest.mark.parametrize("file", FILES)


@cache
def golden(file: str) -> dict[str, Array]:
    return dict(np.load(FOLDER / FILES[file]))


def attribution(file: str, method: str | Method) -> Array:
    given = golden(file)
    built = retrograph.build(onnx.load(FOLDER / file), method=method, layer="scores", select="unit")
    found: Array = runner(built)(x=given["x"], select=given["classes"].reshape(-1, 1))[
        "attribution"
    ]
    return found


def assert_near(found: Array, wanted: Array) -> None:
    assert found.shape == wanted.shape
    assert np.abs(found - wanted).max() <= TOLERANCE * np.abs(wanted).max()
