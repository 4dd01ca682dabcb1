"""The sample models of sequences and digits do what their README says."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import ModelProto, numpy_helper

import retrograph
from motif_data import ALPHABET, HELD_OUT, LENGTH, MOTIF, Sequences, draw, points_at_motif
from retrograph.preprocess.sequences import read_fasta
from support.paths import SAMPLE_MODELS

SAMPLES = SAMPLE_MODELS
SEED = 20_000
"""Another one than those of the training and of the README's figures."""


@pytest.fixture(scope="module")
def held_out() -> Sequences:
    return draw(600, SEED)


def share_found(model: str | ModelProto, data: Sequences, method: str = "guided") -> float:
    """In how many of the sequences with a motif the attribution ranks its positions first."""
    rows = np.flatnonzero(data.targets == 1)
    values = data.one_hot()[rows]
    explainer = retrograph.Explainer(model, method=method, select="unit")
    found = explainer.attribute(values, (1,)).attribution
    points = map(points_at_motif, found, values, data.starts[rows])
    return float(np.mean(list(points)))


def test_the_planted_motifs_are_where_they_are_said_to_be(held_out: Sequences) -> None:
    fits = [
        all(text[start + i] in allowed for i, allowed in enumerate(MOTIF))
        for text, start in (
            (held_out.text(row), held_out.starts[row])
            for row in range(600)
            if held_out.starts[row] >= 0
        )
    ]
    assert fits == [bool(t) for t in held_out.targets[held_out.starts >= 0]]
    assert 250 < held_out.targets.sum() < 350
    np.testing.assert_array_equal(held_out.one_hot().sum(axis=1), np.ones((600, LENGTH)))
    assert ALPHABET[held_out.one_hot()[7, :, 3].argmax()] == held_out.text(7)[3]


def test_the_sequences_to_try_it_on_are_held_out_ones() -> None:
    data = draw(*HELD_OUT)
    for name, sequence in read_fasta(SAMPLES / "motif_held_out.fa"):
        assert sequence == data.text(int(name))


def test_the_criterion_by_hand() -> None:
    one_hot = np.zeros((20, LENGTH), np.float32)
    one_hot[0] = 1
    values = np.zeros((20, LENGTH), np.float32)
    values[0, 10:18] = np.arange(8, 0, -1)
    values[1] = 100  # of letters that are not there
    assert points_at_motif(values, one_hot, 10)
    assert points_at_motif(values, one_hot, 11) is False  # the first lies before
    assert points_at_motif(values, one_hot, 9)  # 7 of 8
    assert points_at_motif(values, one_hot, 8) is False  # 6 of 8
    values[0, 40] = 9
    assert points_at_motif(values, one_hot, 10) is False
    assert points_at_motif(0 * values, one_hot, 0) is False


def test_guided_backpropagation_points_at_the_motif(held_out: Sequences) -> None:
    assert share_found(str(SAMPLES / "motif_cnn.onnx"), held_out) >= 0.95


def test_it_does_not_where_the_weights_are_drawn_anew(held_out: Sequences) -> None:
    model = onnx.load(SAMPLES / "motif_cnn.onnx")
    rng = np.random.default_rng(0)
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        fresh = rng.normal(scale=values.std(), size=values.shape).astype(np.float32)
        tensor.CopyFrom(numpy_helper.from_array(fresh, tensor.name))
    assert share_found(model, held_out) < 0.05


def test_the_motif_model_tells_motifs_from_decoys(held_out: Sequences) -> None:
    session = onnxruntime.InferenceSession(SAMPLES / "motif_cnn.onnx")
    (scores,) = session.run(None, {"sequence": held_out.one_hot()})
    assert (scores.argmax(1) == held_out.targets).mean() > 0.98


def test_the_generator_s_pictures_are_in_the_range_that_it_says() -> None:
    session = onnxruntime.InferenceSession(SAMPLES / "digit_generator.onnx")
    code = np.random.default_rng(1).standard_normal((200, 16)).astype(np.float32)
    (pictures,) = session.run(None, {"code": code})
    assert pictures.shape == (200, 1, 28, 28)
    said = session.get_modelmeta().custom_metadata_map
    low, high = map(float, said["output_range"].split("-"))
    assert low <= pictures.min() < low + 0.05
    assert high - 0.05 < pictures.max() <= high
    ink = pictures.mean(axis=(1, 2, 3))
    assert 0.03 < ink.mean() < 0.25  # that of the digits 0 and 1 is 0.12
    assert pictures[:, :, :2].mean() < 0.02  # the ground is dark
    assert len(np.unique(pictures.reshape(200, -1).round(2), axis=0)) == 200


def test_samples_are_small() -> None:
    for name in ("motif_cnn.onnx", "digit_generator.onnx"):
        assert (SAMPLES / name).stat().st_size < 500_000
