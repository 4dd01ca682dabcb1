"""`retrograph serve` as it is typed: its mistakes, each in a line, and how it starts and ends."""

from __future__ import annotations

import signal
import subprocess
import sys
import urllib.request

import pytest

from support.cli_case import run
from support.serve_case import SAMPLE
from support.serving_process import environment

pytest.importorskip("starlette", reason="needs retrograph[serve]")
pytest.importorskip("uvicorn", reason="needs retrograph[serve]")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["photo.jpg"], "there is no model"),
        (["none.onnx"], "none.onnx"),
        ([str(SAMPLE), "none.jpg"], "none.jpg is not there"),
        ([str(SAMPLE), "--scan", "nowhere"], "nowhere"),
        ([str(SAMPLE), "--labels", "none.txt"], "none.txt: the labels cannot be read"),
        ([str(SAMPLE), "--host", "192.0.2.1"], "cannot be bound to"),
        ([str(SAMPLE), "--port", "99999"], "--port 99999 is none"),
        ([str(SAMPLE), "--most-body", "0"], "--most-body is 0"),
        ([str(SAMPLE), "--api", "--open"], "leave them or --api out"),
    ],
)
def test_mistakes_end_in_a_line(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    done = run(capsys, "serve", *words)
    assert done.code == 2
    assert message in done.err
    assert done.err.count("\n") == 1


def test_it_prints_the_address_and_ends_with_a_signal() -> None:
    words = [sys.executable, "-m", "retrograph", "serve", str(SAMPLE), "--device", "cpu"]
    with subprocess.Popen(
        words, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("retrograph shows cifar10_cnn at http://127.0.0.1:")
        address = line.split()[-1]
        with urllib.request.urlopen(address, timeout=60) as answer:
            assert b"<!doctype html>" in answer.read().lower()
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=60)
        assert (process.returncode, err) == (0, "")
