"""The page in Chromium: what it says of what is shown, and what stays while something else ends."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import retrograph as rg
from support.browser_page import page_served, small_pictures, visit
from support.nets import info, model, node, save
from support.serve_case import SAMPLE

pytestmark = pytest.mark.slow

FACTS = "document.querySelector('.caption p').textContent"
ENLARGED = "document.querySelector('.enlarged').checkVisibility()"


def segmentation(folder: Path, side: int) -> Path:
    """A model that scores four classes at each pixel, the third by red."""
    weights = np.zeros((4, 3, 1, 1), np.float32)
    weights[2, 0], weights[1, 1] = 1, 1
    ends = [info("x", [1, 3, side, side])], [info("y", [1, 4, side, side])]
    return save(model([node("Conv", "x w", "y")], *ends, {"w": weights}), folder / "net.onnx")


@pytest.mark.parametrize(("side", "words"), [(24, ": 0.5"), (300, "at most 0.5")])
def test_a_region_is_a_sum_and_its_map_has_the_numbers_of_the_channel(
    tmp_path: Path, side: int, words: str
) -> None:
    pixels = np.full((side, side, 3), (127, 0, 0), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    steps = [
        {"go": "?class=2"},
        {"until": ENLARGED},
        {"tell": "document.querySelector('.enlarged p').textContent"},
        {"tell": FACTS},
        {"shoot": "region"},
    ]
    files = segmentation(tmp_path, side), tmp_path / "a.png"
    with page_served(*files, "--preprocess", "0-1") as address:
        seen = visit(address, tmp_path, steps)
    assert seen.errors == []
    under_map, facts = seen.told
    assert under_map.startswith("channel 2 at ")
    assert float(under_map.rpartition(words.rpartition(" ")[0])[2]) == pytest.approx(0.498)
    assert f"sum of {side * side} scores: " in facts


def test_what_has_grown_stays_when_a_scan_ends(tmp_path: Path) -> None:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    small_pictures(pictures, 6)
    grown = "document.querySelector('#panel-neuron img[src^=data]')"
    steps = [
        {"go": "?layer=conv2&unit=3&tab=neuron"},
        {"click": "text=Maximize"},
        {"until": f"{grown} !== null"},
        {"click": "text=Stop"},
        {"tell": f"{grown}.src"},
        {"click": "text=Scan these inputs"},
        {"until": "document.querySelector('.histogram') !== null"},
        {"tell": f"{grown}?.src"},
        {"shoot": "scanned"},
    ]
    with page_served(SAMPLE, pictures) as address:
        seen = visit(address, tmp_path, steps)
    assert seen.errors == []
    before, after = seen.told
    assert after == before


def test_a_chosen_class_has_its_probability_and_place(tmp_path: Path) -> None:
    (picture,) = small_pictures(tmp_path, 1)
    scores = rg.explain(str(SAMPLE), str(picture), unit=3, device="cpu").explanations[0].classes
    assert scores is not None
    place = 1 + int((scores > scores[3]).sum())
    steps = [
        {"go": "?unit=3"},
        {"tell": FACTS},
        {"shoot": "chosen"},
        {"tell": "window.fetch = () => Promise.reject(new Error('away')), 0"},
        {"click": "#download"},
        {"click": "text=Arrays (NPZ)"},
        {"tell": "document.getElementById('toast').textContent"},
    ]
    with page_served(SAMPLE, picture) as address:
        seen = visit(address, tmp_path, steps)
    facts, _, toast = seen.told
    assert ("softmax 0." in facts, f"place {place} of the classes" in facts) == (True, place > 1)
    assert toast.startswith("the server does not answer")


def test_it_says_that_nothing_is_chosen(tmp_path: Path) -> None:
    steps = [{"go": ""}, {"tell": FACTS}, {"go": "?class=2"}, {"tell": FACTS}]
    with page_served(segmentation(tmp_path, 24), *small_pictures(tmp_path, 1)) as address:
        seen = visit(address, tmp_path, steps)
    assert seen.errors == []
    opened, chosen = seen.told
    assert opened.startswith("nothing is chosen: this is the most active unit")
    assert "nothing is chosen" not in chosen


def test_without_an_input_it_says_what_to_drop(tmp_path: Path) -> None:
    ends = [info("a", [1, 3, 8, 8]), info("b", [1, 2])], [info("y", [1, 5])]
    nodes = [
        node("Flatten", "a", "f"),
        node("Concat", "f b", "c", axis=1),
        node("MatMul", "c w", "y"),
    ]
    weights = {"w": np.ones((194, 5), np.float32)}
    several = save(model(nodes, *ends, weights), tmp_path / "several.onnx")
    told = "document.querySelector('#stage .empty').textContent"
    camera = "document.querySelector('[title^=\"Take a picture\"]').checkVisibility()"
    steps = [
        {"open": ""},
        {"until": f"{told} !== ''"},
        {"tell": f"[{told}, {camera}]"},
        {"shoot": "empty"},
        {"choose": ["#model", "several"]},
        {"until": f"{told}.includes('several')"},
        {"tell": f"[{told}, {camera}]"},
    ]
    with page_served(SAMPLE, several) as address:
        seen = visit(address, tmp_path, steps)
    assert seen.errors == []
    (words, has_camera), (others, has_still) = seen.told
    assert words.startswith("Drop a picture (PNG, JPEG")
    assert has_camera
    assert others.endswith("drop an .npz with an array for each: a [1, 3, 8, 8], b [1, 2].")
    assert not has_still


def test_inputs_are_one_stop_and_numbers_stay_beside_their_bars(tmp_path: Path) -> None:
    stops = "[...document.querySelectorAll('.thumb')].filter((each) => each.tabIndex === 0)"
    overlaps = """[...document.querySelectorAll('.score')].filter((each) => {
      const [bar, number] = [each.querySelector('.bar'), each.querySelector('.number')];
      return bar.getBoundingClientRect().right > number.getBoundingClientRect().left;
    }).length"""
    steps = [
        {"go": ""},
        {"until": "document.querySelectorAll('.maps .score').length > 5"},
        {"tell": f"[{stops}.length, {overlaps}]"},
        {"tell": f"{stops}[0].focus()"},
        {"press": "ArrowRight"},
        {"tell": f"[{stops}.length, {stops}[0] === document.activeElement]"},
        {"tell": "new URLSearchParams(location.search).get('input')"},
        {"click": "#stage button[title='What each method shows']"},
        {"shoot": "methods"},
        {"click": "dialog.methods dt:nth-of-type(2) button"},
        {"tell": "new URLSearchParams(location.search).get('method')"},
    ]
    with page_served(SAMPLE, *small_pictures(tmp_path, 3)) as address:
        seen = visit(address, tmp_path, steps)
    assert seen.errors == []
    opened, _, moved, shown, method = seen.told
    assert opened == [1, 0]
    assert moved == [1, True]
    assert shown == "1"
    assert method == "saliency"


def test_what_is_typed_as_a_unit_and_refused_is_no_step_back(tmp_path: Path) -> None:
    box = "document.querySelector('#panel-maps input')"
    refused = "document.querySelector('#panel-maps .mistake')?.textContent"
    typed = ["#panel-maps input", "zzz"]
    steps = [
        {"go": "?layer=relu1&unit=3"},
        {"until": ENLARGED},
        {"tell": f"{box}.placeholder"},
        {"fill": typed},
        {"press": "Enter"},
        {"until": f"{refused} !== undefined"},
        {"tell": refused},
        {"tell": "location.search"},
        {"shoot": "refused"},
        {"fill": ["#panel-maps input", "4"]},
        {"press": "Enter"},
        {"until": "location.search.includes('unit=4')"},
        {"tell": f"{refused} === undefined"},
        {"back": None},
        {"tell": "location.search"},
        {"go": "?"},
        {"until": f"{box}.placeholder !== 'unit'"},
        {"tell": f"[{box}.placeholder, {box}.value]"},
    ]
    with page_served(SAMPLE, *small_pictures(tmp_path, 1)) as address:
        seen = visit(address, tmp_path, steps)
    assert seen.errors == []
    hint, words, search, is_gone, before, usual = seen.told
    assert hint == "number or channel,row,column"
    assert words == "units of relu1 are numbers: give a number or channel,row,column"
    assert "unit=3" in search
    assert is_gone
    assert "unit=3" in before
    assert usual == ["class or number", ""]


def test_the_progress_of_checks_is_in_sight(tmp_path: Path) -> None:
    in_sight = """(() => {
      window.fetch = () => Promise.reject(new Error('away'));
      [...document.querySelectorAll('#panel-checks .main')].at(-1).click();
      const words = document.querySelector('#panel-checks [role=status] p');
      const { top, bottom } = words.getBoundingClientRect();
      return [words.textContent.slice(0, 8), top >= 0 && bottom <= innerHeight];
    })()"""
    steps = [
        {"size": [1280, 420]},
        {"go": "?unit=3&tab=checks"},
        {"until": "document.querySelectorAll('.choices button').length > 1"},
        {"tell": in_sight},
    ]
    with page_served(SAMPLE, *small_pictures(tmp_path, 1)) as address:
        seen = visit(address, tmp_path, steps)
    assert seen.told == [["checking", True]]


def test_what_the_colours_mean_stands_under_the_map(tmp_path: Path) -> None:
    legend = """[document.querySelector('.legend p')?.textContent,
      document.querySelector('.legend img')?.naturalWidth > 0,
      [...document.querySelectorAll('.legend .ends span')].map((each) => each.textContent)]"""
    mixed = "document.querySelector('.if-mixed').checkVisibility()"
    slider = "document.querySelector('.corner input')"
    under_caption = "document.querySelector('.caption .legend').checkVisibility()"
    slide = f"{slider}.value = 1, {slider}.dispatchEvent(new Event('input'))"
    steps = [
        {"go": "?unit=5"},
        {"until": f"{legend}[1]"},
        {"tell": legend},
        {"choose": ["[aria-label=Method]", "grad-cam"]},
        {"until": f"{legend}[0].startsWith('Grad-CAM')"},
        {"tell": legend},
        {"tell": mixed},
        {"tell": f"{slide}, {mixed}"},
        {"choose": ["[aria-label=Show]", "methods"]},
        {"until": "document.querySelectorAll('figcaption .legend').length > 2"},
        {"tell": under_caption},
        {"choose": ["[aria-label=Show]", ""]},
        {"until": under_caption},
    ]
    with page_served(SAMPLE, *small_pictures(tmp_path, 1)) as address:
        seen = visit(address, tmp_path, steps)
    assert seen.errors == []
    (guided, _, lowers_raises), (cam, is_drawn, none_most), *is_mixed, is_seen = seen.told
    assert guided.startswith("Guided backpropagation: brighter: raising this colour value raises")
    assert cam.startswith("Grad-CAM: evidence for the class; mixed with the input")
    assert is_drawn
    assert is_mixed == [True, False]
    assert not is_seen
    assert (lowers_raises, none_most) == (["lowers", "0", "raises"], ["0", "most"])


def test_a_click_on_a_segmented_picture_explains_the_class_there(tmp_path: Path) -> None:
    Image.fromarray(np.full((24, 24, 3), (127, 0, 0), np.uint8)).save(tmp_path / "a.png")
    (tmp_path / "names.txt").write_text("sky\ngrass\nbarn\nroad\n")
    steps = [
        {"go": "?"},
        {"until": "document.querySelectorAll('.scores button').length > 0"},
        {"click": "#stage .frame"},
        {"until": "location.search.includes('at=')"},
        {"until": "document.querySelector('.caption h2').textContent.startsWith('barn')"},
        {"tell": "new URLSearchParams(location.search).get('at').split(',').map(Number)"},
        {"tell": "document.querySelector('.caption h2').textContent"},
        {"tell": "[...document.querySelectorAll('.tile .scored')].map((each) => each.textContent)"},
    ]
    files = segmentation(tmp_path, 24), tmp_path / "a.png"
    labels = "--labels", tmp_path / "names.txt"
    with page_served(*files, "--preprocess", "0-1", *labels) as address:
        seen = visit(address, tmp_path, steps)
    assert seen.errors == []
    (x, y), title, names = seen.told
    assert (x, y) == pytest.approx((12, 12), abs=1)
    assert title == f"barn at row {y}, column {x}"
    assert sorted(names) == ["barn", "grass", "road", "sky"]
