"""The conformance cases in Chromium, and the example page: opened, used, pictured and timed."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import onnx
import pytest
from PIL import Image

import make_conformance
import retrograph
from retrograph.preprocess import Preprocessing, prepare
from support.conformance import shared_cases
from support.javascript import PACKAGE, node, require_chromium, script
from support.nets import scores_as_a_map
from support.paths import SAMPLE_MODELS

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shared_cases(tmp_path_factory)


def test_every_case_is_met_in_webassembly(cases: Path) -> None:
    told = node(script("run_browser.js"), require_chromium(), cases, limit=300)
    print("\n".join(told.splitlines()[-2:]))


SMALL = ["several-inputs", "no-batch", "fixed-batch", "open-length", "relevance", "channel"]
"""Those that WebGPU computes in software within seconds; the last has pools that overlap."""


def test_cases_are_met_in_webgpu(tmp_path: Path) -> None:
    chromium = require_chromium()
    cases = tmp_path / "cases"
    make_conformance.write_conformance(cases, SMALL)
    make_conformance.rebuild(cases, "web")
    chosen = ("--webgpu", "--kinds", "graphs")
    told = node(script("run_browser.js"), chromium, cases, *chosen, limit=400)
    assert f"{len(SMALL)} of {len(SMALL)} graphs" in told
    print("\n".join(told.splitlines()[-2:]))


@contextmanager
def served(model: Path) -> Iterator[str]:
    """The address of the example page with a built graph."""
    command = [sys.executable, "-u", PACKAGE / "examples" / "browser" / "serve.py", model, "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as server:
        assert server.stdout is not None
        try:
            yield server.stdout.readline().decode().strip()
        finally:
            server.terminate()


@pytest.mark.parametrize("axes", [1, 3])
def test_the_page_explains_what_is_dropped_and_the_camera(axes: int, tmp_path: Path) -> None:
    chromium = require_chromium()
    model, picture = tmp_path / "model.onnx", tmp_path / "picture.png"
    source = scores_as_a_map() if axes == 3 else str(SAMPLE_MODELS / "cifar10_cnn.onnx")
    built = retrograph.build(source, select="unit")
    retrograph.save(built, model)
    assert len(retrograph.Explainer(str(model), device="cpu").contract.shape) == axes
    rows, columns = np.mgrid[0:120, 0:160]
    colours = np.stack([rows * 2, columns, 255 - rows - columns // 2], -1).astype(np.uint8)
    Image.fromarray(colours).save(picture)
    with served(model) as address:
        told = json.loads(node(script("run_page.js"), chromium, address, picture, tmp_path))
    assert told["errors"] == []
    assert all(url.startswith((address, "blob:")) for url in told["requests"])
    assert any(url.endswith("ort-wasm-simd-threaded.wasm") for url in told["requests"])
    assert told["isolated"]
    assert told["changes"] == [True, True]
    assert [each.split("\n")[0] for each in told["classes"]] == by_score(model, picture)
    assert "pictures a second" in told["live"]
    assert told["mistake"].endswith("is no picture that can be read; save it as PNG or JPEG")
    for name in ("empty", "light", "dark", "camera"):
        with Image.open(tmp_path / f"{name}.png") as shot:
            assert shot.size == (1280, 800)
    print({k: told[k] for k in ("load", "first", "again", "live")}, tmp_path)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"layer": "relu3", "select": "channel"}, "build one with --select unit, or top"),
        ({"preprocessing": None}, "does not say how a picture becomes its input"),
        ({}, "Ready."),
    ],
)
def test_the_page_says_at_once_whether_it_shows_a_graph(
    options: dict[str, str | None], said: str, tmp_path: Path
) -> None:
    chromium, model = require_chromium(), tmp_path / "model.onnx"
    source = onnx.load(SAMPLE_MODELS / "cifar10_cnn.onnx")
    if "preprocessing" in options:
        del source.metadata_props[:]
    retrograph.save(retrograph.build(source, **options), model)  # type: ignore[arg-type]
    with served(model) as address:
        assert said in node(script("run_status.js"), chromium, address)


def by_score(model: Path, picture: Path) -> list[str]:
    """The classes of a picture by the scores that Python computes."""
    explainer = retrograph.Explainer(str(model), device="cpu")
    recipe = Preprocessing.from_json(explainer.contract.preprocessing)
    with Image.open(picture) as opened:
        x = prepare(opened, recipe, explainer.inputs[0].shape)[0][np.newaxis]
    unit = [0] * len(explainer.contract.shape)
    (scores,) = explainer.attribute(x, unit=unit).outputs.values()
    return [explainer.contract.labels[i] for i in np.argsort(-scores.ravel())]
