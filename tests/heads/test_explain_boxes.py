"""Boxes and regions explained: gradients beside PyTorch's autograd, and what is asked for."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from PIL import Image

import retrograph as rg
from retrograph.cli import main
from retrograph.errors import InputError
from retrograph.render import STYLES
from retrograph.render.marks import FAINT
from retrograph.results.caption import printed_lines
from retrograph.results.maps import style_of

GOLDENS = Path(__file__).parents[1] / "goldens" / "heads"
DETECTORS = ("anchors", "distances", "priors", "centres")
CLOSE = 1e-4


def golden(name):
    with np.load(GOLDENS / f"{name}.npz") as arrays:
        return GOLDENS / f"{name}.onnx", dict(arrays)


def assert_close(attribution, wanted):
    assert attribution.shape == wanted.shape
    assert np.abs(attribution - wanted).max() <= CLOSE * np.abs(wanted).max()


@pytest.fixture(params=DETECTORS)
def detector(request):
    return golden(request.param)


def test_the_gradient_of_a_class_logit_is_autograds(detector):
    path, values = detector
    for label in range(3):
        a = rg.explain(path, values["x"], class_=label, method="gradient")
        assert_close(a.attribution[0], values["gradient"][label])
        assert a.score[0] == pytest.approx(values["logit"][label], abs=CLOSE)


def test_if_nothing_is_asked_the_strongest_box_is_explained(detector):
    path, values = detector
    label = int(values["score"].argmax())
    a = rg.explain(path, values["x"], method="gradient")
    assert_close(a.attribution[0], values["gradient"][label])
    record = a.to_dict()["explained"][0]
    box = record["boxes"][0]
    assert (box["class"], box["number"]) == (label, 0)
    np.testing.assert_allclose(box["corners"], values["box"][label], rtol=1e-4, atol=1e-3)
    assert record["units"][0]["box"] == 0
    scores = [each["score"] for each in record["boxes"]]
    assert scores == sorted(scores, reverse=True)


def test_the_gradient_of_an_objectness_is_autograds():
    path, values = golden("anchors")
    a = rg.explain(path, values["x"], what="objectness", method="gradient")
    assert_close(a.attribution[0], values["objectness_gradient"])


def test_the_sides_of_a_box_are_explained():
    path, values = golden("priors")
    a = rg.explain(path, values["x"], what="box", method="gradient", box=0)
    corners = a.to_dict()["explained"][0]["boxes"][0]["corners"]
    sides = (corners[2] - corners[0]) / 64 + (corners[3] - corners[1]) / 48
    assert a.score[0] == pytest.approx(sides, rel=1e-5)
    assert np.abs(a.attribution).max() > 0


def test_boxes_are_chosen_by_number_place_and_class():
    path, values = golden("priors")
    boxes = rg.explain(path, values["x"], top=5).to_dict()["explained"][0]["boxes"]
    third = rg.explain(path, values["x"], box=2)
    assert third.to_dict()["explained"][0]["units"][0]["box"] == 2
    x0, y0, x1, y1 = boxes[2]["corners"]
    at = ((x0 + x1) / 2, (y0 + y1) / 2)
    holding = next(
        b["number"]
        for b in boxes
        if b["corners"][0] <= at[0] <= b["corners"][2]
        and b["corners"][1] <= at[1] <= b["corners"][3]
    )
    there = rg.explain(path, values["x"], at=at)
    assert there.to_dict()["explained"][0]["units"][0]["box"] == holding
    named = rg.explain(path, values["x"], class_="dog", labels=["cat", "dog", "bee"])
    assert named.to_dict()["explained"][0]["units"][0]["name"].startswith("dog, box")


def test_several_boxes_have_a_row_each():
    path, values = golden("anchors")
    a = rg.explain(path, values["x"], top=3, method="gradient")
    assert a.attribution.shape == (1, 3, 3, 48, 64)
    for number in range(3):
        alone = rg.explain(path, values["x"], box=number, method="gradient")
        assert_close(a.attribution[0, number], alone.attribution[0])
        assert tuple(a.unit[0, number]) == tuple(alone.unit[0])


def test_it_is_said_how_many_boxes_are_missing():
    path, values = golden("anchors")
    boxes = rg.explain(path, values["x"]).to_dict()["explained"][0]["boxes"]
    count = len(boxes)
    for top, said in ((count + 1, "1 of which is"), (count + 2, "2 of which are")):
        found = rg.explain(path, values["x"], top=top).explanations[0].found
        assert len(found.objectives) == count
        assert found.title.endswith(f"; {top} were asked for, {said} not there")
    assert "asked" not in rg.explain(path, values["x"], top=count).explanations[0].found.title


def test_a_unit_of_a_detector_says_that_boxes_can_be_asked_for(tmp_path, capsys):
    path, values = golden("anchors")
    np.save(tmp_path / "x.npy", values["x"])
    files = [str(path), str(tmp_path / "x.npy"), "-o", str(tmp_path / "out.png"), "--unit"]
    assert main(["explain", *files, "1"]) == 0
    assert "--class explains the best box of a class, --box one" in capsys.readouterr().out
    assert main(["explain", *files, "top", "--force"]) == 0
    assert "--class explains" not in capsys.readouterr().out


def test_inputs_have_boxes_of_their_own():
    path, values = golden("anchors")
    other = values["x"][:, :, ::-1, ::-1].copy()
    both = rg.explain(path, np.concatenate([values["x"], other]), method="gradient")
    assert both.attribution.shape == (2, 3, 48, 64)
    assert_close(both.attribution[1], rg.explain(path, other, method="gradient").attribution[0])


def test_the_box_is_drawn_on_input_and_map(tmp_path):
    path, values = golden("priors")
    a = rg.explain(path, values["x"], class_=1)
    yellow = np.array([255, 230, 60])

    def lines(pixels):
        return (np.asarray(pixels) == yellow).all(-1)

    picture = lines(a.image())
    assert lines(rg.explain(path, values["x"], layer="relu2").image()).sum() == 0
    columns = np.flatnonzero(picture.any(0))
    left, right = columns[columns < picture.shape[1] // 2], columns[columns > picture.shape[1] // 2]
    assert len(left) > 20
    assert np.ptp(left) == np.ptp(right)


def test_other_boxes_are_faint_on_the_input():
    path, values = golden("anchors")
    a = rg.explain(path, values["x"])
    (explanation,) = a.explanations
    others = explanation.found.others
    record = a.to_dict()["explained"][0]
    counted = [box for box in record["boxes"] if box["score"] >= 0.25]
    assert len(others) == len(counted) - 1 > 0
    assert record["units"][0]["box"] not in [
        box["number"] for box in counted if (tuple(box["corners"]), box["score"]) in others
    ]
    drawn = (np.asarray(a.image()) == FAINT).all(-1)
    assert drawn[:, : drawn.shape[1] // 2].sum() > 50
    assert drawn[:, drawn.shape[1] // 2 :].sum() == 0


def test_a_box_is_explained_by_light_on_the_picture_unless_greys_are_asked_for():
    path, values = golden("anchors")
    (explanation,) = rg.explain(path, values["x"]).explanations
    assert style_of("guided", explanation) == replace(STYLES["overlay"], is_smooth=True)
    assert style_of("guided", explanation.styled("signed")) == STYLES["signed"]


def test_a_picture_says_class_and_score_of_a_box_and_the_terminal_its_anchor():
    path, values = golden("anchors")
    a = rg.explain(path, values["x"], labels=["cat", "dog", "bee"], class_="dog")
    told = a.image().info["Description"]
    head, *_ = told.splitlines()
    assert re.fullmatch(r"dog, score 0\.\d{3} · class logit -?[\d.]+", head)
    assert "yellow box: the explained detection" in told
    printed = "\n".join(printed_lines(a.explanations[0]))
    assert re.search(r"class logit before Sigmoid, anchor \d+", printed)


def test_a_comparison_says_what_its_boxes_are():
    path, values = golden("anchors")
    page = rg.compare(path, values["x"], "gradient,guided").image()
    assert "yellow box: the explained detection" in page.info["Description"]


def test_a_layout_is_corrected(tmp_path):
    path, values = golden("priors")
    record = rg.Model(path).heads().to_dict()
    record["heads"][0]["format"] = "y0 x0 y1 x1"
    file = tmp_path / "head.json"
    file.write_text(json.dumps(record))
    turned = rg.explain(path, values["x"], class_=1, head=file).to_dict()["explained"][0]
    right = rg.explain(path, values["x"], class_=1).to_dict()["explained"][0]
    x0, y0, x1, y1 = right["boxes"][0]["corners"]
    wanted = [y0 / 48 * 64, x0 / 64 * 48, y1 / 48 * 64, x1 / 64 * 48]
    np.testing.assert_allclose(turned["boxes"][0]["corners"], wanted, rtol=1e-5)
    head = rg.Model(path).heads().boxes
    assert rg.explain(path, values["x"], head=head).unit.tolist() == [
        rg.explain(path, values["x"]).unit[0].tolist()
    ]


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"box": 400}, "box=400 is not there"),
        ({"box": -1}, "no number of a box"),
        ({"at": "500,2"}, "no box is at 500,2; the nearest is"),
        ({"at": "5"}, "is no place; give x,y"),
        ({"box": 1, "at": "2,3"}, "each names a box"),
        ({"what": "shape"}, "give one of: class, objectness, box"),
        ({"what": "objectness"}, "no objectness of their own"),
        ({"class_": "dog"}, "give labels=FILE"),
        ({"class_": 9}, "there are 3 classes"),
        ({"over": "all"}, "no map is found"),
        ({"box": 0, "unit": 3}, "box and unit name what is explained; give one of both"),
        ({"box": 0, "layer": "conv1"}, "box is for the model's outputs; leave layer out"),
        ({"head": "no.json"}, "the layout cannot be read"),
        ({"head": {"head": "boxes"}}, "needs levels"),
    ],
)
def test_what_is_not_there_is_said(asked, says):
    path, values = golden("distances")
    with pytest.raises(InputError) as error:
        rg.explain(path, values["x"], method="gradient", **asked)
    assert says in str(error.value)


def test_a_built_graph_has_its_question():
    path, values = golden("priors")
    built = rg.build(path, method="gradient")
    with pytest.raises(InputError, match=r"box: what a graph explains .* give its source model"):
        rg.explain(built, values["x"], box=0)


def test_a_classifier_has_no_boxes():
    path, values = golden("two_heads")
    with pytest.raises(InputError, match="no boxes are found"):
        rg.explain(path, values["x"], box=0)
    by_class = rg.explain(path, values["x"], class_=2, method="gradient")
    assert_close(by_class.attribution[0], values["gradient"][2])


# Maps.


def test_the_gradient_of_a_mask_is_autograds():
    path, values = golden("unet")
    for label in range(3):
        a = rg.explain(path, values["x"], class_=label, method="gradient")
        assert_close(a.attribution[0], values["gradient"][label])
        assert a.score[0] == pytest.approx(values["sum"][label], rel=1e-5)
        record = a.to_dict()["explained"][0]
        assert record["units"][0]["pixels"] == values["mask"][label].sum()


@pytest.mark.parametrize(
    ("asked", "wanted"),
    [
        ({"over": "all", "class_": 1}, "all_gradient"),
        ({"over": (8, 10, 24, 20), "class_": 1}, "box_gradient"),
        ({"over": "40,30", "class_": 2}, "pixel_gradient"),
        ({"at": (40, 30), "class_": 2}, "pixel_gradient"),
    ],
)
def test_other_regions(asked, wanted):
    path, values = golden("unet")
    a = rg.explain(path, values["x"], method="gradient", **asked)
    assert_close(a.attribution[0], values[wanted])


def test_a_class_of_a_map_must_be_named_and_be_there():
    path, values = golden("unet")
    with pytest.raises(InputError, match=r"class 0 91%.*class 2 9%"):
        rg.explain(path, values["x"], over="mask")
    with pytest.raises(InputError, match="no place in the input, which is 64 pixels wide"):
        rg.explain(path, values["x"], over="64,3", class_=1)
    with pytest.raises(InputError, match="no pixel is predicted as class 1; most are: class 0"):
        rg.explain(path, 0 * values["x"], class_=1)


def test_the_contour_is_drawn():
    path, values = golden("unet")
    image = np.asarray(rg.explain(path, values["x"], class_=2).image())
    assert ((image == (255, 230, 60)).all(-1)).sum() > 200


def test_it_is_said_what_a_class_covers_but_not_at_a_point():
    path, values = golden("unet")
    mask, pixel = (
        rg.explain(path, values["x"], class_=2, **asked).image().info["Description"]
        for asked in ({}, {"over": "40,30"})
    )
    assert "class 0 covers 91% of the picture, class 2 9%" in mask
    first, *_ = pixel.splitlines()
    assert re.fullmatch(r"class 2 at row 30, column 40 · score -?[\d.]+", first)
    assert "covers" not in pixel


def test_a_layer_is_summed_over_a_region():
    path, values = golden("unet")
    a = rg.explain(path, values["x"], layer="conv1", class_=3, over="all", method="gradient")
    summed = rg.Explainer(path, layer="conv1", select="cotangent", method="gradient")
    weights = np.zeros((1, 8, 48, 64), np.float32)
    weights[0, 3] = 1
    assert_close(a.attribution, summed.attribute(values["x"], weights).attribution)


# On the command line.


def test_the_command_lists_boxes_and_draws_the_strongest(tmp_path, capsys):
    picture = tmp_path / "street.png"
    noise = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
    Image.fromarray(noise).save(picture)
    labels = tmp_path / "names.txt"
    labels.write_text("cat\ndog\nbee")
    model = str(GOLDENS / "anchors.onnx")
    out = str(tmp_path / "out.png")
    command = ["explain", model, str(picture), "--preprocess", "0-1", "--labels", str(labels)]
    assert main([*command, "-o", out]) == 0
    said = capsys.readouterr().out
    assert "180 candidate boxes of 3 classes" in said
    assert "box 0, score" in said
    assert "class logit before Sigmoid" in said
    assert Path(out).exists()
    assert main([*command, "-o", out, "--force", "--class", "dog", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["explained"][0]["units"][0]["name"].startswith("dog, box 0")
    assert record["explained"][0]["classes"] == []
    assert main([*command, "-o", out, "--force", "--box", "2000"]) == 2
    assert "--box 2000 is not there" in capsys.readouterr().err


def test_methods_are_compared_for_one_box(tmp_path):
    path, values = golden("priors")
    c = rg.compare(path, values["x"], ["gradient", "guided"], class_=1)
    (explanation,) = c.explanations
    assert_close(explanation.attributions["gradient"][0], values["gradient"][1])
    assert c.title.endswith("class logit of the strongest box of class 1")
    c.save(tmp_path / "compare.png")


def test_heads_are_printed(capsys):
    assert main(["heads", str(GOLDENS / "two_heads.onnx")]) == 0
    said = capsys.readouterr().out
    assert "classes: 5 in output 'kinds'" in said
    assert "before Softmax" in said
    assert main(["heads", str(GOLDENS / "anchors.onnx"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["heads"][0]["format"] == "cx cy w h"


def test_models_in_memory_and_files_agree():
    path, values = golden("distances")
    a = rg.explain(onnx.load(path), values["x"], method="gradient")
    assert_close(a.attribution, rg.explain(path, values["x"], method="gradient").attribution)


def test_a_difference_of_classes_is_named_by_the_unit():
    path, values = golden("anchors")
    with pytest.raises(InputError, match=r"names one class, for the difference of two give .*unit"):
        rg.explain(path, values["x"], labels=["cat", "dog", "bee"], class_="cat-dog")


def test_a_class_that_is_named_by_a_part_of_its_name_is_said():
    path, values = golden("anchors")
    labels = ["tabby cat", "golden dog", "bee"]
    told = rg.explain(path, values["x"], labels=labels, class_="gold").to_dict()["notes"]
    assert told.count("'gold' is taken for golden dog") == 1
    exact = rg.explain(path, values["x"], labels=labels, class_="golden dog").to_dict()["notes"]
    assert not any("is taken for" in note for note in exact)


def test_the_logit_of_a_class_is_told_by_its_name():
    path, values = golden("anchors")
    a = rg.explain(path, values["x"], labels=["cat", "dog", "bee"], class_="dog")
    assert a.to_dict()["explained"][0]["units"][0]["explained"].endswith(", dog")
