"""The page in Chromium: what a user clicks, and what then is shown."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

import retrograph
from support.browser_page import page_served, small_pictures, visit
from support.serve_case import SAMPLE

TITLE = "document.querySelector('.caption h2').textContent"
ADDRESS = "Object.fromEntries(new URLSearchParams(location.search))"
ENLARGED = "!document.querySelector('.enlarged').hidden"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("page")


@pytest.fixture(scope="module")
def address(folder: Path) -> Iterator[str]:
    with page_served(SAMPLE, *small_pictures(folder)) as served:
        yield served


def test_a_class_a_channel_and_a_place_are_explained_by_clicks(address: str, folder: Path) -> None:
    pictures = small_pictures(folder)
    steps = [
        {"go": ""},
        {"tell": TITLE},
        {"tell": "document.querySelector('.scores .score .name').textContent"},
        {"click": ".scores .score:nth-of-type(2)"},
        {"tell": ADDRESS},
        {"shoot": "class"},
        {"fill": ["#network input[type=search]", "relu1"]},
        {"click": ".listed button"},
        {"until": "document.querySelectorAll('.tile').length > 3"},
        {"click": ".tile:nth-child(3)"},
        {"until": ENLARGED},
        {"tell": "Number(document.querySelector('.tile:nth-child(3)').dataset.unit)"},
        {"tell": ADDRESS},
        {"clickAt": [".enlarged canvas", 40, 40]},
        {"tell": ADDRESS},
        {"tell": TITLE},
        {"clickAt": ["#stage .frame", 300, 200]},
        {"tell": TITLE},
        {"hover": ["#stage .frame", 250, 250]},
        {"until": "!document.querySelector('.tip').hidden"},
        {"tell": "document.querySelectorAll('.marks .hover').length"},
        {"shoot": "place"},
        {"back": None},
        {"until": f"{TITLE}.startsWith('channel')"},
        {"tell": ADDRESS},
    ]
    seen = visit(address, folder, steps)
    assert seen.errors == []
    assert all(url.startswith((address, "blob:", "data:")) for url in seen.requests)
    asked = [url for url in seen.requests if "api/explain" in url]
    assert len(asked) == len(set(asked)) + 1  # a click asks once; "back" asks again
    first, top, second, unit, channel, place, at, by_pixel, boxes, before = seen.told
    scores = retrograph.explain(str(SAMPLE), str(pictures[0]), device="cpu").to_dict()["explained"][
        0
    ]
    assert first == top == scores["classes"][0]["name"]
    assert second["unit"] == str(scores["classes"][1]["class"])
    assert (channel["layer"], channel["unit"]) == ("relu1", str(unit))
    index = place["unit"].split(",")
    assert index[0] == str(unit)
    assert at == f"channel {unit} at row {index[1]}, column {index[2]}"
    assert by_pixel.startswith("channel ")
    assert boxes == 2
    assert before == place
    for name in ("class", "place"):
        with Image.open(folder / f"{name}.png") as shot:
            assert shot.size == (1280, 800)


@pytest.mark.slow
def test_the_picture_is_the_attribution_that_the_library_gives(address: str, folder: Path) -> None:
    drawn = """(async () => {
      const map = document.querySelector('.frame .map');
      const canvas = document.createElement('canvas');
      [canvas.width, canvas.height] = [map.naturalWidth, map.naturalHeight];
      canvas.getContext('2d').drawImage(map, 0, 0);
      const {data} = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
      return [canvas.width, canvas.height, [...data].filter((_, i) => i % 4 === 3)];
    })()"""
    seen = visit(address, folder, [{"go": "?layer=conv1&unit=5,10,12"}, {"tell": drawn}])
    assert seen.errors == []
    ((width, height, opacity),) = seen.told
    picture = str(small_pictures(folder)[0])
    explained = retrograph.explain(
        str(SAMPLE), picture, layer="conv1", unit=(5, 10, 12), device="cpu"
    )
    magnitude = abs(explained.attribution[0]).max(axis=0)
    assert (height, width) == magnitude.shape
    hit = [value > 0 for value in opacity]
    assert sum(hit) > 0
    assert all(not shown or value > 0 for shown, value in zip(hit, magnitude.ravel(), strict=True))


@pytest.mark.slow
def test_mistakes_are_the_sentences_of_the_library(address: str, folder: Path) -> None:
    file = folder / "none.png"
    file.write_text("no picture")
    sentence = "document.querySelector('#panel-maps .mistake')?.textContent"
    seen = visit(
        address,
        folder,
        [
            {"go": ""},
            {"fill": [".panel input[type=text]", "4000"]},
            {"press": "Enter"},
            {"until": f"{sentence} !== undefined"},
            {"tell": sentence},
        ],
    )
    (words,) = seen.told
    assert "4000 is out of range" in words
    assert all("400" in error for error in seen.errors)


@pytest.mark.slow
def test_keys_methods_and_themes(address: str, folder: Path) -> None:
    dark = "getComputedStyle(document.body).backgroundColor"
    seen = visit(
        address,
        folder,
        [
            {"go": ""},
            {"press": "."},
            {"tell": ADDRESS},
            {"press": "m"},
            {"until": "document.querySelectorAll('#stage figure').length > 2"},
            {"tell": "document.querySelectorAll('#stage figure').length"},
            {"shoot": "methods"},
            {"press": "m"},
            {"tell": dark},
            {"dark": True},
            {"tell": dark},
            {"shoot": "dark"},
            {"press": "?"},
            {"tell": "document.getElementById('help').open"},
            {"press": "Escape"},
            {"size": [820, 1180]},
            {"click": "#show-network"},
            {"until": "document.getElementById('network').getBoundingClientRect().left >= 0"},
            {"shoot": "tablet"},
        ],
    )
    assert seen.errors == []
    second, figures, light, black, is_open = seen.told
    assert second["input"] == "1"
    assert figures == 4
    assert light != black
    assert is_open


@pytest.mark.slow
def test_every_control_has_a_name(address: str, folder: Path) -> None:
    nameless = """[...document.querySelectorAll('button, select, input, canvas, [tabindex]')]
      .filter((e) => e.checkVisibility() && e.type !== 'file')
      .filter((e) => !(e.ariaLabel || e.title || e.innerText?.trim() || e.labels?.length
        || e.getAttribute('aria-labelledby')))
      .map((e) => e.outerHTML.slice(0, 120))"""
    seen = visit(address, folder, [{"go": "?layer=relu1"}, {"until": ENLARGED}, {"tell": nameless}])
    assert seen.errors == []
    assert seen.told == [[]]
