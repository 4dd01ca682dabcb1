"""Models whose output is a picture, and such of several inputs, in the page."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from support.browser_page import page_served, visit
from support.nets import cnn, info, model, node, save, two_input_net, wave_net
from support.serve_case import SAMPLE, told

pytest.importorskip("starlette", reason="needs retrograph[serve]")
from retrograph.serve import Page

TITLE = "document.querySelector('.caption h2').textContent"
ADDRESS = "Object.fromEntries(new URLSearchParams(location.search))"


def negative(folder: Path) -> Path:
    """A model that gives the negative of a picture [3, 24, 24], 0 to 255, twice as large."""
    nodes = [
        node("Conv", "x w b", "n"),
        node("Relu", "n", "r"),
        node("Resize", "r none scales", "y", mode="nearest"),
    ]
    constants = {
        "w": -np.eye(3, dtype=np.float32).reshape(3, 3, 1, 1),
        "b": np.full(3, 255, np.float32),
        "none": np.zeros(0, np.float32),
        "scales": np.array([1, 1, 2, 2], np.float32),
    }
    ends = [info("x", ["N", 3, 24, 24])], [info("y", ["N", 3, 48, 48])]
    return save(model(nodes, *ends, constants), folder / "negative.onnx")


def photo(folder: Path) -> Path:
    pixels = np.random.default_rng(6).integers(0, 256, (24, 24, 3), np.uint8)
    Image.fromarray(pixels).save(folder / "a.png")
    return folder / "a.png"


def test_the_picture_that_a_model_makes_is_shown_and_no_classes(tmp_path: Path) -> None:
    file = photo(tmp_path)
    page = Page(negative(tmp_path), [file], preprocessing="0-255", device="cpu", threads=1)
    scores = told(page, "api/scores", input="0").json
    assert (scores["picture"], scores["regions"], scores["boxes"]) == (True, [], [])
    assert scores["classes"][0]["name"].startswith("channel ")
    made = np.asarray(Image.open(io.BytesIO(told(page, "api/output.png", input="0").body)))
    with Image.open(file) as shown:
        wanted = 255 - np.asarray(shown).repeat(2, 0).repeat(2, 1)
    np.testing.assert_array_equal(made, wanted)


def test_other_models_make_none(tmp_path: Path) -> None:
    page = Page(SAMPLE, [photo(tmp_path)], device="cpu", threads=1)
    assert told(page, "api/scores", input="0").json["picture"] is False
    refused = told(page, "api/output.png", input="0")
    assert (refused.status, "is no picture" in refused.message) == (400, True)


def test_a_picture_is_made_in_the_page(tmp_path: Path) -> None:
    drawn = "document.querySelector('.made img')"
    steps = [
        {"go": ""},
        {"until": f"{drawn}?.naturalWidth > 0"},
        {"tell": f"{drawn}.naturalWidth"},
        {"tell": "document.querySelector('.scores').innerText"},
        {"shoot": "made"},
    ]
    with page_served(negative(tmp_path), photo(tmp_path), "--preprocess", "0-255") as address:
        seen = visit(address, tmp_path, steps)
    assert seen.errors == []
    width, words = seen.told
    assert width == 48
    assert "class" not in words


@pytest.mark.slow
def test_the_input_that_explains_is_chosen(tmp_path: Path) -> None:
    net = save(two_input_net(), tmp_path / "two.onnx")
    arrays = {"x": np.ones((1, 5)), "state": np.arange(6.0)[None], "sr": np.array(2)}
    np.savez(
        tmp_path / "a.npz",
        **{k: v.astype(np.int64 if k == "sr" else np.float32) for k, v in arrays.items()},
    )
    chooser = "select[title='Of input']"
    options = f'[...document.querySelector("{chooser}").options].map((each) => each.text)'
    steps = [
        {"go": ""},
        {"tell": options},
        {"choose": [chooser, "state"]},
        {"tell": ADDRESS},
        {"tell": "fetch('api/explain' + location.search).then((a) => a.json())"},
        {"tell": "fetch('api/commands' + location.search).then((a) => a.json())"},
        {"shoot": "state"},
        {"back": None},
        {"tell": ADDRESS},
    ]
    with page_served(net, tmp_path / "a.npz") as address:
        seen = visit(address, tmp_path, steps)
    assert seen.errors == []
    names, asked, record, commands, before = seen.told
    assert names == ["x", "state"]
    assert asked["wrt"] == "state"
    assert record["wrt"] == ["state"]
    assert "--wrt=state" in commands["command"]
    assert "wrt" not in before


def test_a_waveform_is_heard_where_its_rate_is_known(tmp_path: Path) -> None:
    net = save(wave_net(64), tmp_path / "wave.onnx")
    np.save(tmp_path / "a.npy", np.sin(np.arange(64, dtype=np.float32))[None])
    for rate, is_heard in ((None, False), (8000, True)):
        page = Page(net, [tmp_path / "a.npy"], sample_rate=rate, device="cpu", threads=1)
        assert told(page, "api/explain", input="0").json["sound"] is is_heard
        assert told(page, "api/audio/0").status == (200 if is_heard else 400)


def test_presets_are_not_tried_where_a_run_takes_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The model has 27 x 5 x 64 multiply-adds and some more."""
    net, file = save(cnn(), tmp_path / "net.onnx"), photo(tmp_path)
    for most, examples in ((10**6, (str(file),)), (8000, ())):
        monkeypatch.setattr("retrograph.serve.shown_model._QUICK", most)
        page = Page(net, [file], device="cpu", threads=1)
        assert page.models["net"].hosted._setup.examples == examples
        assert told(page, "api/explain", input="0").status == 200
