"""What the page sends: pictures and arrays, and what is refused of them."""

from __future__ import annotations

import io
import json
import struct
import wave
import zlib
from collections.abc import Callable
from pathlib import Path
from threading import Event
from time import monotonic, sleep
from typing import Any

import numpy as np
import pytest
from PIL import Image

from support.asgi import Answer
from support.nets import save, wave_net
from support.serve_case import SAMPLE, told
from support.serving_case import X, npy, npz, png

pytest.importorskip("starlette", reason="needs retrograph[serve]")
from retrograph.serve import Page
from retrograph.serve.work import Cancelled
from retrograph.synthesis import maximize


@pytest.fixture(scope="module")
def page() -> Page:
    return Page(SAMPLE, device="cpu", threads=1, limits={"body": 100_000, "pixels": 10_000})


def send(page: Page, body: bytes, name: str = "dog.png") -> Answer:
    return told(page, "api/inputs", body=body, headers={"x-name": name})


def slow(*values: Any) -> Any:
    """A case that waits for a process of its own."""
    return pytest.param(*values, marks=pytest.mark.slow)


def bomb(width: int, height: int) -> bytes:
    """A small PNG of many pixels, all 0."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        crc = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", crc)

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"x") + chunk(b"IEND", b"")
    )


def test_a_picture_becomes_an_input(page: Page) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    record = send(page, png(pixels), "..%2F..%2Fmy%20dog.png").json
    assert {**record, "id": ""} == {
        "id": "",
        "name": "my dog.png",
        "kind": "picture",
        "width": 32,
        "height": 32,
    }
    seen = told(page, f"api/input/{record['id']}.png").body
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(seen)).convert("RGB")), pixels)
    assert record in told(page, "api/inputs").json["inputs"]
    (explained,) = told(page, "api/explain", input=record["id"], unit="3").json["explained"]
    assert explained["input"] == "my dog.png"


def test_an_array_becomes_an_input(page: Page) -> None:
    id = send(page, npy(X), "x.npy").json["id"]
    answer = told(page, "api/explain", input=id, format="npz", unit="2")
    with np.load(io.BytesIO(answer.body)) as arrays:
        np.testing.assert_array_equal(arrays["input"][0], X)


@pytest.mark.parametrize(
    ("body", "name", "status", "words"),
    [
        (b"", "a.png", 400, "empty"),
        (b"nothing", "a.png", 400, "no picture that can be read"),
        slow(png()[:300], "a.png", 400, "a.png"),
        (b"\x93NUMPY\x01\x00", "a.npy", 400, "no .npy"),
        (b"PK\x03\x04rubbish", "a.npz", 400, "no .npz"),
        (bomb(3_000, 3_000), "a.png", 413, "at most 10000 are taken"),
        slow(bomb(30_000, 30_000), "a.png", 400, "a.png"),
        (bytes(200_000), "a.png", 413, "more than 100000 bytes"),
        slow(b"%!PS-Adobe-3.0 EPSF-3.0\n", "a.eps", 400, "a.eps"),
        slow(b"<svg xmlns='http://www.w3.org/2000/svg'/>", "a.svg", 400, "a.svg"),
    ],
)
def test_what_cannot_be_taken_is_said(
    page: Page, body: bytes, name: str, status: int, words: str
) -> None:
    answer = send(page, body, name)
    assert (answer.status, words in answer.message) == (status, True), answer.message
    assert "\n" not in answer.message
    assert "/tmp" not in answer.message


def test_objects_in_arrays_are_not_unpickled(page: Page) -> None:
    buffer = io.BytesIO()
    np.save(buffer, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    assert send(page, buffer.getvalue(), "x.npy").status == 400


def test_a_packed_array_is_bounded(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("retrograph.serve.uploads.MOST_UNPACKED", 1000)
    answer = send(page, npz({"x": np.zeros((3, 32, 32), np.float32)}), "x.npz")
    assert answer.status == 413


def test_what_is_sent_is_decoded_by_another_process(
    page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("read_arrays", "read_npy"):
        monkeypatch.setattr(f"retrograph.serving.array_files.{name}", lambda *_: 1 / 0)
    monkeypatch.setattr("retrograph.preprocess.opening.open_bytes", lambda *_: 1 / 0)
    for body, name in ((npy(X), "x.npy"), (npz({"x": X}), "x.npz"), (png(), "x.png")):
        assert send(page, body, name).status == 200


def test_a_sound_is_decoded_before_it_is_taken(tmp_path: Path) -> None:
    pytest.importorskip("soundfile", reason="needs retrograph[audio]")
    net = save(wave_net(64), tmp_path / "wave.onnx")
    page = Page(net, sample_rate=8000, device="cpu", threads=1)
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(bytes(800))
    assert send(page, buffer.getvalue(), "hum.wav").status == 200
    answer = send(page, b"RIFFnothing", "torn.wav")
    assert (answer.status, "torn.wav" in answer.message) == (400, True), answer.message
    names = [each["name"] for each in told(page, "api/inputs").json["inputs"]]
    assert "hum.wav" in names
    assert "torn.wav" not in names


def test_files_go_when_the_page_closes() -> None:
    page = Page(SAMPLE, device="cpu", threads=1)
    send(page, npy(X), "x.npy")
    (folder,) = [page.uploads.folder]
    assert [*Path(folder).rglob("*.npy")]
    page.close()
    assert not Path(folder).exists()


def events(answer: Answer) -> list[dict[str, Any]]:
    return [json.loads(part[6:]) for part in answer.body.decode().split("\n\n") if part]


@pytest.fixture(scope="module")
def scanned(tmp_path_factory: pytest.TempPathFactory) -> Page:
    folder = tmp_path_factory.mktemp("classes")
    rng = np.random.default_rng(1)
    for number in range(6):
        place = folder / ("cat" if number % 2 else "dog")
        place.mkdir(exist_ok=True)
        pixels = rng.integers(0, 256, (8, 8, 3), np.uint8)
        Image.fromarray(pixels).resize((32, 32)).save(place / f"{number}.png")
    page = Page(SAMPLE, [folder], device="cpu", threads=1)
    assert told(page, "api/unit", layer="relu2", unit="3").status == 404
    assert not told(page, "api/model").json["scanning"]
    body = json.dumps({"layers": ["relu2"]}).encode()
    assert told(page, "api/scan", body=body).status == 202
    progress = events(told(page, "api/scan/events"))
    assert progress[-1] == {"finished": True}
    assert not told(page, "api/model").json["scanning"]
    return page


def test_a_scan_tells_of_neurons(scanned: Page) -> None:
    scan = scanned.scan
    assert scan is not None
    assert told(scanned, "api/model").json["scan"]["layers"] == ["relu2"]
    record = told(scanned, "api/unit", layer="relu2", unit="3").json
    best = scan.top("relu2", 3)[0]
    assert record["top"][0]["activation"] == best.activation
    assert record["top"][0]["place"] == [*best.index[1:]]
    names = {each["id"]: each["name"] for each in told(scanned, "api/inputs").json["inputs"]}
    assert names[record["top"][0]["id"]] == best.name
    assert sum(record["histogram"]["counts"]) == 6
    assert {each["name"] for each in record["classes"]} == {"cat", "dog"}
    sheet = told(scanned, "api/unit", layer="relu2", unit="3", format="png")
    assert Image.open(io.BytesIO(sheet.body)).width > 100


def test_a_scan_calls_what_was_sent_by_its_name() -> None:
    page = Page(SAMPLE, device="cpu", threads=1)
    pixels = np.random.default_rng(2).integers(0, 256, (32, 32, 3), np.uint8)
    sent = send(page, png(pixels), "dog.jpg").json
    assert told(page, "api/scan", body=json.dumps({"layers": ["relu2"]}).encode()).status == 202
    assert events(told(page, "api/scan/events"))[-1] == {"finished": True}
    (top, *_) = told(page, "api/unit", layer="relu2", unit="3").json["top"]
    assert (top["input"], top["id"]) == ("dog.jpg", sent["id"])
    page.close()


def test_a_table_has_a_row_for_each_unit(scanned: Page) -> None:
    scan = scanned.scan
    assert scan is not None
    table = told(scanned, "api/table", layer="relu2").json
    stats = {each.channel: each for each in scan.channels("relu2")}
    assert [row["unit"] for row in table["rows"]] == [*stats]
    assert all(row["mean_peak"] == stats[row["unit"]].mean_peak for row in table["rows"])
    assert {column["key"] for column in table["columns"]} == set(table["rows"][0])
    dead = sum(each.is_dead for each in stats.values())
    said = f"{dead} of {len(stats)} units never fire" if dead else "each unit fires on some input"
    assert table["words"][0] == said


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({}, "layers is no list"),
        ({"layers": ["relu2"], "k": 0}, "k is 0"),
        ({"layers": ["relu2"], "out": "/tmp/x"}, "no parameter 'out'"),
        ({"layers": ["relu2"], "preprocessing": 3}, "preprocessing is no name"),
    ],
)
def test_a_wrong_scan_is_refused(scanned: Page, asked: dict[str, Any], words: str) -> None:
    answer = told(scanned, "api/scan", body=json.dumps(asked).encode())
    assert answer.status == 400
    assert words in answer.message


def test_a_scan_under_another_preprocessing_is_marked(scanned: Page) -> None:
    for path in ("api/unit", "api/table"):
        asked = {"layer": "relu2", "unit": "3"}
        assert told(scanned, path, **asked).json["note"] == ""
        note = told(scanned, path, preprocessing="imagenet", **asked).json["note"]
        assert "scanned with the preprocessing 0-1, while the page shows imagenet" in note


def test_a_scan_takes_the_preprocessing_that_is_shown(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png())
    page = Page(SAMPLE, [tmp_path], device="cpu", threads=1)
    body = json.dumps({"layers": ["relu2"], "preprocessing": "imagenet"}).encode()
    assert told(page, "api/scan", body=body).status == 202
    assert events(told(page, "api/scan/events"))[-1] == {"finished": True}
    asked = {"layer": "relu2", "preprocessing": "imagenet"}
    assert told(page, "api/table", **asked).json["note"] == ""
    assert "shows 0-1" in told(page, "api/table", layer="relu2").json["note"]


def test_a_scan_that_goes_on_is_told(scanned: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scanned._streams, "_scanning", {"done": 1, "total": 6})
    assert told(scanned, "api/model").json["scanning"]
    assert told(scanned, "api/scan", body=b'{"layers": ["relu2"]}').status == 409


def test_a_scan_that_fails_tells_why(scanned: Page) -> None:
    assert told(scanned, "api/scan", body=json.dumps({"layers": ["no"]}).encode()).status == 202
    assert "no layer 'no'" in events(told(scanned, "api/scan/events"))[-1]["error"]["message"]


def test_an_input_grows(page: Page) -> None:
    told_steps = events(told(page, "api/maximize/events", layer="relu2", unit="3", steps="5"))
    assert [each["step"] for each in told_steps] == [1, 2, 3, 4, 5, 5]
    assert told_steps[-1]["finished"]
    assert "png" in told_steps[0]
    assert told_steps[-1]["score"] > told_steps[0]["score"]
    wrong = events(told(page, "api/maximize/events", layer="relu2", unit="9999"))
    assert "out of range" in wrong[-1]["error"]["message"]


def test_an_input_grows_by_the_preprocessing_of_the_page(tmp_path: Path) -> None:
    file = tmp_path / "a.png"
    file.write_bytes(png())
    page = Page(SAMPLE, [file], device="cpu", threads=1)
    asked = {"layer": "relu2", "unit": "3", "steps": "1"}
    usual = events(told(page, "api/maximize/events", **asked))[-1]
    shown = told(page, "api/preprocessing", input="0").json
    assert usual["notes"][0].startswith(shown["note"])
    other = events(told(page, "api/maximize/events", preprocessing="imagenet", **asked))[-1]
    assert "imagenet" in other["notes"][0]
    wanted = maximize(
        SAMPLE,
        3,
        layer="relu2",
        preprocessing="imagenet",
        settings={"steps": 1},
        device="cpu",
        threads=1,
    )
    assert other["score"] == pytest.approx(wanted[0].activation, rel=1e-5)
    assert usual["score"] != pytest.approx(wanted[0].activation, rel=1e-3)


def test_growing_ends_when_the_client_leaves(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = Event()

    def endless(*_: object, on_step: Callable[..., None], **__: object) -> None:
        deadline = monotonic() + 60
        try:
            while monotonic() < deadline:
                on_step(1, 0.0, lambda: None)
                sleep(0.01)
        except Cancelled:
            ended.set()
            raise

    monkeypatch.setattr("retrograph.serve.streams.maximize", endless)
    told(page, "api/maximize/events", layer="relu2", unit="3", stays=0.2)
    assert ended.wait(20)


def test_preparations_are_told(page: Page) -> None:
    id = send(page, png()).json["id"]
    record = told(page, "api/preprocessing", input=id).json
    assert record["name"] == "0-1"
    assert {each["name"] for each in record["tried"]} >= {"0-1", "imagenet"}
    other = told(page, "api/explain", input=id, preprocessing="imagenet").json
    assert other["preprocessing"]["name"] == "imagenet"


def test_a_picture_is_no_sound(page: Page) -> None:
    id = send(page, npy(X), "x.npy").json["id"]
    assert told(page, f"api/audio/{id}").status == 400


def test_checks_of_a_box_or_a_region_are_refused(page: Page) -> None:
    id = send(page, npy(X), "x.npy").json["id"]
    refused = told(page, "api/sanity", input=id, **{"class": "3"})
    assert refused.status == 400
    assert "checks are made of a unit; leave class out" in refused.json["error"]["message"]


@pytest.mark.slow
def test_checks_are_told_in_words(page: Page) -> None:
    pytest.importorskip("scipy", reason="needs retrograph[sanity]")
    pytest.importorskip("skimage", reason="needs retrograph[sanity]")
    id = send(page, npy(X), "x.npy").json["id"]
    record = told(page, "api/sanity", input=id, unit="3").json
    assert len(record["summary"]) >= 3
    assert record["plot"] is True
