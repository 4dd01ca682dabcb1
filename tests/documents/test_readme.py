"""What the README shows, run as it stands but with fewer steps: its commands and its Python."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
from PIL import Image

import retrograph
from retrograph.cli import main
from support import nets
from support.paths import ROOT

SAMPLE = ROOT / "sample_models" / "cifar10_cnn.onnx"
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    found: list[str] = re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)
    return [re.sub(r"(steps\W+)96", r"\1 4", block) for block in found]


COMMANDS = [
    line.split(" #")[0].strip()
    for block in blocks("sh")
    for line in block.splitlines()
    if line.startswith("retrograph ")
]


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with what the README speaks of: a net, pictures, class names, a table."""
    monkeypatch.chdir(tmp_path)
    model = onnx.load(SAMPLE)
    onnx.save(model, "net.onnx")
    onnx.save(model, "net.fast.onnx")
    shutil.copytree(SAMPLE.parent, "sample_models")
    rng = np.random.default_rng(0)
    Path("photos").mkdir()
    for name, golden in (("detector", "anchors"), ("segmenter", "unet")):
        shutil.copy(ROOT / "tests" / "goldens" / "heads" / f"{golden}.onnx", f"{name}.onnx")
    Path("classes.txt").write_text("person\ncar\ndog")
    for name in ("dog.jpg", "street.jpg", "photos/a.jpg", "photos/b.png"):
        Image.fromarray(rng.integers(0, 256, (48, 64, 3), np.uint8)).save(name)
    names = ["plane", "car", "bird", "cat", "deer", "golden retriever", "frog", "horse", "ship"]
    Path("imagenet.txt").write_text("\n".join([*names, "truck"]))
    rows = rng.integers(0, 256, (30, 3072))
    table = "\n".join("7," + ",".join(map(str, row)) for row in rows)
    Path("cifar10_first100.csv").write_text(table)
    return tmp_path


def test_there_are_commands() -> None:
    assert len(COMMANDS) >= 8


@pytest.mark.parametrize("command", COMMANDS)
def test_command_runs(command: str, desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = shlex.split(command)[1:]
    if "net.guided.onnx" in words and words[0] == "explain":
        assert main(["build", "net.onnx", "-o", "net.guided.onnx", "--preprocess", "imagenet"]) == 0
    if words[0] == "patches":
        assert main(["scan", "net.onnx", "photos/", "--layer", "relu3", "-o", "run"]) == 0
    if "song.flac" in words:
        soundfile = pytest.importorskip("soundfile")
        soundfile.write("song.flac", np.random.default_rng(0).uniform(-0.5, 0.5, 4000), 16000)
        nets.save(nets.wave_net(4000), Path("notes.onnx"))
    before = set(desk.rglob("*"))
    assert main(words) == 0, capsys.readouterr().err
    if words[0] not in ("layers", "check", "heads", "doctor"):
        assert set(desk.rglob("*")) - before


def test_python_runs(desk: Path) -> None:
    x = np.random.default_rng(1).random((1, 3, 32, 32), np.float32)
    names: dict[str, object] = {"x": x}
    for block in blocks("python"):
        exec(compile(block, "README.md", "exec"), names)
    found = names["a"]
    assert isinstance(found, retrograph.Attribution)
    np.testing.assert_array_equal(found.attribution, names["attribution"])
    np.testing.assert_array_equal(found.unit, [[17, 4, 5]])


def test_make_targets_exist() -> None:
    targets = re.findall(r"^make (\w+)", README, re.MULTILINE)
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert targets
    assert all(re.search(rf"^{target}:", makefile, re.MULTILINE) for target in targets)
