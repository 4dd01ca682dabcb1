"""The page in Chromium: files that are brought, what a neuron is, doubt, sequences, detectors."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
from PIL import Image

from corpus_inputs import VARIABLE
from support.browser_page import page_served, small_pictures, visit
from support.corpus import needs_corpus
from support.paths import SAMPLE_MODELS
from support.serve_case import SAMPLE

pytestmark = pytest.mark.slow

TITLE = "document.querySelector('.caption h2').textContent"
ADDRESS = "Object.fromEntries(new URLSearchParams(location.search))"
PICTURES = "[...document.querySelectorAll('.sheet-picture')]"
INPUTS = "document.querySelectorAll('.thumb').length"


def test_files_are_dropped_and_the_camera_takes_one(tmp_path: Path) -> None:
    (own,) = small_pictures(tmp_path, 1)
    other, broken = tmp_path / "other name.png", tmp_path / "broken.png"
    Image.fromarray(np.full((40, 40, 3), 90, np.uint8)).save(other)
    broken.write_bytes(b"no picture")
    toast = "document.getElementById('toast')"
    steps = [
        {"go": ""},
        {"drop": str(other)},
        {"until": f"{INPUTS} === 2"},
        {"tell": ADDRESS},
        {"drop": str(broken)},
        {"until": f"{toast}.classList.contains('mistake')"},
        {"tell": f"{toast}.textContent"},
        {"click": "text=Camera"},
        {"until": "document.querySelector('video')?.videoWidth > 0"},
        {"click": "text=Take the picture"},
        {"until": f"{INPUTS} === 3"},
        {"shoot": "camera"},
        {"tell": "document.querySelector('.thumb[aria-selected=true]').title"},
    ]
    with page_served(SAMPLE, own) as address:
        seen = visit(address, tmp_path, steps)
    shown, mistake, taken = seen.told
    assert shown["input"] != "0"
    assert mistake
    assert taken.startswith("camera ")
    assert all("status of 4" in error for error in seen.errors)


def test_of_several_files_the_good_ones_come_in_and_the_bad_one_is_named(tmp_path: Path) -> None:
    first, second = small_pictures(tmp_path, 2)
    torn = tmp_path / "torn.npz"
    torn.write_bytes(b"PK\x03\x04rubbish")
    toast = "document.getElementById('toast')"
    steps = [
        {"open": ""},
        {"until": "document.querySelector('#model').options.length > 0"},
        {"drop": [str(first), str(torn), str(second)]},
        {"until": f"{toast}.classList.contains('mistake')"},
        {"tell": f"{toast}.textContent"},
        {"tell": "[...document.querySelectorAll('.thumb')].map((each) => each.title)"},
        {"until": f"{TITLE} !== ''"},
        {"shoot": "several"},
        {"drop": [str(first), str(second)]},
        {"until": f"{INPUTS} === 4"},
        {"tell": f"{toast}.textContent"},
    ]
    with page_served(SAMPLE) as address:
        seen = visit(address, tmp_path, steps)
    mistake, names, good = seen.told
    assert mistake.startswith("2 of 3 files came in\ntorn.npz is no .npz that can be read")
    assert names == [first.name, second.name]
    assert good == "2 files came in"
    assert all("status of 400" in error for error in seen.errors), seen.errors


def test_it_is_used_on_a_phone(tmp_path: Path) -> None:
    width = "[document.documentElement.scrollWidth, document.body.scrollWidth]"
    outside = """[...document.querySelectorAll('button, select, input')]
      .filter((each) => each.checkVisibility() && !each.closest('#network, .thumbs'))
      .filter((each) => each.getBoundingClientRect().right > innerWidth + 1)
      .map((each) => each.outerHTML.slice(0, 80))"""
    steps = [
        {"size": [390, 844]},
        {"go": ""},
        {"tell": width},
        {"tell": outside},
        {"shoot": "phone"},
        {"click": "#show-network"},
        {"fill": ["#network input[type=search]", "relu1"]},
        {"shoot": "phone-network"},
        {"click": ".listed button"},
        {"until": "document.querySelectorAll('.tile').length > 3"},
        {"tell": "document.getElementById('network').classList.contains('open')"},
        {"click": ".tile:nth-child(2)"},
        {"until": "document.querySelector('.enlarged').checkVisibility()"},
        {"shoot": "phone-layer"},
        {"clickAt": ["#stage .frame", 150, 150]},
        {"tell": TITLE},
        {"tell": width},
        {"tell": outside},
    ]
    with page_served(SAMPLE, *small_pictures(tmp_path)) as address:
        seen = visit(address, tmp_path, steps)
    assert seen.errors == []
    first, beyond, is_open, title, last, after = seen.told
    assert (first, last) == ([390, 390], [390, 390])
    assert (beyond, after, is_open) == ([], [], False)
    assert title.startswith("channel ")


def test_a_scan_tells_what_a_neuron_is_and_a_table_of_all(tmp_path: Path) -> None:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    small_pictures(pictures, 6)
    marked = "document.querySelector('#panel-neuron .mistake')?.textContent"
    rows = "[...document.querySelectorAll('tbody tr')].map((r) => r.cells[1].textContent)"
    steps = [
        {"go": "?layer=conv2&unit=3&tab=neuron"},
        {"click": "text=Scan these inputs"},
        {"until": "document.querySelector('.histogram') !== null"},
        {"until": "document.querySelector('.sheet-picture').naturalWidth > 0"},
        {"shoot": "neuron"},
        {"click": "text=Maximize"},
        {"until": f"{PICTURES}.some((each) => each.src.startsWith('data:'))"},
        {"click": "text=Stop"},
        {"click": "#tab-table"},
        {"until": "document.querySelectorAll('tbody tr').length === 100"},
        {"click": "th:nth-child(2) button"},
        {"tell": rows},
        {"shoot": "table"},
        {"click": "tbody tr:nth-child(2) button"},
        {"tell": ADDRESS},
        {"go": "?layer=conv2&unit=3&tab=table&preprocessing=imagenet"},
        {"until": "document.querySelector('#panel-table .mistake') !== null"},
        {"shoot": "another"},
        {"click": "#tab-neuron"},
        {"until": f"{marked} !== undefined"},
        {"tell": marked},
        {"click": "#panel-neuron >> text=Scan these inputs"},
        {"until": f"{marked} === undefined && document.querySelector('.histogram') !== null"},
    ]
    with page_served(SAMPLE, pictures) as address:
        seen = visit(address, tmp_path, steps)
    assert seen.errors == []
    peaks, asked, note = seen.told
    assert "while the page shows imagenet" in note
    numbers = [float(peak.replace("\u2212", "-")) for peak in peaks]
    assert numbers == sorted(numbers, reverse=True)
    assert asked["layer"] == "conv2"
    assert asked["unit"] != "3"


def test_checks_preprocessing_and_what_is_copied(tmp_path: Path) -> None:
    steps = [
        {"go": "?layer=relu2&unit=5"},
        {"click": "text=preprocessing 0-1"},
        {"until": "document.querySelectorAll('.choices button').length > 1"},
        {"click": "text=Check this attribution"},
        {"until": "document.querySelector('.word') !== null"},
        {"tell": "document.querySelector('.word').textContent"},
        {"tell": "document.querySelector('.word + details').textContent"},
        {"tell": "document.querySelector('#panel-checks h3 + div p').textContent"},
        {"shoot": "checks"},
        {"click": ".choices button:last-child"},
        {"tell": ADDRESS},
        {"tell": "fetch('api/commands' + location.search).then((answer) => answer.json())"},
    ]
    with page_served(SAMPLE, *small_pictures(tmp_path, 2)) as address:
        seen = visit(address, tmp_path, steps)
    assert seen.errors == []
    verdict, numbers, prepared, asked, commands = seen.told
    assert verdict.startswith("This map ")
    assert verdict.count(".") == 1
    assert numbers.startswith("The numbersWeights: ")
    assert prepared.startswith("Pictures are prepared as 0-1")
    assert asked["preprocessing"]
    assert commands["command"].startswith("retrograph explain")
    assert asked["preprocessing"] in commands["command"]
    assert "rg.explain" in commands["python"]


def test_checks_go_when_another_unit_is_asked(tmp_path: Path) -> None:
    words = "document.querySelectorAll('#panel-checks .word').length"
    steps = [
        {"go": "?layer=relu2&unit=5&tab=checks"},
        {"until": "document.querySelectorAll('.choices button').length > 1"},
        {"click": "text=Check this attribution"},
        {"until": f"{words} > 0"},
        {"click": ".choices button:last-child"},
        {"tell": words},
    ]
    with page_served(SAMPLE, *small_pictures(tmp_path, 1)) as address:
        seen = visit(address, tmp_path, steps)
    assert seen.errors == []
    assert seen.told == [0]


def test_nothing_of_a_model_stays_when_another_one_is_chosen(tmp_path: Path) -> None:
    shown = """[document.querySelectorAll('.scores button, .maps .tile').length,
      document.querySelector('#stage .sheet').checkVisibility(),
      document.querySelector('.enlarged').checkVisibility(),
      document.querySelector('.caption').textContent]"""
    steps = [
        {"go": "?model=none&layer=relu2&unit=5"},
        {"tell": "document.getElementById('toast').textContent"},
        {"go": "?model=cifar10_cnn&layer=relu2&unit=5"},
        {"until": "document.querySelector('.enlarged').checkVisibility()"},
        {"tell": f"{shown}.slice(0, 3)"},
        {"choose": ["#model", "other"]},
        {"until": f"{shown}[0] > 10 && {shown}[1] && {shown}[3] !== ''"},
        {"back": None},
        {"until": "document.querySelector('.enlarged').checkVisibility()"},
        {"until": f"{shown}[0] > 10 && {shown}[1]"},
        {"tell": TITLE},
        {"tell": "window.fetch = () => Promise.reject(new Error('away')), 0"},
        {"choose": ["#model", "other"]},
        {"tell": shown},
    ]
    other = shutil.copy(SAMPLE, tmp_path / "other.onnx")
    with page_served(SAMPLE, other, *small_pictures(tmp_path, 1)) as address:
        seen = visit(address, tmp_path, steps)
    assert seen.errors == []
    toast, (count, *are_visible), title, _, after = seen.told
    assert toast == "there is no model 'none'; shown is cifar10_cnn"
    assert count > 10
    assert are_visible == [True, True]
    assert title.startswith("channel 5")
    assert after == [0, False, False, ""]


def test_a_place_of_a_large_map_is_told_by_its_own_numbers(tmp_path: Path) -> None:
    """The map is reduced by 2; the chosen unit is dark among bright ones."""
    tensor = onnx.helper.make_tensor_value_info
    weights = np.zeros((2, 3, 1, 1), np.float32)
    weights[1, 0] = 1
    node = onnx.helper.make_node
    nodes = [
        node("Conv", ["x", "w"], ["c"]),
        node("Relu", ["c"], ["r"]),
        node("GlobalAveragePool", ["r"], ["p"]),
        node("Flatten", ["p"], ["y"]),
    ]
    ends = [tensor("x", 1, [1, 3, 300, 300])], [tensor("y", 1, [1, 2])]
    graph = onnx.helper.make_graph(
        nodes, "large", *ends, [onnx.numpy_helper.from_array(weights, "w")]
    )
    opset = [onnx.helper.make_opsetid("", 17)]
    onnx.save(
        onnx.helper.make_model(graph, opset_imports=opset, ir_version=9), tmp_path / "large.onnx"
    )
    pixels = np.full((300, 300, 3), 255, np.uint8)
    pixels[151, 203] = 51
    Image.fromarray(pixels).save(tmp_path / "a.png")
    words = "document.querySelector('.enlarged p').textContent"
    steps = [
        {"go": "?layer=relu1&unit=1,151,203"},
        {"until": "document.querySelector('.enlarged').checkVisibility()"},
        {"tell": words},
        {"hover": [".enlarged canvas", 1, 1]},
        {"tell": words},
        {"shoot": "large"},
    ]
    files = tmp_path / "large.onnx", tmp_path / "a.png"
    with page_served(*files, "--preprocess", "0-1") as address:
        seen = visit(address, tmp_path, steps)
    assert seen.errors == []
    assert seen.told == [
        "channel 1 at row 151, column 203: 0.2",
        "channel 1 at row 0\u20131, column 0\u20131: at most 1",
    ]


def test_a_position_of_a_sequence_is_clicked(tmp_path: Path) -> None:
    model, letters = SAMPLE_MODELS / "motif_cnn.onnx", SAMPLE_MODELS / "motif_held_out.fa"
    steps = [
        {"go": "?layer=relu1&unit=12"},
        {"until": "document.querySelector('.enlarged canvas.line')?.checkVisibility()"},
        {"clickAt": [".enlarged canvas", 100, 20]},
        {"tell": ADDRESS},
        {"tell": TITLE},
        {"shoot": "letters"},
    ]
    with page_served(model, letters) as address:
        seen = visit(address, tmp_path, steps)
    assert seen.errors == []
    asked, title = seen.told
    position = asked["unit"].split(",")[1]
    assert asked["unit"].startswith("12,")
    assert title == f"channel 12 at position {position}"


@needs_corpus
def test_boxes_of_a_detector_are_clicked(tmp_path: Path) -> None:
    corpus = Path(os.environ[VARIABLE])
    model = corpus / "models" / "ultraface_rfb320.onnx"
    photo = corpus / "photos" / "coral_face.jpg"
    box = "document.querySelectorAll('.marks .object').length"
    click = """(() => {
      const edge = document.querySelectorAll('.marks .object rect')[1].getBoundingClientRect();
      const frame = document.querySelector('#stage .frame').getBoundingClientRect();
      return [edge.x + edge.width / 2 - frame.x, edge.y + edge.height / 2 - frame.y];
    })()"""
    with page_served(model, photo) as address:
        seen = visit(address, tmp_path, [{"go": ""}, {"until": f"{box} > 1"}, {"tell": click}])
        (place,) = seen.told
        steps = [
            {"go": ""},
            {"until": f"{box} > 1"},
            {"clickAt": ["#stage .frame", *place]},
            {"tell": ADDRESS},
            {"tell": TITLE},
            {"shoot": "boxes"},
        ]
        clicked = visit(address, tmp_path, steps)
    assert json.dumps(clicked.errors) == "[]"
    asked, title = clicked.told
    assert asked["box"] == "1"
    assert "box 1" in title
