"""The strongest units of many inputs on one sheet."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import retrograph as rg
from retrograph.errors import parameter, spelled
from retrograph.render import signed
from retrograph.render.blocks import SOFT
from retrograph.render.page import fill
from retrograph.results.maps import attribution_picture
from retrograph.results.seen import seen_windows
from support import nets
from support.graphs import noise
from support.page_case import find_all, printed
from support.scan_case import all_activations

X = noise(6, 3, 8, 8)


def stream() -> list[rg.Explanation]:
    each = rg.explain_all(nets.cnn(), X, layer="relu1", top=2, preprocessing="0-1", device="cpu")
    return [e for e in each if isinstance(e, rg.Explanation)]


def seen_part(each: rg.Explanation) -> np.ndarray:
    """The attribution where the unit sees the input, enlarged into a cell."""
    ((_, ((top, bottom), (left, right))),) = seen_windows(each, 0)
    return fill(signed(each.attributions["guided"][0])[top:bottom, left:right], 160, 160)


def test_the_strongest_come_first_and_no_more_than_fit() -> None:
    peaks = all_activations(nets.cnn(), rg.Model(nets.cnn()).target("relu1"), X).max(axis=(2, 3))
    wanted = np.sort(np.sort(peaks)[:, -2:].ravel())[::-1][:4]
    sheet = rg.Sheet.strongest(iter(stream()), grid=(2, 2))
    np.testing.assert_allclose([e.scores[0] for e in sheet.explanations], wanted, rtol=1e-5)
    page = sheet.image()
    parts = [seen_part(each) for each in sheet.explanations]  # alike of one channel
    places = {place for part in parts for place in find_all(page, part)}
    rows = sorted(y // 100 for _, y in places)
    assert len(places) == 4
    assert rows[0] == rows[1] < rows[2] == rows[3]
    assert sheet.arrays()["attribution_guided"].shape == (4, 3, 8, 8)
    assert len(sheet.to_dict()["explained"]) == 4
    assert repr(sheet) == "<Sheet guided: the 4 strongest units of relu1>"


@pytest.mark.parametrize(("channels", "keys"), [(3, 0), (2, 1)])
def test_the_values_of_inputs_that_are_no_pictures_are_in_the_legend(
    channels: int, keys: int
) -> None:
    model = nets.cnn(channels=channels)
    page = rg.Sheet(rg.explain(model, noise(2, channels, 8, 8), device="cpu").explanations).image()
    assert len(find_all(page, printed("negative", 17, SOFT))) == keys
    assert len(find_all(page, printed("lowers", 17, SOFT))) == 1


def test_nothing_makes_no_sheet() -> None:
    with pytest.raises(rg.InputError, match="give an input"):
        rg.Sheet.strongest([])


def test_a_sheet_of_explanations_shows_all_of_them_the_strongest_first() -> None:
    sheet = rg.Sheet(stream())
    assert len(sheet.explanations) == 12
    strengths = [float(each.scores[0]) for each in sheet.explanations]
    assert strengths == sorted(strengths, reverse=True)
    assert sheet.image() == rg.Sheet.strongest(stream(), grid=(3, 5)).image()
    attribution = rg.explain(nets.cnn(), X[:2], device="cpu")
    assert len(rg.Sheet(attribution.explanations, columns=2).explanations) == 2


def test_what_is_no_explanation_makes_no_sheet() -> None:
    (bad,) = rg.explain_all(nets.cnn(), ["gone.png"], device="cpu")
    assert isinstance(bad, rg.BadInput)
    with pytest.raises(rg.InputError, match=r"gone\.png.*leave that input out of the sheet"):
        rg.Sheet([bad])
    with pytest.raises(rg.InputError, match=r"not a str; give those of explain_all\(\)"):
        rg.Sheet.strongest(["dog.png"])
    with pytest.raises(rg.InputError, match="give an input"):
        rg.Sheet([])


def test_arrays_of_several_sizes_are_no_rows_of_one() -> None:
    model = nets.cnn(size="s")
    inputs = [noise(1, 3, 8, 8), noise(1, 3, 8, 10)]
    compared = rg.compare(model, inputs, "guided", device="cpu")
    for answer in (compared, rg.Sheet(compared)):
        with pytest.raises(rg.InputError, match=r"of several sizes.*save each of `explanations`"):
            answer.arrays()
    alike = rg.compare(model, X[:2], "guided", device="cpu").arrays()
    assert {name: array.shape for name, array in alike.items()} == {
        "input": (2, 3, 8, 8),
        "score": (2, 1),
        "unit": (2, 1, 1),
        "attribution_guided": (2, 1, 3, 8, 8),
        "preprocessing": (),
    }


def test_classes_have_their_names_and_the_small_print_states_facts() -> None:
    nodes = [
        nets.node("Conv", "x w", "a"),
        nets.node("Relu", "a", "r"),
        nets.node("GlobalAveragePool", "r", "y"),
    ]
    inputs, outputs = [nets.info("x", ["N", 3, 8, 8])], [nets.info("y", ["N", 4, 1, 1])]
    wide = nets.model(nodes, inputs, outputs, {"w": nets.weights(4, 3, 3, 3)})
    names = ["cat", "red dog", "blue dog", "bird"]
    each = rg.explain_all(wide, X[:2], labels=names, preprocessing="0-1", device="cpu")
    sheet = rg.Sheet([e for e in each if isinstance(e, rg.Explanation)])
    marked = f"classes are named as others; give {parameter('labels', 'FILE')}, or none"
    context = replace(sheet.context, notes=(marked,))
    cells = [replace(e, context=context) for e in sheet.explanations]
    page = rg.Sheet(cells).image()
    strongest = f"{cells[0].unit_name(0)} · {float(cells[0].scores[0]):.3g}"
    assert cells[0].unit_name(0) in names
    assert find_all(page, printed(strongest, 20, SOFT))
    assert not find_all(page, printed("classes are named as others", 17, SOFT))
    assert spelled(marked) in page.info["Description"]
    assert not find_all(page, printed(spelled(marked), 17, SOFT))
    assert rg.Sheet(cells).to_dict()["notes"][-1].endswith("give labels=FILE, or none")


def test_a_cell_of_nothing_but_0_says_so() -> None:
    (cell,) = rg.explain(nets.cnn(), X[:1], device="cpu").explanations
    blank = replace(cell, attributions={m: 0 * a for m, a in cell.attributions.items()})
    grey = np.full((8, 8, 3), 128, np.uint8)
    assert (np.asarray(attribution_picture(blank, "guided")) != 128).any()
    assert np.asarray(attribution_picture(cell, "guided")).shape == grey.shape
    assert rg.Sheet([blank]).image() != rg.Sheet([cell]).image()
