"""What a picture of an explained input says and shows: its class, its colours, what a unit sees."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import retrograph as rg
from retrograph.preprocess.columns import FIRST_IS_LABEL
from retrograph.render import STYLES, Drawn, style_named
from retrograph.render.page import CELL_GAP
from retrograph.render.seen import boxed
from retrograph.results.caption import printed_lines
from retrograph.results.figure import attribution_maps, shown_input
from retrograph.results.legend import Legend
from retrograph.results.maps import style_of
from retrograph.results.objective import Found, Objective
from retrograph.results.picture_lines import picture_lines, row_lines
from retrograph.results.picture_words import input_title, setting_lines, unit_title
from retrograph.results.seen import unit_cells
from retrograph.results.unit_names import describe_unit
from support import nets
from support.page_case import find

X = np.random.default_rng(3).random((1, 3, 16, 16)).astype(np.float32)
X32 = np.random.default_rng(4).random((1, 3, 32, 32)).astype(np.float32)
NAMES = ["cat", "dog", "owl", "bee"]


def explained(proto: Any, x: np.ndarray = X, **keywords: Any) -> Any:
    return rg.explain(rg.Model(proto), x, device="cpu", **keywords).explanations[0]


@pytest.mark.parametrize(
    ("method", "style"),
    [
        ("guided", "signed"),
        ("saliency", "overlay"),
        ("grad-cam", "overlay"),
        ("lrp-epsilon-plus", "red-blue"),
        ("integrated-gradients", "red-blue"),
        ("input-x-gradient", "red-blue"),
        ("deeplift-rescale", "red-blue"),
    ],
)
def test_a_picture_holds_the_legend_of_its_style(method: str, style: str) -> None:
    page = explained(nets.cnn(size=16), method=method).image()
    find(page, STYLES[style].key(Drawn(over_picture=True)).bar)


def test_a_style_of_ones_own_has_its_legend() -> None:
    explanation = explained(nets.cnn(size=16))
    find(explanation.image("heat,smooth"), STYLES["heat"].key().bar)


def softmax(scores: np.ndarray) -> np.ndarray:
    powers = np.exp(scores - scores.max())
    return np.asarray(powers / powers.sum())


def test_a_class_is_named_with_the_softmax_of_its_score() -> None:
    explanation = explained(nets.cnn(size=16), labels=NAMES)
    best = int(explanation.classes.argmax())
    share = softmax(explanation.classes)[best]
    first, *_ = picture_lines(explanation)
    logit = f"{explanation.scores[0]:.4g}"
    assert first == f"{NAMES[best]} · softmax {share:.3f} · logit {logit}"


def test_what_sums_to_one_is_a_probability() -> None:
    proto = nets.cnn(size=16)
    proto.graph.node.append(nets.node("Softmax", "scores_out", "p", axis=1))
    proto.graph.output[0].name = "p"
    explanation = explained(proto, labels=NAMES)
    first, second = picture_lines(explanation)
    assert f" · probability {explanation.classes.max():.3f}" in first
    _, second_best, *_ = np.argsort(-explanation.classes)
    assert second.startswith(f"then {NAMES[second_best]} {explanation.classes[second_best]:.3f}, ")
    assert first.partition(" ")[0] not in second
    assert "logit" in first  # what is explained is in front of the Softmax


def test_without_names_no_probability_is_claimed() -> None:
    first = picture_lines(explained(nets.cnn(size=16)))[0]
    assert re.fullmatch(r"output \d · score \S+", first)


def test_methods_and_inputs_have_their_proper_names() -> None:
    explanation = explained(nets.cnn(size=16), method="integrated-gradients")
    shown, maps = shown_input(explanation), attribution_maps(explanation)
    assert (shown.title, maps[0].title) == ("input\nsample 0", "Integrated gradients")
    assert setting_lines(explanation.context) == [
        "Integrated gradients: 50 steps, baseline 0 (black)"
    ]
    of_table = replace(explanation, name="folder/pixels.csv[7]")
    assert input_title(of_table) == "pixels.csv, sample 7"


def test_a_png_keeps_what_is_not_on_the_picture(tmp_path: Path) -> None:
    explanation = explained(nets.cnn(size=16), labels=NAMES)
    noted = replace(explanation, context=replace(explanation.context, notes=("a note",)))
    noted.save(tmp_path / "a.png")
    noted.save(tmp_path / "a.jpg")
    with Image.open(tmp_path / "a.png") as picture:
        described = picture.info["Description"].splitlines()
    assert described[0] == picture_lines(noted)[0]
    assert described[-1] == "a note"
    assert "a note" not in picture_lines(noted)
    with Image.open(io.BytesIO(noted._repr_png_())) as picture:
        assert picture.info["Description"].splitlines() == described


def test_greys_give_way_where_they_are_hard_to_read() -> None:
    matrix = explained(nets.cnn(size=16, channels=2), X[:, :2])
    assert style_of("guided", matrix).name == "red-blue"
    chosen = replace(matrix, context=replace(matrix.context, style="signed"))
    assert style_of("guided", chosen).name == "signed"
    assert style_of("guided", explained(nets.cnn(size=16))).name == "signed"
    region = Objective("cat", "y", (1, 4, 4), weights=X[0], mask=X[0, 0] > 0.5)
    of_map = replace(explained(nets.cnn(size=16)), found=Found((region,)))
    assert style_of("guided", of_map) == style_named("overlay,smooth")


def windows_of(explanation: Any) -> list[Any]:
    return [[window for _, window in each.windows] for each in attribution_maps(explanation)]


def test_the_window_is_what_the_unit_sees() -> None:
    """Convolutions 3x3, a pool 2x2, a convolution 3x3: 8 pixels a side, 2 from unit to unit."""
    explanation = explained(nets.cnn(size=32), X32, unit=(1, 7, 3), layer="conv2")
    assert windows_of(explanation) == [[((11, 19), (3, 11))]]
    support = np.argwhere(explanation.attributions["guided"][0].any(axis=0))
    assert support.min(axis=0).tolist() >= [11, 3]
    assert support.max(axis=0).tolist() < [19, 11]


def test_a_difference_has_the_windows_of_both_units() -> None:
    """Each part is under its number, and the gradient is 0 outside of both."""
    keywords = {"unit": "0-1", "layer": "conv2", "method": "gradient"}
    explanation = explained(nets.cnn(size=32), X32, **keywords)
    ((first, second),) = windows_of(explanation)
    support = explanation.attributions["gradient"][0].any(axis=0)
    for (top, bottom), (left, right) in (first, second):
        assert (bottom - top, right - left) <= (8, 8)
        assert support[top:bottom, left:right].any()
        support[top:bottom, left:right] = False
    assert not support.any()
    names = [name for name, _ in attribution_maps(explanation)[0].windows]
    assert names == ["channel 0", "channel 1"]


def test_the_values_of_both_units_of_a_difference_are_said() -> None:
    """Each where its channel is most active."""
    first, second = (
        float(explained(nets.cnn(size=32), X32, unit=unit, layer="conv2").scores[0])
        for unit in (0, 1)
    )
    explanation = explained(nets.cnn(size=32), X32, unit="0-1", layer="conv2", method="gradient")
    line = explanation.image().info["Description"].splitlines()[1]
    assert re.fullmatch(
        rf"layer conv2 · channel 0 at row \d+, column \d+: {first:.4g} · channel 1 at row \d+, "
        rf"column \d+: {second:.4g} · activation difference: {first - second:.4g}",
        line,
    )


def test_a_comparison_has_the_input_the_part_and_the_maps_in_one_row() -> None:
    asked: dict[str, Any] = {"unit": (1, 7, 3), "layer": "conv2", "preprocessing": "0-1"}
    c = rg.compare(nets.cnn(size=32), X32, ["gradient", "guided"], **asked)
    (explanation,) = c.explanations
    page, shown = c.image(), np.asarray(explanation.shown)
    whole = find(page, boxed(shown, [((11, 19), (3, 11))], 224))
    part = find(page, shown[11:19, 3:11].repeat(42, axis=0).repeat(42, axis=1))
    assert whole[1] == part[1]
    assert part[0] - whole[0] == 224 + 2 + CELL_GAP


def test_a_unit_of_a_sequence_is_told_by_the_letters_that_it_sees() -> None:
    """A convolution of 7 without padding: output position p sees letters p + 1 to p + 7."""
    weights = np.random.default_rng(0).normal(size=(3, 4, 7)).astype(np.float32)
    proto = nets.model(
        [nets.node("Conv", "x w", "y")],
        [nets.info("x", ["N", 4, 40])],
        [nets.info("y", ["N", 3, 34])],
        {"w": weights},
    )
    letters = np.eye(4, dtype=np.float32)[np.arange(40) % 4].T[None]
    asked = {"unit": (1, 12), "layer": "y", "method": "gradient", "alphabet": "ACGT"}
    explanation = explained(proto, letters, **asked)
    (drawn,) = attribution_maps(explanation)
    assert drawn.span == (12, 19)
    told = explanation.image().info["Description"].splitlines()
    assert told[0].startswith(
        "output channel 1 at position 12 (from 0) · receptive field: letters 13-19 (from 1) · "
    )
    letters_seen = np.flatnonzero(explanation.attributions["gradient"][0].any(axis=0))
    assert letters_seen.tolist() == [*range(12, 19)]


def test_the_window_follows_the_channels_last() -> None:
    proto = nets.cnn(size=32)
    proto.graph.node.insert(0, nets.node("Transpose", "y", "x", perm=[0, 3, 1, 2]))
    del proto.graph.input[:]
    proto.graph.input.append(nets.info("y", ["N", 32, 32, 3]))
    last = explained(proto, X32.transpose(0, 2, 3, 1), unit=(1, 7, 3), layer="relu2")
    assert windows_of(last) == [[((11, 19), (3, 11))]]


def test_the_picture_has_the_part_that_the_unit_sees() -> None:
    explanation = explained(nets.cnn(size=32), X32, unit=(1, 7, 3), layer="relu2")
    shown = np.asarray(explanation.shown)[11:19, 3:11]
    find(explanation.image(), shown.repeat(56, axis=0).repeat(56, axis=1))


def test_a_built_graph_knows_the_window_too() -> None:
    built = rg.build(nets.cnn(size=32), layer="relu2", select="unit")
    answer = rg.Explainer(built, device="cpu").attribute(X32, unit=(1, 7, 3))
    assert windows_of(answer.explanations[0]) == [[((11, 19), (3, 11))]]


def test_class_scores_see_all() -> None:
    assert windows_of(explained(nets.cnn(size=16))) == [[]]


def test_the_place_of_a_unit_that_sees_all_is_marked() -> None:
    """Unit (7, 3) of 16 x 16 positions of a picture of 32 x 32: two pixels from (14, 6)."""
    explanation = explained(nets.cnn(size=32), X32, unit=(1, 7, 3), layer="conv2")
    assert unit_cells(explanation, 0) == []
    everywhere = replace(explanation, context=replace(explanation.context, field=None))
    assert unit_cells(everywhere, 0) == [(6, 14, 8, 16)]
    assert everywhere.image().tobytes() != explanation.image().tobytes()
    assert unit_cells(explained(nets.cnn(size=16)), 0) == []


def test_scores_below_zero_are_no_probabilities_whatever_they_sum_to() -> None:
    explanation = explained(nets.cnn(size=16), labels=NAMES)
    scores = np.array([2.0, -1.0, 0.5, -0.5], np.float32)
    assert "softmax" in picture_lines(replace(explanation, classes=scores))[0]
    assert "probability" in picture_lines(replace(explanation, classes=np.abs(scores) / 4))[0]


def test_the_other_classes_are_told_in_the_quantity_of_the_first() -> None:
    explanation = explained(nets.cnn(size=16), labels=NAMES)
    scores = np.array([2.0, -1.0, 0.5, -0.5], np.float32)
    shares = np.exp(scores) / np.exp(scores).sum()
    line = picture_lines(replace(explanation, classes=scores))[1]
    assert f"{NAMES[2]} {shares[2]:.3f}" in line
    assert line.endswith(" (softmax)")


def test_what_is_assumed_of_a_label_is_not_on_the_picture() -> None:
    explanation = explained(nets.cnn(size=16))
    noted = replace(explanation, note=f"{FIRST_IS_LABEL}; the first frame is taken")
    described = noted.image().info["Description"].splitlines()
    assert "the first frame is taken" in described
    assert not [line for line in described if FIRST_IS_LABEL in line]
    assert FIRST_IS_LABEL in "".join(printed_lines(noted))


def test_a_unit_of_a_waveform_lies_at_one_position() -> None:
    explanation = explained(nets.cnn(size=16))
    kind, contract = explanation.context.kind, explanation.context.contract
    sound = replace(kind, axes=replace(kind.axes, samples=0))
    contracts = {"guided": replace(contract, shape=(4, 1, 9))}
    context = replace(explanation.context, kind=sound, contracts=contracts)
    unit = replace(explanation, context=context, units=np.array([[2, 0, 5]]))
    assert unit_title(unit, 0).endswith(" at position 5")


def test_where_no_box_passes_the_headline_says_so() -> None:
    explanation = explained(nets.cnn(size=16))
    weak = Objective("cat, box 0", "y", (1, 4), place=0, title="cat, score 0.10: below 0.25")
    found = Found((weak,), title="no box of at least 0.25", picture_title="")
    lines = picture_lines(replace(explanation, found=found))
    assert lines[0].startswith(f"{weak.title} · ")
    assert row_lines(replace(explanation, found=found))[0].startswith(f"{weak.title} · ")
    assert found.title not in lines


def test_which_of_several_inputs_is_explained_stands_over_it() -> None:
    feeds = {name: np.zeros((1, n), np.float32) for name, n in (("x", 5), ("state", 6))}
    ex = rg.Explainer(nets.two_input_net(), wrt="x", device="cpu")
    (explanation,) = ex.attribute(feeds | {"sr": np.array(1)}).explanations
    assert shown_input(explanation).title.startswith("input 'x'\n")
    assert shown_input(explained(nets.cnn(size=16))).title.startswith("input\n")


def test_a_place_along_one_axis_and_a_channel_of_one_unit_are_named() -> None:
    assert describe_unit((2, 7), (), False) == "channel 2 at position 7"
    explanation = explained(nets.cnn(size=16))
    contract = replace(explanation.context.contract, shape=(4, 1))
    context = replace(explanation.context, contracts={"guided": contract})
    assert context.unit((3, 0)) == "unit 3"


def test_a_bar_of_several_meanings_has_each_behind_its_methods() -> None:
    inputs, methods = np.ones((1, 3, 8, 8), np.float32), ["saliency", "vargrad", "grad-cam"]
    (found,) = rg.explain_all(nets.cnn(), inputs, method=methods, device="cpu")
    legend = Legend()
    legend.add(found.styled("heat"), values=False)
    ((names, key),) = legend.keys
    assert names == "Saliency, VarGrad, Grad-CAM"
    assert key.text == (
        "Saliency: size of the gradient (largest over channels); VarGrad: variance of the gradient "
        "under noise; Grad-CAM: evidence for the output"
    )
