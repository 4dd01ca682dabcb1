"""What the page says of files that its models do not take, or hardly know."""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
import pytest

from corpus_inputs import VARIABLE
from support.asgi import Answer
from support.corpus import needs_corpus
from support.nets import save, two_input_net
from support.paths import SAMPLE_MODELS
from support.serve_case import SAMPLE, told
from support.serving_case import png

pytest.importorskip("starlette", reason="needs retrograph[serve]")
from retrograph.serve import Page

MOTIFS = SAMPLE_MODELS / "motif_cnn.onnx"


def send(page: Page, body: bytes, name: str) -> Answer:
    return told(page, "api/inputs", body=body, headers={"x-name": name})


@pytest.fixture(scope="module")
def letters() -> Page:
    return Page(MOTIFS, [SAMPLE_MODELS / "motif_held_out.fa"], device="cpu", threads=1)


def test_a_model_is_no_input() -> None:
    page = Page(SAMPLE, device="cpu", threads=1)
    answer = send(page, SAMPLE.read_bytes()[:200], "net.onnx")
    assert (answer.status, "`retrograph serve net.onnx`" in answer.message) == (400, True)


def test_a_picture_is_no_sequence(letters: Page) -> None:
    before = told(letters, "api/inputs").json
    answer = send(letters, png(), "fish.png")
    assert answer.status == 400
    assert answer.message == (
        "fish.png: the model takes sequences of letters; give FASTA or a .npy array"
    )
    assert told(letters, "api/inputs").json == before
    assert not [*Path(letters.uploads.folder).rglob("*.png")]


def test_a_model_of_several_inputs_says_what_it_takes(tmp_path: Path) -> None:
    page = Page(save(two_input_net(), tmp_path / "two.onnx"), device="cpu", threads=1)
    answer = send(page, png(), "fish.png")
    assert answer.status == 400
    assert answer.message.startswith("fish.png: the model takes 'state' ")
    assert answer.message.endswith("; send an .npz with an array for each")
    arrays = {"x": np.ones((1, 5), np.float32), "state": np.ones((1, 6), np.float32)}
    buffer = io.BytesIO()
    np.savez(buffer, **arrays, sr=np.array(2))
    assert send(page, buffer.getvalue(), "a.npz").status == 200


@pytest.mark.parametrize(
    ("sequence", "words"),
    [
        (b"BJOXZBJOXZ", "none of the letters of x.fa are"),
        (b"BJOAXZBJOABJOXZBJOXA", "only 15% of the letters of x.fa are"),
        (b"MKKLLXXVWPEE", ""),
    ],
)
def test_a_sequence_of_other_letters_is_warned_of(
    letters: Page, sequence: bytes, words: str
) -> None:
    id = send(letters, b">p\n" + sequence + b"\n", "x.fa").json["id"]
    warning = told(letters, "api/explain", input=id).json["warning"]
    assert warning.startswith(words)
    assert bool(warning) is bool(words)


def test_a_command_of_a_sent_file_asks_for_its_path() -> None:
    page = Page(SAMPLE, device="cpu", threads=1)
    id = send(page, png(), "dog.png").json["id"]
    note, line = told(page, "api/commands", input=id).json["command"].splitlines()
    assert note == "# dog.png was sent to the page: fill in its path"
    assert line == f"retrograph explain {SAMPLE} dog.png"


@pytest.mark.slow
@needs_corpus
def test_a_command_names_the_preprocessing_that_was_found() -> None:
    corpus = Path(os.environ[VARIABLE])
    photos = sorted((corpus / "photos").glob("*.jpg"))[:4]
    model = corpus / "models" / "squeezenet_imagenet_fp32.onnx"
    page = Page(model, photos, device="cpu", threads=1)
    record = told(page, "api/commands", input="0").json
    assert record["command"].endswith(" --preprocess=caffe-bgr")
    assert "preprocessing='caffe-bgr'" in record["python"]


def test_notes_name_options_of_the_command(letters: Page) -> None:
    record = told(letters, "api/explain", input="0").json
    assert not any("alphabet=" in note.replace("--alphabet=", "") for note in record["notes"])
