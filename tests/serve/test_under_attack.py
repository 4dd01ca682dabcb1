"""The page over HTTP: many connections, slow models, clients that leave, paths out of it."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
from PIL import Image

import retrograph as rg
from support.serve_case import SAMPLE, connected

pytest.importorskip("starlette", reason="needs retrograph[serve]")
pytest.importorskip("uvicorn", reason="needs retrograph[serve]")
from retrograph.serve.notebook import View
from retrograph.serve.page import Page
from retrograph.serve.shown_model import ShownModel


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Page:
    photo = tmp_path_factory.mktemp("photos") / "a.png"
    Image.fromarray(np.full((32, 32, 3), 99, np.uint8)).save(photo)
    models = {"fast": SAMPLE, "slow": SAMPLE}
    return Page(models, [photo], device="cpu", threads=1)


def status(view: View, path: str) -> int:
    with closing(connected(view.url)) as connection:
        connection.request("GET", f"{urlsplit(view.url).path}{path}")
        answer = connection.getresponse()
        answer.read()
        return answer.status


@pytest.mark.parametrize(
    "line",
    [
        "GET /{token}/../../../../etc/passwd HTTP/1.1",
        "GET /{token}/%2e%2e/%2e%2e/page.py HTTP/1.1",
        "GET /{token}/..%5c..%5cpage.py HTTP/1.1",
        "GET /{token}//etc/passwd HTTP/1.1",
        "GET /{token}/api/input/..%2f..%2f..%2fetc%2fpasswd.png HTTP/1.1",
        "GET http://evil.example/{token}/api/models HTTP/1.1",
    ],
)
def test_nothing_outside_is_read(view: View, line: str) -> None:
    where = urlsplit(view.url)
    request = line.format(token=where.path.strip("/"))
    host = "evil.example" if "evil" in line else where.netloc
    with socket.create_connection((where.hostname, where.port), timeout=20) as raw:
        raw.sendall(f"{request}\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        answer = b""
        while part := raw.recv(65536):
            answer += part
    assert answer.split()[1] in (b"400", b"403", b"404")
    assert b"root:" not in answer
    assert b"Starlette" not in answer


def test_two_hundred_connections_are_answered(view: View) -> None:
    connections = [connected(view.url) for _ in range(200)]
    try:
        for connection in connections:
            connection.request("GET", f"{urlsplit(view.url).path}api/models")
        statuses = [connection.getresponse().status for connection in connections]
    finally:
        for connection in connections:
            connection.close()
    assert statuses == [200] * 200
    assert status(view, "api/models") == 200


def test_connections_that_say_nothing_stop_nobody(view: View) -> None:
    where = urlsplit(view.url)
    silent = [socket.create_connection((where.hostname, where.port)) for _ in range(100)]
    try:
        for each in silent[::2]:
            each.sendall(b"GET / HTTP/1.1\r\nHost: ")
        assert status(view, "api/models") == 200
    finally:
        for each in silent:
            each.close()


def test_a_slow_model_stops_no_other_and_what_is_unwanted_is_dropped(
    view: View, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on, quick = list[str](), threading.Event(), ShownModel.attribution

    def slow(self: ShownModel, *asked: object) -> rg.Attribution:
        if self.name == "slow":
            begun.append(self.name)
            go_on.wait(60)
        return quick(self, *asked)  # type: ignore[arg-type]

    monkeypatch.setattr(ShownModel, "attribution", slow)
    asked = f"{urlsplit(view.url).path}api/explain?model=slow&input=0&unit="
    waiting = [connected(view.url) for _ in range(8)]
    for number, connection in enumerate(waiting):
        connection.request("GET", f"{asked}{number}")
    deadline = time.monotonic() + 20
    while len(begun) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    try:
        assert status(view, "api/explain?model=fast&input=0&unit=1") == 200
        assert status(view, "api/model?model=slow") == 200
        assert status(view, "api/input/0.png?model=slow") == 200
        for connection in waiting[2:]:
            connection.close()
        while page._inside.used > 2:
            assert time.monotonic() < deadline
            time.sleep(0.01)
    finally:
        go_on.set()
    assert [connection.getresponse().status for connection in waiting[:2]] == [200, 200]
    assert len(begun) == 2
    for connection in waiting:
        connection.close()


def test_a_view_shows_itself_and_ends(tmp_path: Path) -> None:
    view = rg.view(SAMPLE, device="cpu", threads=1, height=400)
    assert f'src="{view.url}"' in view._repr_html_()
    assert status(view, "api/models") == 200
    with closing(connected(view.url)) as connection:
        connection.request("GET", urlsplit(view.url).path)
        assert "frame-ancestors *" in connection.getresponse().headers["content-security-policy"]
    view.close()
    with pytest.raises(OSError, match="refused"):
        status(view, "api/models")
    with pytest.raises(rg.InputError, match="height is 5"):
        rg.view(SAMPLE, height=5)
