"""An attribution shows itself: the input, the maps, the units by name, why a map is 0."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import retrograph as rg
from retrograph.render import enlarge, signed
from support import nets
from support.graphs import noise
from support.page_case import find

X = noise(2, 3, 8, 8)
PIXELS = np.random.default_rng(3).integers(0, 256, (2, 8, 8, 3), np.uint8)
NAMES = ["tench", "golden retriever", "cat", "plane"]


def labelled() -> rg.Explainer:
    """Explains a model whose file says its classes and its preprocessing."""
    model = nets.cnn()
    for key, value in (("labels", "\n".join(NAMES)), ("preprocessing", "0-1")):
        entry = model.metadata_props.add()
        entry.key, entry.value = key, value
    return rg.Explainer(model, select="unit", device="cpu")


def as_input(pixels: np.ndarray) -> np.ndarray:
    return (pixels / np.float32(255)).transpose(0, 3, 1, 2)


def test_one_input_is_drawn_beside_its_attribution() -> None:
    a = labelled().attribute(as_input(PIXELS[:1]), unit=[2])
    page = a.image()
    left = find(page, enlarge(PIXELS[0], 448))
    right = find(page, enlarge(signed(a.attribution[0]), 448))
    assert left[0] < right[0]
    assert left[1] == right[1]
    assert repr(a).startswith("<Attribution guided: scores · cat · activation ")
    assert a.explanations[0].note == ""


def test_several_inputs_are_rows() -> None:
    a = labelled().attribute(as_input(PIXELS), unit=[[2], [1]])
    page = a.image()
    tops = [find(page, enlarge(pixels))[1] for pixels in PIXELS]
    maps = [find(page, enlarge(signed(each)))[1] for each in a.attribution]
    assert tops == maps
    assert tops[0] < tops[1]
    names = [e["units"][0]["name"] for e in a.to_dict()["explained"]]
    assert names == ["cat", "golden retriever"]


def test_every_unit_of_several_inputs_has_a_row() -> None:
    a = rg.explain(nets.cnn(), X, top=2, preprocessing="0-1", device="cpu")
    page = a.image()
    for row in a.attribution:
        for each in row:
            find(page, enlarge(signed(each)))


def test_a_summary_counts_the_inputs_that_it_does_not_name() -> None:
    one, three = (labelled().attribute(as_input(PIXELS[[0] * n]), unit=[2]) for n in (1, 3))
    assert "cat" in three.summary()
    assert three.summary().endswith(", and 2 more")
    assert "more" not in one.summary()


def test_another_style() -> None:
    a = labelled().attribute(as_input(PIXELS[:1]), unit=2)
    heat = np.asarray(a.image("heat"))
    assert not np.array_equal(heat, np.asarray(a.image()))
    with pytest.raises(rg.InputError, match="choose one of: signed"):
        a.image("cold")


def test_it_is_saved_with_the_names_of_the_contract(tmp_path: Path) -> None:
    a = labelled().attribute(as_input(PIXELS), unit=2)
    with np.load(a.save(tmp_path / "a.npz")) as data:
        arrays = dict(data)
    np.testing.assert_array_equal(arrays["attribution"], a.attribution)
    np.testing.assert_array_equal(arrays["input"], as_input(PIXELS))
    assert arrays["unit"].tolist() == [[2], [2]]
    record = json.loads(a.save(tmp_path / "a.json").read_text())
    assert record["layer"] == "scores"
    assert record["methods"] == ["guided"]
    assert [c["name"] for c in record["explained"][0]["classes"]] == [
        NAMES[i] for i in np.argsort(-a.outputs["scores_out"][0])
    ]
    with Image.open(a.save(tmp_path / "a.png")) as drawn:
        assert drawn.width > 200


def test_of_several_inputs_each_has_its_name() -> None:
    explainer = rg.Explainer(nets.two_input_net(), device="cpu")
    feeds = {"x": noise(1, 5), "state": noise(1, 6), "sr": np.array(2)}
    a = explainer.attribute(feeds)
    arrays = a.arrays()
    assert {"attribution.x", "attribution.state", "input.x", "input.state", "input.sr"} <= {*arrays}
    np.testing.assert_array_equal(arrays["attribution.state"], a.attributions["state"])


def test_what_is_assumed_of_pictures_is_said() -> None:
    a = rg.Explainer(nets.cnn(), device="cpu").attribute(X)
    assert "as if scaled to 0-1" in a.explanations[0].note
    assert a.to_dict()["explained"][0]["note"] == a.explanations[0].note
    vectors = rg.Explainer(nets.vector_net(), device="cpu").attribute(noise(1, 5))
    assert not vectors.explanations[0].note


def test_a_map_of_zeros_says_why() -> None:
    nodes = [nets.node("Conv", "x w", "a"), nets.node("Relu", "a", "out")]
    weights = {"w": np.full((2, 3, 1, 1), -1, np.float32)}
    net = nets.model(
        nodes, [nets.info("x", ["N", 3, 4, 4])], [nets.info("out", ["N", 2, 4, 4])], weights
    )
    a = rg.explain(net, np.ones((2, 3, 4, 4), np.float32), (1, 2, 3), layer="out")
    (blank,) = a.explanations[1].blanks
    assert "the unit is off" in blank.reason
    (unit,) = a.to_dict()["explained"][1]["units"]
    assert unit["blank"] == {"guided": blank.reason}


def test_a_built_graph_knows_its_pictures_and_labels(tmp_path: Path) -> None:
    recipe = replace(rg.PRESETS["imagenet"], crop_fraction=1.0)
    built = rg.build(nets.cnn(), preprocessing=recipe)
    rg.save(built, tmp_path / "built.onnx")
    wanted = rg.explain(nets.cnn(), PIXELS[:1], preprocessing=recipe, device="cpu")
    for graph in (built, tmp_path / "built.onnx"):
        a = rg.Explainer(graph, device="cpu").attribute(wanted.feeds["x"])
        np.testing.assert_array_equal(np.asarray(a.explanations[0].shown), PIXELS[0])


def test_numbers_that_are_none_are_refused_when_it_is_drawn() -> None:
    a = rg.Explainer(nets.cnn(), device="cpu").attribute(np.where(X > 2, np.nan, X))
    with pytest.raises(rg.InputError, match="is nan:"):
        a.image()
