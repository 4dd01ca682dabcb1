"""`retrograph preprocess`: inputs are looked at first, and a page is written where it is asked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from support.cli_case import assert_one_line, good, run, tree, workplace


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return workplace(tmp_path, monkeypatch)


def test_json_alone_writes_nothing_and_needs_no_force(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good(capsys, "preprocess net.onnx dog.png")
    before = tree(here)
    assert "net.preprocessing.png" in before
    for _ in range(2):
        ran = run(capsys, "preprocess", "net.onnx", "dog.png", "--json")
        assert json.loads(ran.out)["tried"]
        assert "->" not in ran.err
    assert tree(here) == before


def test_a_page_that_is_asked_for_is_not_replaced(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(capsys, "preprocess", "net.onnx", "dog.png", "--json", "-o", "page.png")
    assert (here / "page.png").exists()
    ran = run(capsys, "preprocess", "net.onnx", "dog.png", "--json", "-o", "page.png")
    assert_one_line(ran, "page.png exists", "--force")


def test_what_is_not_there_is_said_before_what_is(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good(capsys, "preprocess net.onnx dog.png")
    ran = run(capsys, "preprocess", "net.onnx", "photos")
    assert_one_line(ran, "photos does not exist; check the path")
