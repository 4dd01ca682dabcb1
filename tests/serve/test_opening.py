"""A page that is there before its models are: what is answered meanwhile, and what goes wrong."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from retrograph import InputError
from support.asgi import Answer, answered
from support.serve_case import HERE, SAMPLE
from support.serving_process import environment

pytest.importorskip("starlette", reason="needs retrograph[serve]")
pytest.importorskip("uvicorn", reason="needs retrograph[serve]")
from retrograph.serve import Opening, Page


def waiting() -> tuple[Opening, Event]:
    """A page that is begun, and made when the event is set."""
    may_go_on = Event()

    def make() -> Page:
        assert may_go_on.wait(60)
        return Page(SAMPLE, device="cpu", threads=1)

    opening = Opening(make)
    opening.begin(on_failure=lambda: pytest.fail("it was not made"))
    return opening, may_go_on


def test_its_files_are_there_at_once_and_the_rest_when_it_is_made() -> None:
    opening, may_go_on = waiting()

    async def asking() -> list[Answer]:
        waiter = asyncio.create_task(answer(opening, "api/models"))
        files = [await answer(opening, path) for path in ("", "main.js", "base.css")]
        assert not waiter.done()
        may_go_on.set()
        return [*files, await waiter, await answer(opening, "icon.svg")]

    answers = asyncio.run(asking())
    assert [each.status for each in answers] == [200] * 5
    assert b"<!doctype html>" in answers[0].body
    assert answers[3].json["models"][0]["name"] == "cifar10_cnn"
    for each in answers:
        assert "default-src 'none'" in each.headers["content-security-policy"]
    opening.page().close()


async def answer(opening: Opening, path: str, **more: Any) -> Answer:
    return await answered(opening, f"/{opening.token}/{path}", headers={**HERE, **more})


def test_nobody_else_may_ask_it_meanwhile() -> None:
    opening = Opening(lambda: pytest.fail("it is not begun"))

    async def asking() -> list[int]:
        asked = [
            answered(opening, "/main.js", headers=HERE),
            answer(opening, "main.js", host="evil.example"),
            answer(opening, "main.js", origin="http://evil.example"),
        ]
        return [(await each).status for each in asked]

    assert asyncio.run(asking()) == [404, 403, 403]


def test_a_client_that_leaves_does_not_stop_it() -> None:
    opening, may_go_on = waiting()

    async def asking() -> int:
        leaving = asyncio.create_task(answer(opening, "api/models"))
        await asyncio.sleep(0.05)
        leaving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaving
        may_go_on.set()
        return (await answer(opening, "api/models")).status

    assert asyncio.run(asking()) == 200
    opening.page().close()


def test_why_it_cannot_be_made_is_told_to_who_waits() -> None:
    ended = list[str]()

    def make() -> Page:
        raise InputError("net.onnx cannot be read")

    opening = Opening(make)
    opening.begin(on_failure=lambda: ended.append("now"))
    refused = asyncio.run(answer(opening, "api/models"))
    assert (refused.status, refused.message) == (400, "net.onnx cannot be read")
    with pytest.raises(InputError, match=r"net\.onnx cannot be read"):
        opening.page()
    assert ended == ["now"]


def test_a_file_that_is_no_model_ends_the_command(tmp_path: Path) -> None:
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"nothing")
    words = [sys.executable, "-m", "retrograph", "serve", str(broken)]
    done = subprocess.run(words, env=environment(), capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "broken.onnx" in done.stderr
    assert done.stderr.count("\n") == 1
