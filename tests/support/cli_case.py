"""Running the command line in a test, and what every complaint of it must be like."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from retrograph.cli import main
from support import nets


@dataclass(frozen=True)
class Ran:
    """What a command has left."""

    code: int
    out: str
    err: str


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> Ran:
    """The command line, in this process; argparse's exits count as exit codes."""
    capsys.readouterr()
    try:
        code = main([str(a) for a in arguments])
    except SystemExit as left:
        code = int(left.code or 0)
    captured = capsys.readouterr()
    return Ran(code, captured.out, captured.err)


def assert_one_line(ran: Ran, *words: str) -> None:
    """A mistake: exit code 2, one line that names the thing and the mend, nothing else."""
    assert ran.code == 2, ran
    assert ran.err.startswith("retrograph: "), ran.err
    assert ran.err.endswith("\n")
    assert ran.err.count("\n") == 1, ran.err
    assert "Traceback" not in ran.err
    assert "; " in ran.err or "? " in ran.err or "give " in ran.err, f"no mend: {ran.err}"
    for word in words:
        assert word in ran.err, (word, ran.err)


def tree(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, with what it holds."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else b""
        for path in sorted(folder.rglob("*"))
    }


def refused(capsys: pytest.CaptureFixture[str], folder: Path, arguments: str, *words: str) -> None:
    """The command complains in one line, and every file is as it was."""
    before = tree(folder)
    assert_one_line(run(capsys, *arguments.split()), *words)
    assert tree(folder) == before


def good(capsys: pytest.CaptureFixture[str], arguments: str) -> str:
    """What a command prints that must succeed and not complain."""
    ran = run(capsys, *arguments.split())
    assert (ran.code, ran.err) == (0, ""), ran
    return ran.out


def explained(capsys: pytest.CaptureFixture[str], arguments: str) -> list[dict[str, Any]]:
    """The records that explain gives as JSON."""
    ran = run(capsys, *f"explain {arguments} --json".split())
    assert ran.code == 0, ran
    records: list[dict[str, Any]] = json.loads(ran.out)["explained"]
    return records


def workplace(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder made the current one, with a good model, a good picture and labels."""
    monkeypatch.chdir(folder)
    nets.save(nets.cnn(), folder / "net.onnx")
    picture(folder / "dog.png")
    (folder / "labels.txt").write_text("cat, tabby\nred dog, hound\nblue dog, dingo\nbird\n")
    return folder


def opened(path: str | Path) -> Image.Image:
    with Image.open(path) as image:
        image.load()
        return image


def picture(path: Path, size: tuple[int, int] = (12, 10), seed: int = 0) -> Path:
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path
