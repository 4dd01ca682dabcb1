"""What docs/SERVICE.md shows, run as it stands: its commands against a service, its Python."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import retrograph as rg
from support.asgi import ask
from support.cli_case import good
from support.paths import ROOT
from support.serving_case import SAMPLE, X
from support.serving_process import Served, started

for needed in ("starlette", "prometheus_client", "uvicorn"):
    pytest.importorskip(needed, reason="needs retrograph[serve]")

PAGE = (ROOT / "docs" / "SERVICE.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    found: list[str] = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return found


LINES = [
    line.split("  #")[0].strip() for block in blocks("sh") for line in block.splitlines() if line
]
CURLS = [line for line in LINES if line.startswith("curl ")]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the page speaks of."""
    folder = tmp_path_factory.mktemp("desk")
    shutil.copy(SAMPLE, folder / "net.onnx")
    pixels = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
    Image.fromarray(pixels).save(folder / "dog.jpg")
    np.save(folder / "x.npy", X)
    (folder / "question.json").write_text(json.dumps({"input": X.tolist(), "unit": "dog"}))
    return folder


@pytest.fixture(scope="module")
def served(desk: Path) -> Iterator[Served]:
    (command,) = [line for line in LINES if line.startswith("retrograph serve --api")]
    words = shlex.split(command)[3:]
    assert words == ["net.onnx", "--port", "8000"]
    with started(["net.onnx", "--threads", "1"], desk) as served:
        yield served


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
@pytest.mark.parametrize("command", CURLS)
def test_command_runs(command: str, served: Served, desk: Path) -> None:
    words = shlex.split(command.replace("localhost:8000", f"127.0.0.1:{served.port}"))
    done = subprocess.run([*words, "--fail"], cwd=desk, capture_output=True, check=True)
    if "-o" not in words:
        assert json.loads(done.stdout)
        return
    file = desk / words[words.index("-o") + 1]
    match file.suffix:
        case ".png":
            with Image.open(file) as picture:
                assert picture.width > 100
        case ".npy":
            assert np.load(file).shape == (1, 3, 32, 32)
        case _:
            with np.load(file) as arrays:
                assert arrays["attribution"].shape == (1, 3, 32, 32)


def test_python_runs(desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(desk)
    mounting, threads = blocks("python")
    names: dict[str, object] = {"x": X[np.newaxis]}
    exec(compile(mounting, "SERVICE.md", "exec"), names)
    assert ask(names["app"], "/explain/v1/models").json["models"] == ["net"]
    exec(compile(threads, "SERVICE.md", "exec"), names)
    alone = rg.Explainer("net.onnx", method="guided", select="unit", threads=1)
    for place in ("in_threads", "in_tasks"):
        for unit, found in enumerate(names[place]):  # type: ignore[arg-type]
            wanted = alone.attribute(X[np.newaxis], (unit,)).attribution
            np.testing.assert_array_equal(found.attribution, wanted)


def test_the_error_is_the_one_that_is_shown(served: Served) -> None:
    (shown,) = blocks("json")
    body = (served.folder / "x.npy").read_bytes()
    status, answer = served.post("/v1/explain?unit=400", body)
    assert (status, json.loads(answer)) == (400, json.loads(shown))


def test_options_and_limits_are_those_that_are_named(
    capsys: pytest.CaptureFixture[str],
) -> None:
    from retrograph.serving import Limits

    text = good(capsys, "help serve")
    named = set(re.findall(r"`(--[a-z-]+)", PAGE))
    assert named <= set(re.findall(r"--[a-z-]+", text))
    assert {f"--most-{name}" for name in vars(Limits())} <= named


def test_a_signal_ends_it(served: Served) -> None:
    os.kill(served.process.pid, signal.SIGTERM)
    assert served.process.wait(20) == 0
