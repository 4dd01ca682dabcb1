"""Several units and differences of two, in one run, beside PyTorch's autograd."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper

import retrograph as rg
from retrograph.cli import main
from retrograph.errors import InputError
from retrograph.pipeline import objective_session
from support.scan_case import all_activations

GOLDENS = Path(__file__).parents[1] / "goldens" / "heads"
HEADS = GOLDENS / "two_heads.onnx"
UNET = GOLDENS / "unet.onnx"
NAMES = ("ant", "bee", "cat", "dog", "black-and-tan hound, elk")
CLOSE = 1e-4


@pytest.fixture(scope="module")
def golden():
    with np.load(GOLDENS / "two_heads.npz") as arrays:
        return dict(arrays)


def assert_close(attribution, wanted):
    assert attribution.shape == wanted.shape
    assert np.abs(attribution - wanted).max() <= CLOSE * np.abs(wanted).max()


@pytest.mark.parametrize("unit", ["dog-bee", "3-1", "dog - 1", ["dog-bee"]])
def test_the_difference_of_two_logits(golden, unit):
    a = rg.explain(HEADS, golden["x"], unit, labels=NAMES, method="gradient")
    wanted = golden["contrast_gradient"]
    assert_close(a.attribution.reshape(wanted.shape), wanted)
    logits = golden["logits"]
    assert a.score.item() == pytest.approx(logits[3] - logits[1], abs=CLOSE)
    unit = a.to_dict()["explained"][0]["units"][0]
    assert unit["name"] == "dog minus bee"
    assert unit["difference"] == ["dog", "bee"]


def test_it_is_the_difference_of_the_gradients(golden):
    a = rg.explain(HEADS, golden["x"], "elk-ant", labels=NAMES, method="gradient")
    assert_close(a.attribution[0], golden["gradient"][4] - golden["gradient"][0])


@pytest.mark.parametrize("unit", ["cat,dog,0", ["cat", "dog", 0], "2,3,0", (2, 3, 0), "cat;3;0"])
def test_several_units_have_a_row_each(golden, unit):
    a = rg.explain(HEADS, golden["x"], unit, labels=NAMES, method="gradient")
    assert a.attribution.shape == (1, 3, 3, 48, 64)
    for row, label in enumerate((2, 3, 0)):
        assert_close(a.attribution[0, row], golden["gradient"][label])
    assert a.unit.tolist() == [[[2], [3], [0]]]
    np.testing.assert_allclose(a.score[0], golden["logits"][[2, 3, 0]], atol=CLOSE)
    units = a.to_dict()["explained"][0]["units"]
    assert [unit["name"] for unit in units] == ["cat", "dog", "ant"]


def test_units_and_differences_together(golden):
    a = rg.explain(HEADS, golden["x"], "cat,dog-bee,4", labels=NAMES, method="gradient")
    assert_close(a.attribution[0, 1], golden["contrast_gradient"])
    assert_close(a.attribution[0, 2], golden["gradient"][4])
    units = a.to_dict()["explained"][0]["units"]
    assert [unit["name"] for unit in units] == ["cat", "dog minus bee", "black-and-tan hound"]


def test_a_name_with_hyphens_and_commas_is_one_class(golden):
    for name in ("black-and-tan hound, elk", "black-and-tan hound"):
        a = rg.explain(HEADS, golden["x"], name, labels=NAMES)
        assert a.unit.tolist() == [[4]]
    a = rg.explain(HEADS, golden["x"], "black-and-tan hound-bee", labels=NAMES)
    assert a.to_dict()["explained"][0]["units"][0]["name"] == "black-and-tan hound minus bee"


def test_one_run_gives_all(golden, monkeypatch):
    runs = []
    run = objective_session.ObjectiveSession._run
    monkeypatch.setattr(
        objective_session.ObjectiveSession,
        "_run",
        lambda *args: runs.append(args) or run(*args),
    )
    rg.explain(HEADS, golden["x"], "0,1,2", method="gradient")
    assert len(runs) == 1


def test_several_inputs_have_the_same_units(golden):
    x = np.concatenate([golden["x"], golden["x"][:, :, ::-1]])
    a = rg.explain(HEADS, x, "3,1", method="gradient")
    assert a.attribution.shape == (2, 2, 3, 48, 64)
    alone = rg.explain(HEADS, x[1:], 1, method="gradient")
    assert_close(a.attribution[1, 1], alone.attribution[0])


def test_channels_are_taken_where_they_are_most_active(golden):
    a = rg.explain(UNET, golden["x"], "3;5;3-5", layer="conv1", method="gradient")
    conv1 = all_activations(onnx.load(UNET), rg.Model(UNET).target("conv1"), golden["x"])[0]
    peaks = conv1.max(axis=(1, 2))
    np.testing.assert_allclose(a.score[0], [peaks[3], peaks[5], peaks[3] - peaks[5]], rtol=1e-4)
    assert_close(a.attribution[0, 2], a.attribution[0, 0] - a.attribution[0, 1])


def test_the_most_active_channels_are_distinct(golden):
    a = rg.explain(UNET, golden["x"], layer="conv1", top=4, method="gradient")
    conv1 = all_activations(onnx.load(UNET), rg.Model(UNET).target("conv1"), golden["x"])[0]
    peaks = conv1.max(axis=(1, 2))
    assert a.unit[0, :, 0].tolist() == np.argsort(-peaks)[:4].tolist()
    np.testing.assert_allclose(a.score[0], np.sort(peaks)[::-1][:4], rtol=1e-5)
    with pytest.raises(InputError, match="more than the 8 channels of 'conv1'"):
        rg.explain(UNET, golden["x"], layer="conv1", top=9)


def test_a_model_that_mixes_its_batch_is_run_for_each(golden):
    model = onnx.load(HEADS)
    model.graph.node.append(helper.make_node("Transpose", ["kinds"], ["turned"], perm=[1, 0]))
    model.graph.output[0].name = "turned"
    del model.graph.output[0].type.tensor_type.shape.dim[:]
    a = rg.explain(model, golden["x"], "3;1", layer="kinds", method="gradient")
    assert_close(a.attribution[0, 0], golden["gradient"][3])


@pytest.mark.parametrize(
    ("unit", "says"),
    [
        ("cat,dgo", "no class 'dgo'; did you mean 'dog'"),
        ("cat-owl", "as a difference of two: no class 'owl'"),
        ("3,9", "unit=9 is out of range"),
        ("top,3", "names top among others"),
    ],
)
def test_what_is_none_of_them_is_said(golden, unit, says):
    with pytest.raises(InputError) as error:
        rg.explain(HEADS, golden["x"], unit, labels=NAMES)
    assert says in str(error.value)


def test_numbers_that_may_be_an_index_are_no_channels(golden):
    with pytest.raises(InputError, match="for several channels put semicolons between them"):
        rg.explain(UNET, golden["x"], "3,5", layer="conv1")


@pytest.mark.parametrize("unit", ["0,99,0", "99"])
def test_numbers_out_of_range_are_no_several_channels(golden, unit):
    with pytest.raises(InputError, match=r"count from 0$"):
        rg.explain(UNET, golden["x"], unit, layer="conv1")


def test_the_command_draws_a_map_for_each(golden, tmp_path, capsys):
    np.save(tmp_path / "x.npy", golden["x"])
    (tmp_path / "names.txt").write_text("ant\nbee\ncat\ndog\nelk")
    options = ["--labels", str(tmp_path / "names.txt"), "-o", str(tmp_path / "out.png"), "--force"]
    command = ["explain", str(HEADS), str(tmp_path / "x.npy"), *options]
    assert main([*command, "--unit", "cat,dog,cat-dog"]) == 0
    said = capsys.readouterr().out
    assert "scores · cat · activation" in said
    assert "cat minus dog · difference of two units of scores · value" in said
    assert "the model has 2 heads" not in said
    assert main([*command, "--json"]) == 0
    ran = capsys.readouterr()
    assert "the model has 2 heads; explained is 'kinds', not 'poses' (3 classes" in ran.err
    assert "--layer /poses/Gemm_output_0" in ran.err
    assert json.loads(ran.out)["layer"] == "scores"


def test_a_comparison_of_several_units_has_rows_for_each(golden):
    def height(unit):
        methods = "gradient,saliency"
        return rg.compare(HEADS, golden["x"], methods, unit=unit, labels=NAMES).image().height

    one, two, three = height("cat"), height("cat,dog"), height("cat,dog,bee")
    assert one < two < three
    assert three - two == two - one
