"""The page over HTTP against what no page of its own asks: methods, names, bodies, floods."""

from __future__ import annotations

import io
import socket
import time
import zipfile
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
from PIL import Image

from support.browser_page import page_served, visit
from support.cli_case import run
from support.serve_case import SAMPLE, connected

pytest.importorskip("starlette", reason="needs retrograph[serve]")
pytest.importorskip("uvicorn", reason="needs retrograph[serve]")
from retrograph.serve.notebook import View
from retrograph.serve.page import Page

EVIL = "<img src=x onerror=document.title='owned'>&'.png"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Page:
    photo = tmp_path_factory.mktemp("photos") / "a.png"
    Image.fromarray(np.full((32, 32, 3), 99, np.uint8)).save(photo)
    limits = {"body": 100_000, "pixels": 10_000, "receiving": 2.0}
    return Page(SAMPLE, [photo], device="cpu", threads=1, limits=limits)


def asked(
    view: View, verb: str, path: str, body: bytes | None = None, **headers: str
) -> tuple[int, bytes]:
    with closing(connected(view.url)) as connection:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(verb, f"{urlsplit(view.url).path}{path}", body, named)
        answer = connection.getresponse()
        return answer.status, answer.read()


@pytest.mark.parametrize("verb", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
@pytest.mark.parametrize("path", ["", "api/models", "api/inputs", "api/scan"])
def test_other_methods_are_refused(view: View, verb: str, path: str) -> None:
    status, body = asked(view, verb, path)
    assert status == 405
    assert b"Starlette" not in body


@pytest.mark.parametrize(
    "path",
    [
        "api/explain?input=0&model=/etc/passwd",
        "api/explain?input=/etc/passwd",
        "api/input/%00.png",
        "api/input/0.png?size=-1",
        "api/explain?input=0&layer=" + "a" * 5000,
        "api/explain?input=0&input=0",
        "api/maps?input=0&count=99999999999",
        "api/values?input=0&unit=" + "9" * 400,
        "%252e%252e/%252e%252e/etc/passwd",
        "static%2f..%2f..%2fpage.py",
    ],
)
def test_odd_questions_are_refused_in_a_line(view: View, path: str) -> None:
    status, body = asked(view, "GET", path)
    assert status in (400, 404, 405)
    assert b"root:" not in body
    assert b"Traceback" not in body


@pytest.mark.parametrize("path", ["api/inputs", "api/scan"])
def test_another_origin_sends_nothing(view: View, page: Page, path: str) -> None:
    before = len(page.inputs)
    body = b'{"layers": ["relu2"]}'
    for origin in ("http://evil.example", "null", f"http://127.0.0.1.evil.example:{80}"):
        assert asked(view, "POST", path, body, origin=origin) == (403, b"")
    assert asked(view, "POST", path, body, host="rebound.example") == (403, b"")
    assert len(page.inputs) == before
    assert not page.is_scanning


def zipped(name: str, data: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, data)
    return buffer.getvalue()


def header_of(shape: tuple[int, ...]) -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        buffer, {"descr": "<f4", "fortran_order": False, "shape": shape}
    )
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("body", "name", "words"),
    [
        (zipped("x.npy", bytes(50_000_000)), "bomb.npz", "bomb.npz"),
        (zipped("../../../tmp/owned.npy", b"no array"), "path.npz", "in path.npz is no .npy"),
        (header_of((10**6, 10**6)), "huge.npy", "huge.npy is no .npy"),
        (b"\x93NUMPY\x01\x00\xff\xff{'descr': '|O'", "object.npy", "object.npy is no .npy"),
        (b"GIF89a" + bytes(30), "torn.gif", "torn.gif"),
        (bytes(100_001), "long.png", "more than 100000 bytes"),
    ],
)
def test_hostile_files_are_refused_by_name(
    view: View, page: Page, body: bytes, name: str, words: str
) -> None:
    before = len(page.inputs)
    status, told = asked(view, "POST", "api/inputs", body, x_name=name)
    assert status in (400, 413)
    assert words in told.decode()
    assert "/tmp/retrograph" not in told.decode()
    assert len(page.inputs) == before
    assert not Path("/tmp/owned.npy").exists()


def test_a_body_that_never_ends_stops_nobody(view: View) -> None:
    where = urlsplit(view.url)
    lines = f"POST {where.path}api/inputs HTTP/1.1\r\nHost: {where.netloc}\r\n"
    with socket.create_connection((where.hostname, where.port), timeout=30) as raw:
        raw.sendall(f"{lines}Content-Length: 90000\r\n\r\nabc".encode())
        begun = time.monotonic()
        assert asked(view, "GET", "api/models")[0] == 200
        status = raw.recv(65536).split()[1]
        assert (status, time.monotonic() - begun < 20) == (b"408", True)


def test_two_hundred_explanations_at_once_are_answered(view: View) -> None:
    connections = [connected(view.url) for _ in range(200)]
    path = urlsplit(view.url).path
    try:
        for number, connection in enumerate(connections):
            unit = f"{number % 64},{number % 32},{number % 31}"
            connection.request("GET", f"{path}api/explain?input=0&layer=relu1&unit={unit}")
        begun = time.monotonic()
        assert asked(view, "GET", "api/inputs")[0] == 200
        waited = time.monotonic() - begun
        answers = [connection.getresponse() for connection in connections]
        assert [answer.status for answer in answers] == [200] * 200
    finally:
        for connection in connections:
            connection.close()
    assert waited < 10


def test_streams_that_nobody_reads_are_ended(view: View) -> None:
    path = f"{urlsplit(view.url).path}api/maximize/events?layer=relu2&unit=3&steps=2048"
    streams = [connected(view.url) for _ in range(20)]
    for stream in streams:
        stream.request("GET", path)
    assert asked(view, "GET", "api/models")[0] == 200
    for stream in streams:
        stream.close()
    status, told = asked(view, "GET", "api/maximize/events?layer=relu2&unit=3&steps=2")
    assert status == 200
    assert b"finished" in told


@pytest.mark.slow
def test_names_are_text_in_the_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photo = tmp_path / "a.png"
    Image.fromarray(np.full((32, 32, 3), 99, np.uint8)).save(photo)
    evil = tmp_path / EVIL
    evil.write_bytes(photo.read_bytes())
    injected = "document.querySelectorAll('[onerror]').length"
    steps = [
        {"go": ""},
        {"drop": str(evil)},
        {"until": "document.querySelectorAll('.thumb').length === 3"},
        {"choose": ["select[title=Show]", "input"]},
        {"tell": injected},
        {"tell": "document.title"},
    ]
    with page_served(SAMPLE, photo, evil) as address:
        seen = visit(address, tmp_path, steps)
    assert seen.errors == []
    count, title = seen.told
    assert (count, "owned" in title) == (0, False)
    site = tmp_path / "site"
    words = ["serve", str(SAMPLE), str(evil), "--export", str(site), "--device", "cpu"]
    assert run(capsys, *words, "--layer", "relu2", "--channels", "3").code == 0
    for file in site.rglob("*.html"):
        assert "<img src=x" not in file.read_text(encoding="utf-8")
