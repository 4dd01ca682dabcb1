"""Methods against attributions computed by PyTorch (tools/goldens/make_goldens.py)."""

from __future__ import annotations

import json

import numpy as np
import onnx
import onnxruntime as ort
import pytest

import retrograph
from support.paths import GOLDENS

FOLDER = GOLDENS / "networks"
VARIANTS = [entry["file"] for entry in json.loads((FOLDER / "index.json").read_text())]
METHODS = ("gradient", "guided", "deconvnet")
TOLERANCE = 1e-4


@pytest.mark.one_in(3)
@pytest.mark.parametrize("target", ["scores", "features"])
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("variant", VARIANTS)
def test_attribution_equals_pytorch(variant: str, method: str, target: str) -> None:
    golden = np.load(FOLDER / f"{variant.split('__')[0]}.npz")
    model = onnx.load(FOLDER / variant)
    built = retrograph.build(
        model, method=method, layer=None if target == "scores" else target, select="top"
    )
    session = ort.InferenceSession(built.SerializeToString(), providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    attribution, unit = session.run(["attribution", "unit"], {name: golden["x"]})
    expected = golden[f"{method}_{target}"]
    np.testing.assert_array_equal(unit, golden[f"unit_{target}"])
    assert np.abs(attribution - expected).max() <= TOLERANCE * np.abs(expected).max()
