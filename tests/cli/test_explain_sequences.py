"""`retrograph explain` on sequences of letters and on volumes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import ModelProto, helper

import retrograph
from retrograph.render import STYLES, signed, values_picture
from support import nets
from support.cli_case import explained, good, opened, refused, run, workplace
from support.corpus import ENTRIES, each, feeds_of, needs_corpus
from support.page_case import cells, find_all

Capture = pytest.CaptureFixture[str]
FASTA = ">one\nACGTNACGTA\n>two\nacgtacgtacgtacgtacgtacgt\n"

in_colours = STYLES["red-blue"].draw


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, with models of sequences [N, 4, 20] and [N, 20, 4] and FASTA."""
    workplace(tmp_path, monkeypatch)
    nets.save(nets.sequence_net(), tmp_path / "ncw.onnx")
    nets.save(positions_first(), tmp_path / "nwc.onnx")
    (tmp_path / "in.fa").write_text(FASTA)
    return tmp_path


def positions_first() -> ModelProto:
    """The same classifier, with the channels last."""
    model = nets.sequence_net()
    model.graph.node.insert(0, nets.node("Transpose", "y", "x", perm=[0, 2, 1]))
    del model.graph.input[:]
    model.graph.input.append(nets.info("y", ["N", 20, 4]))
    return model


def one_hot(sequence: str) -> np.ndarray:
    """By hand: A, C, G and T in this order, anything else nothing, 20 positions."""
    array = np.zeros((4, 20), np.float32)
    for position, letter in enumerate(sequence.upper()[:20]):
        if letter in "ACGT":
            array["ACGT".index(letter), position] = 1
    return array


@pytest.mark.parametrize("model", ["ncw.onnx", "nwc.onnx"])
def test_fasta_is_explained_as_its_one_hot_array(here: Path, capsys: Capture, model: str) -> None:
    records = explained(capsys, f"{model} in.fa --alphabet dna -o maps --npz")
    assert [r["input"] for r in records] == ["in.fa:one", "in.fa:two"]
    explainer = retrograph.Explainer("ncw.onnx")
    for record, sequence in zip(records, FASTA.split("\n")[1::2], strict=True):
        found = explainer.attribute(one_hot(sequence)[None])
        assert record["units"][0]["activation"] == pytest.approx(found.score[0], abs=1e-5)
        values = found.attribution[0]
        (place,) = find_all(opened(record["file"]), cells(in_colours(values[None])))
        assert place
        with np.load(Path(record["file"]).with_suffix(".npz")) as kept:
            own = kept["attribution_guided"][0]
            np.testing.assert_allclose(own if model == "ncw.onnx" else own.T, values, atol=1e-6)


def test_what_was_padded_cut_or_unknown_is_told(here: Path, capsys: Capture) -> None:
    notes = [r["note"] for r in explained(capsys, "ncw.onnx in.fa --alphabet ACGT -o maps")]
    assert notes == [
        "padded with zeros from 10 positions to 20; "
        "letters that the alphabet lacks are all zero: N 1x",
        "cut from 24 positions to the first 20",
    ]
    out = good(capsys, "explain ncw.onnx in.fa --alphabet ACGT -o again")
    for note in notes:
        assert f"  {note}\n" in out


def test_the_alphabet_of_the_file_is_taken_and_kept_by_build(here: Path, capsys: Capture) -> None:
    model = nets.sequence_net()
    helper.set_model_props(model, {"alphabet": "TGCA"})
    nets.save(model, here / "own.onnx")
    good(capsys, "build own.onnx -o own.guided.onnx")
    scores = [
        [r["units"][0]["activation"] for r in explained(capsys, f"{arguments} -o {folder}")]
        for arguments, folder in (
            ("own.onnx in.fa", "a"),
            ("own.guided.onnx in.fa", "b"),
            ("ncw.onnx in.fa --alphabet TGCA", "c"),
            ("own.onnx in.fa --alphabet ACGT", "d"),
            ("ncw.onnx in.fa --alphabet ACGT", "e"),
        )
    ]
    assert scores[0] == scores[1] == scores[2] != scores[3] == scores[4]


def test_an_alphabet_of_the_file_that_does_not_fit_is_said(here: Path, capsys: Capture) -> None:
    model = nets.sequence_net()
    helper.set_model_props(model, {"alphabet": "ACGTN"})
    nets.save(model, here / "own.onnx")
    np.save(here / "in.npy", one_hot("ACGT"))
    out = good(capsys, "explain own.onnx in.npy -o maps")
    assert "note: the alphabet in the model's metadata is left out: the alphabet ACGTN has 5" in out


def test_arrays_have_their_letters(here: Path, capsys: Capture) -> None:
    soft = one_hot("ACGTACGT") * 0.7 + 0.1
    np.save(here / "in.npy", soft)
    (record,) = explained(capsys, "ncw.onnx in.npy --alphabet dna -o maps --npz")
    page = opened(record["file"])
    assert (
        len(find_all(page, cells(values_picture(soft[None].astype(np.float64))))) == 1
    )  # no one-hot: drawn
    with np.load("maps/in.scores.guided.npz") as kept:
        assert len(find_all(page, cells(in_colours(kept["attribution_guided"])))) == 1
    np.save(here / "hard.npy", one_hot("ACGTACGT"))
    (record,) = explained(capsys, "ncw.onnx hard.npy --alphabet dna -o maps")
    assert opened(record["file"]).height < page.height - 60


def test_channels_that_are_no_letters(here: Path, capsys: Capture) -> None:
    np.save(here / "in.npy", one_hot("GTGT"))
    good(capsys, "explain ncw.onnx in.npy --alphabet 2.GT -o maps")
    refused(
        capsys, here, "explain ncw.onnx in.fa --alphabet 2.GT -o x", "in.fa", "2 of the model's 4"
    )


def test_units_and_methods_each_have_a_strip(here: Path, capsys: Capture) -> None:
    command = "ncw.onnx in.fa --alphabet dna --top 2 --method gradient,saliency -o maps --npz"
    record = explained(capsys, command)[0]
    page = opened(record["file"])
    with np.load(Path(record["file"]).with_suffix(".npz")) as kept:
        for k in range(2):
            assert find_all(page, cells(in_colours(kept["attribution_gradient"][k][None])))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("ncw.onnx in.fa --alphabet ACG", ["ACG has 3 letters", "?x4x20 has 4 or 20 channels"]),
        ("ncw.onnx in.fa --alphabet AACG", ["A 2 times"]),
        ("net.onnx dog.png --alphabet dna", ["?x3x8x8", "no sequence"]),
        ("ncw.onnx dog.png --alphabet dna", ["dog.png", "give FASTA"]),
        ("ncw.onnx none.fa --alphabet dna", ["none.fa does not exist"]),
        ("ncw.onnx labels.txt.fa --alphabet dna", ["line 1", ">NAME"]),
    ],
)
def test_mistakes_with_sequences(
    here: Path, capsys: Capture, options: str, words: list[str]
) -> None:
    (here / "labels.txt.fa").write_text("cat\ndog\n")
    refused(capsys, here, f"explain {options} -o x", *words)


def test_a_square_input_says_which_axis_is_taken(here: Path, capsys: Capture) -> None:
    model = nets.sequence_net()
    del model.graph.input[:]
    model.graph.input.append(nets.info("x", ["N", 4, 4]))
    model.graph.initializer[0].CopyFrom(onnx.numpy_helper.from_array(nets.weights(3, 4, 2), "w"))
    nets.save(model, here / "square.onnx")
    out = good(capsys, "explain square.onnx in.fa --alphabet dna -o maps")
    assert "note: both axes are of 4: the first is taken for the channels" in out


def test_other_commands_read_fasta_too(here: Path, capsys: Capture) -> None:
    command = "compare ncw.onnx in.fa --alphabet dna -o compare.png --json"
    ran = run(capsys, *command.split())
    assert ran.code == 0, ran
    (first, _) = json.loads(ran.out)["explained"]
    found = retrograph.Explainer("ncw.onnx").attribute(one_hot("ACGTNACGTA")[None])
    assert first["units"][0]["activation"] == pytest.approx(found.score[0], abs=1e-5)


def test_units_that_see_a_whole_batch_are_drawn_without_letters(
    here: Path, capsys: Capture
) -> None:
    nodes = [
        nets.node("Transpose", "x", "turned", perm=[1, 0, 2]),
        nets.node("Relu", "turned", "out"),
    ]
    inputs, outputs = [nets.info("x", [2, 4, 20])], [nets.info("out", [4, 2, 20])]
    nets.save(nets.model(nodes, inputs, outputs), here / "joined.onnx")
    (record,) = explained(capsys, "joined.onnx in.fa --alphabet dna --layer out -o maps --npz")
    with np.load(Path(record["file"]).with_suffix(".npz")) as kept:
        assert kept["attribution_guided"].shape == (1, 2, 4, 20)
    assert opened(record["file"]).width > 800


@needs_corpus
@each("dna1d", "proteomics1d")
def test_real_models_of_sequences_are_drawn_with_letters(
    here: Path, capsys: Capture, name: str
) -> None:
    (values,) = feeds_of(name).values()
    item = np.asarray(values[0], np.float32)
    channels = item.shape[0]
    np.save(here / "in.npy", item)
    alphabet = f"{channels - 4}.ACGT" if channels > 4 else "ACGT"
    command = f"{ENTRIES[name].file} in.npy --alphabet {alphabet} --method gradient -o maps --npz"
    (record,) = explained(capsys, command)
    with np.load(Path(record["file"]).with_suffix(".npz")) as kept:
        drawn = in_colours(kept["attribution_gradient"])
    page = opened(record["file"])
    start = int(np.abs(drawn.astype(int) - 128).sum(axis=(0, 2)).argmax()) // 80 * 80
    row = drawn[:, start : start + 80] if item.shape[1] > 100 else drawn
    assert len(find_all(page, cells(row, 18 if channels <= 8 else 14))) == 1


# --- volumes -----------------------------------------------------------------------------------


def volume(*shape: int) -> np.ndarray:
    return np.random.default_rng(4).normal(size=shape).astype(np.float32)


def test_a_volume_s_slices_lie_beside_their_attributions(here: Path, capsys: Capture) -> None:
    nets.save(nets.volume_net(), here / "volume.onnx")
    np.save(here / "in.npy", volume(2, 4, 4, 4))
    (record,) = explained(capsys, "volume.onnx in.npy -o maps --npz")
    page = opened(record["file"])
    with np.load("maps/in.scores.guided.npz") as kept:
        values, array = kept["attribution_guided"][0], kept["input"]
    drawn = signed(np.concatenate([values[:, i] for i in range(4)], axis=1))
    grey = array.mean(axis=0, dtype=np.float64)
    grey = (255 * (grey - grey.min()) / np.ptp(grey)).round().astype(np.uint8)
    for i in range(4):
        large = np.ones((50, 50, 1), np.uint8)
        ((left, top),) = find_all(page, np.kron(drawn[4 * i : 4 * i + 4], large))
        ((before, same),) = find_all(page, np.kron(np.repeat(grey[i][..., None], 3, 2), large))
        assert top == same
        assert before < left < before + 220


def test_a_volume_with_its_channels_last(here: Path, capsys: Capture) -> None:
    model = nets.volume_net()
    model.graph.node.insert(0, nets.node("Transpose", "y", "x", perm=[0, 4, 1, 2, 3]))
    del model.graph.input[:]
    model.graph.input.append(nets.info("y", ["N", 4, 4, 4, 2]))
    nets.save(model, here / "last.onnx")
    nets.save(nets.volume_net(), here / "first.onnx")
    values = volume(2, 4, 4, 4)
    for name, array in (("first", values), ("last", np.moveaxis(values, 0, -1))):
        (here / name).mkdir()
        np.save(here / name / "in.npy", array)
    pages = [
        np.asarray(opened(explained(capsys, f"{name}.onnx {name}/in.npy -o {name}/")[0]["file"]))
        for name in ("first", "last")
    ]
    np.testing.assert_array_equal(*pages)


def test_what_has_more_axes_is_kept_as_arrays(here: Path, capsys: Capture) -> None:
    nodes = [
        nets.node("Relu", "x", "a"),
        nets.node("ReduceMean", "a", "out", axes=[2, 3, 4, 5], keepdims=0),
    ]
    shape = ["N", 2, 2, 2, 2, 2]
    nets.save(
        nets.model(nodes, [nets.info("x", shape)], [nets.info("out", ["N", 2])]), here / "5.onnx"
    )
    np.save(here / "in.npy", volume(2, 2, 2, 2, 2))
    (record,) = explained(capsys, "5.onnx in.npy -o maps")
    assert record["file"] == "maps/in.scores.guided.npz"
