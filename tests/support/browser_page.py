"""The page of `retrograph serve` in Chromium: started, used step by step, and what it showed."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from support.javascript import node, require_chromium, script
from support.serving_process import environment


@dataclass(frozen=True)
class Visit:
    """What a visit of the page gave.

    Attributes:
        told: what each step "tell" evaluated to.
        errors: of the console and of steps that failed.
        requests: the addresses that were asked for.
    """

    told: list[Any]
    errors: list[str]
    requests: list[str]


@contextmanager
def page_served(*words: object) -> Iterator[str]:
    """The address of a page in a process of its own; the process is killed at the end."""
    pytest.importorskip("starlette", reason="needs retrograph[serve]")
    pytest.importorskip("uvicorn", reason="needs retrograph[serve]")
    require_chromium()
    command = [sys.executable, "-m", "retrograph", "serve", *map(str, words), "--device", "cpu"]
    process = subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        line = process.stdout.readline().strip()
        assert "http://" in line, line
        yield line.split()[-1]
    finally:
        process.kill()
        process.communicate()


def visit(address: str, folder: Path, steps: Sequence[dict[str, Any]]) -> Visit:
    """Take steps on the page (see run_view.js); its pictures go to the folder."""
    text = json.dumps([*steps])
    done = node(script("run_view.js"), require_chromium(), address, folder, text=text, limit=240)
    return Visit(**json.loads(done))


def small_pictures(folder: Path, count: int = 2) -> list[Path]:
    """Pictures of coloured waves, other ones each."""
    rows, columns = np.mgrid[0:48, 0:64]
    paths = []
    for number in range(count):
        wave = 127 * (1 + np.sin((number + 1) * rows / 7 + columns / (5 + number)))
        colours = np.stack([wave, np.flipud(wave), 255 - wave], -1).astype(np.uint8)
        paths.append(folder / f"wave{number}.png")
        Image.fromarray(colours).save(paths[-1])
    return paths
