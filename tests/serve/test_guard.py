"""Who may ask the page: by token, Host and Origin, and what nobody gets."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from support.asgi import Answer, ask
from support.serve_case import HERE, SAMPLE, told

pytest.importorskip("starlette", reason="needs retrograph[serve]")
from retrograph.serve import Page


@pytest.fixture(scope="module")
def page() -> Page:
    return Page(SAMPLE, device="cpu", threads=1)


def empty(answer: Answer) -> int:
    assert answer.body == b""
    return answer.status


def test_the_token_has_128_bits_and_is_new_each_time(page: Page) -> None:
    assert len(page.token) >= 22
    assert Page(SAMPLE, device="cpu").token != page.token


@pytest.mark.parametrize("path", ["/", "/api/models", "/index.html", "//", "/{}x/", "/x{}/"])
def test_without_the_token_only_that_it_is_not_served(page: Page, path: str) -> None:
    answer = ask(page, path.format(page.token), headers=HERE)
    assert answer.status == 404
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.body == b"not served (or no longer); open the whole address in the terminal\n"


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8000",
        "127.0.0.1.evil.example",
        "192.168.0.7",
        "",
        "a@127.0.0.1",
    ],
)
def test_another_host_is_refused(page: Page, host: str) -> None:
    assert empty(told(page, "api/models", headers={"host": host})) == 403


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:1", "[::1]:8000", "LOCALHOST"])
def test_this_machine_may_be_called_by_its_names(page: Page, host: str) -> None:
    assert told(page, "api/models", headers={"host": host}).status == 200


def test_names_may_be_added() -> None:
    page = Page(SAMPLE, device="cpu", hosts=["box.lan"])
    assert told(page, "api/models", headers={"host": "box.lan:80"}).status == 200
    assert told(page, "api/models", headers={"host": "10.0.0.1"}).status == 403
    everywhere = Page(SAMPLE, device="cpu", hosts=["0.0.0.0"])
    assert told(everywhere, "api/models", headers={"host": "10.0.0.1"}).status == 200
    assert told(everywhere, "api/models", headers={"host": "evil.example"}).status == 403


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("http://127.0.0.1:8000", 200),
        ("https://127.0.0.1:8000", 200),
        ("http://127.0.0.1:9000", 403),
        ("http://evil.example", 403),
        ("null", 403),
        ("file://", 403),
    ],
)
def test_pages_of_others_are_refused(page: Page, origin: str, status: int) -> None:
    assert told(page, "api/models", headers={"origin": origin}).status == status


@pytest.mark.parametrize(
    "path",
    [
        "../../../../etc/passwd",
        "..%2f..%2fpage.py",
        "static/../page.py",
        "page.py",
        "%2e%2e/page.py",
        "api/input/../../../etc/passwd.png",
        "api/input/%2fetc%2fpasswd.png",
    ],
)
def test_no_other_file_is_read(page: Page, path: str) -> None:
    answer = told(page, path)
    assert answer.status in (400, 404)
    assert b"root:" not in answer.body
    assert b"Starlette" not in answer.body


def test_other_protocols_are_refused(page: Page) -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    path = f"/{page.token}/api/models"
    scope = {"type": "websocket", "path": path, "headers": [(b"host", b"127.0.0.1")]}
    asyncio.run(page(scope, lambda: asyncio.sleep(0), send))
    assert sent == [{"type": "websocket.close", "code": 1008}]


def test_each_answer_has_a_strict_policy(page: Page) -> None:
    for path in ("", "api/models", "api/nothing"):
        headers = told(page, path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'self'" in policy
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["x-content-type-options"] == "nosniff"
        assert "access-control-allow-origin" not in headers
