"""Detectors and segmentation nets of the corpus, as asked for, beside PyTorch's autograd."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import retrograph as rg
from corpus_inputs import VARIABLE
from support.corpus import needs_corpus

pytestmark = needs_corpus

GOLDENS = Path(__file__).parents[1] / "goldens" / "heads"
CLOSE = 1e-4
YELLOW = (255, 230, 60)
VOC = (
    *("background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair"),
    *("cow", "table", "dog", "horse", "motorbike", "person", "plant", "sheep", "sofa", "train"),
    "tv",
)

CASES = {
    "deeplab_cat": ("deeplabv3_dm05_tflite", lambda x: x, {"class_": "cat", "labels": VOC}),
    "deeplab_dog": ("deeplabv3_dm05_tflite", lambda x: x, {"class_": "dog", "labels": VOC}),
    "carvana": ("carvana_unet_simp", lambda x: x / 255, {"class_": 1, "over": "mask"}),
    "ultraface": ("ultraface_rfb320", lambda x: (x - 127) / 128, {}),
    "blazeface": ("blazeface_front128", lambda x: x / 127.5 - 1, {}),
    "tinyyolo": ("tinyyolo_ball", lambda x: x / 255, {}),
}
"""The model, what makes values of 0-255 its input, and what is asked."""
CHANNELS_LAST = ("deeplab_cat", "deeplab_dog", "blazeface")


@pytest.fixture(scope="module")
def goldens():
    with np.load(GOLDENS / "corpus.npz") as arrays:
        return dict(arrays)


def asked(case, goldens):
    """The attribution of a case."""
    name, scaled, question = CASES[case]
    times = int(goldens[f"{case}/times"])
    pixels = goldens[f"{case}/pixels"].repeat(times, 0).repeat(times, 1).astype(np.float64)
    x = scaled(pixels)[np.newaxis].astype(np.float32)
    x = x if case in CHANNELS_LAST else x.transpose(0, 3, 1, 2).copy()
    model = Path(os.environ[VARIABLE]) / "models" / f"{name}.onnx"
    return rg.explain(model, x, method="gradient", preprocessing="0-255", **question)


@pytest.mark.parametrize("case", CASES)
def test_the_gradient_is_autograds(case, goldens):
    a = asked(case, goldens)
    flat = a.attribution.astype(np.float64).ravel()
    largest = goldens[f"{case}/largest"].item()
    found = flat[goldens[f"{case}/places"]]
    assert np.abs(found - goldens[f"{case}/gradient"]).max() <= CLOSE * largest
    assert np.linalg.norm(flat) == pytest.approx(goldens[f"{case}/norm"].item(), rel=CLOSE)
    assert a.score.item() == pytest.approx(goldens[f"{case}/score"].item(), rel=CLOSE)
    if case != "carvana":  # four channels are no picture
        lines = (np.asarray(a.image()) == YELLOW).all(-1)
        assert lines.sum() > 100


def test_faces_are_found_where_they_are():
    corpus = Path(os.environ[VARIABLE])
    model = corpus / "models" / "blazeface_front128.onnx"
    a = rg.explain(model, corpus / "photos" / "coral_face.jpg", preprocessing="-1-1")
    boxes = [each["corners"] for each in a.to_dict()["explained"][0]["boxes"]]
    centres = [((x0 + x1) / 2, (y0 + y1) / 2) for x0, y0, x1, y1 in boxes]
    assert len(boxes) == 2
    np.testing.assert_allclose(centres, [(81, 43), (35, 54)], atol=6)


@pytest.mark.parametrize(("photo", "name", "share"), [("coral_cat", "cat", 0.3)])
def test_the_cat_is_where_it_is(photo, name, share):
    corpus = Path(os.environ[VARIABLE])
    model = corpus / "models" / "deeplabv3_dm05_tflite.onnx"
    with Image.open(corpus / "photos" / f"{photo}.jpg") as image:
        a = rg.explain(model, image.copy(), class_=name, labels=VOC, preprocessing="0-255")
    predicted = a.to_dict()["explained"][0]["predicted"]
    assert predicted[0]["name"] == name
    assert predicted[0]["share"] > share
