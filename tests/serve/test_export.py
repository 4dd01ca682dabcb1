"""A page as files: they open without a server, and hold what the library draws."""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pytest
from PIL import Image

import retrograph as rg
from corpus_inputs import VARIABLE
from support.browser_page import small_pictures, visit
from support.cli_case import run
from support.corpus import needs_corpus
from support.serve_case import SAMPLE

pytest.importorskip("starlette", reason="needs retrograph[serve]")
from retrograph.serve import Page

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    photo = tmp_path / "my dog.png"
    pixels = np.random.default_rng(5).integers(0, 256, (32, 32, 3), np.uint8)
    Image.fromarray(pixels).save(photo)
    return photo


def test_pages_link_to_files_that_are_there(tmp_path: Path, photo: Path, capsys: Capture) -> None:
    site = tmp_path / "site"
    words = ["serve", str(SAMPLE), str(photo), "--export", str(site), "--device", "cpu"]
    done = run(capsys, *words, "--layer", "relu2", "--channels", "3,5")
    assert (done.code, done.err) == (0, "")
    pages = [*site.rglob("*.html")]
    assert {page.name for page in pages} == {"index.html", "0.html"}
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert "<script" not in text
        assert "http" not in text
        links = re.findall(r"(?:href|src)='([^']+)'", text)
        assert len(links) > 2
        ids = re.findall(r"id='([^']+)'", text)
        assert len({*ids}) == len(ids)
        for link in links:
            if link.startswith("#"):
                assert link[1:] in ids
            else:
                assert (page.parent / unquote(link)).is_file(), link
    (figure,) = site.rglob("0.relu2.3.png")
    unit = rg.Explainer(SAMPLE, layer="relu2", select="channel", device="cpu")
    x = rg.explain(SAMPLE, str(photo), device="cpu").arrays()["input"]
    place = tuple(unit.attribute(x, 3).unit[0].tolist())
    wanted = rg.explain(SAMPLE, str(photo), layer="relu2", unit=place, device="cpu").image()
    with Image.open(figure) as drawn:
        assert drawn.tobytes() == wanted.tobytes()


def test_each_input_that_is_written_is_told(tmp_path: Path) -> None:
    pictures, counts = small_pictures(tmp_path, 2), list[tuple[int, int | None]]()
    page = Page(SAMPLE, pictures, device="cpu", threads=1)
    page.export(tmp_path / "site", ["relu2"], [3], progress=lambda *told: counts.append(told))
    page.close()
    assert counts == [(1, 2), (2, 2)]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--layer", "nothing"], "no layer 'nothing'"),
        (["--layer", "relu2", "--channels", "9999"], "--channels 9999 is out of range"),
    ],
)
def test_a_wrong_choice_is_said_on_the_page(
    tmp_path: Path, photo: Path, capsys: Capture, more: list[str], message: str
) -> None:
    words = ["serve", str(SAMPLE), str(photo), "--export", str(tmp_path / "site")]
    done = run(capsys, *words, "--device", "cpu", *more)
    assert done.code == 2
    assert message in done.err
    assert not (tmp_path / "site").exists()


def test_a_unit_is_shown_by_a_click_from_disk(tmp_path: Path, capsys: Capture) -> None:
    pictures, site = small_pictures(tmp_path), tmp_path / "my site"
    words = ["serve", str(SAMPLE), *map(str, pictures), "--export", str(site), "--device", "cpu"]
    assert run(capsys, *words, "--layer", "relu2", "--channels", "3,5").code == 0
    shown = """[...document.querySelectorAll('.view')].filter((each) => each.checkVisibility())
      .map((each) => [each.id, each.querySelector('img').src.split('/').pop()])"""
    loaded = "[...document.images].every((each) => !each.checkVisibility() || each.naturalWidth)"
    steps = [
        {"open": "index.html"},
        {"until": loaded},
        {"shoot": "index"},
        {"click": ".card"},
        {"tell": shown},
        {"click": "a[href='#relu2.5']"},
        {"until": loaded},
        {"tell": shown},
        {"shoot": "unit"},
        {"click": ".said a:nth-child(2)"},
        {"tell": shown},
        {"back": None},
        {"tell": shown},
        {"click": "text=next"},
        {"tell": "document.querySelector('h1').textContent"},
        {"tell": shown},
        {"size": [390, 844]},
        {"click": "a[href='#relu2.3']"},
        {"tell": "document.documentElement.scrollWidth"},
        {"shoot": "phone"},
    ]
    seen = visit(f"{site.as_uri()}/", tmp_path, steps)
    assert seen.errors == []
    assert all(url.startswith("file://") for url in seen.requests)
    usual, unit, second, before, title, other, width = seen.told
    assert usual == [["scores", "0.scores.png"]]
    assert unit == before == [["relu2.5", "0.relu2.5.png"]]
    assert second == [["classes.1", "0.classes.1.png"]]
    assert title == f"{pictures[1].name} \u00b7 cifar10_cnn"
    assert other == [["scores", "1.scores.png"]]
    assert width == 390


@needs_corpus
@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "photo", "said"),
    [
        ("ultraface_rfb320", "coral_face.jpg", "boxes.1"),
        ("deeplabv3_dm05_tflite", "coral_cat.jpg", "regions.1"),
    ],
)
def test_boxes_and_regions_are_shown_too(
    tmp_path: Path, capsys: Capture, model: str, photo: str, said: str
) -> None:
    corpus, site = Path(os.environ[VARIABLE]), tmp_path / "site"
    files = corpus / "models" / f"{model}.onnx", corpus / "photos" / photo
    words = ["serve", *map(str, files), "--export", str(site), "--device", "cpu"]
    done = run(capsys, *words, "--layer", "relu3", "--channels", "1")
    assert (done.code, done.err) == (0, "")
    (page,) = site.rglob("0.html")
    assert f"href='#{said}'" in page.read_text(encoding="utf-8")
    assert (page.parent / f"0.{said}.png").is_file()


def test_nothing_is_replaced(tmp_path: Path, photo: Path, capsys: Capture) -> None:
    site = tmp_path / "site"
    site.mkdir()
    (site / "mine.txt").write_text("mine")
    done = run(capsys, "serve", str(SAMPLE), str(photo), "--export", str(site))
    assert done.code == 2
    assert "is not empty" in done.err
    assert [each.name for each in site.iterdir()] == ["mine.txt"]
    done = run(capsys, "serve", str(SAMPLE), "--export", str(tmp_path / "other"))
    assert done.code == 2
    assert "there is no input" in done.err
