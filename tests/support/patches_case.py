"""`retrograph patches` of a scan: the command, and what its page holds."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from retrograph.scanning import ScanReader
from support.cli_case import Ran, opened, run
from support.graphs import Array


def scanned(capsys: pytest.CaptureFixture[str], arguments: str) -> ScanReader:
    ran = run(capsys, "scan", *arguments.split(), "-o", "run")
    assert ran.code == 0, ran
    return ScanReader("run")


def patches(capsys: pytest.CaptureFixture[str], arguments: str = "") -> Ran:
    return run(capsys, "patches", "run", *arguments.split(), "-o", "out")


def page() -> dict[str, Any]:
    """What the page of the output holds."""
    text = Path("out/index.html").read_text(encoding="utf-8")
    found = re.search(r'<script id="data" type="application/json">(.*?)</script>', text, re.DOTALL)
    assert found is not None
    data: dict[str, Any] = json.loads(found[1])
    return data


def tiles(layer: dict[str, Any], channel: int) -> list[tuple[Array, Array]]:
    """The patches of a channel, each with its attribution, as pixels."""
    found = next(each for each in layer["channels"] if each["number"] == channel)
    width, height = layer["tile"]
    strip = np.asarray(opened(Path("out", found["thumb"])))
    assert strip.shape == (2 * height, width * len(found["units"]), 3)
    columns = [strip[:, i * width : (i + 1) * width] for i in range(len(found["units"]))]
    return [(column[:height], column[height:]) for column in columns]
