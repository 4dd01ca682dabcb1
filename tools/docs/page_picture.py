"""The picture of the page of `retrograph serve`, taken by Chromium."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from contextlib import closing
from pathlib import Path

from PIL import Image

import retrograph as rg

PACKAGE = Path(__file__).resolve().parents[2] / "engine" / "js"


class MissingError(Exception):
    """What takes the picture is not installed; says what."""


def draw_page(view: rg.View, query: str) -> Image.Image:
    """A view of a served page, which is closed then.

    Args:
        view: the page.
        query: of the view's address, what is shown.

    Raises:
        MissingError: Chromium, Node or its packages.
    """
    with closing(view), tempfile.TemporaryDirectory() as folder:
        command = ["node", "test/run_view.js", chromium(), view.url, folder]
        steps = json.dumps([{"go": query}, {"shoot": "page"}])
        done = subprocess.run(
            command, cwd=PACKAGE, input=steps, stdout=subprocess.PIPE, text=True, check=True
        )
        errors = json.loads(done.stdout)["errors"]
        if errors:
            raise RuntimeError(errors[0])
        return Image.open(Path(folder) / "page.png").convert("RGB")


def chromium() -> str:
    """The path of Chromium.

    Raises:
        MissingError: it, Node or its packages.
    """
    if shutil.which("node") is None or not (PACKAGE / "node_modules" / "playwright-core").exists():
        raise MissingError("Node's packages are missing; run: make js")
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        raise MissingError("chromium is missing; install it")
    return found
