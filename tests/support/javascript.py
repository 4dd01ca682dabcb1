"""What the tests of JavaScript hosts run on: Node and the packages of engine/js."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from support.paths import ENGINE

PACKAGE = ENGINE / "js"
_INSTALL = "run: make js"


def require_node(*packages: str) -> None:
    """Skip the test where Node or one of some npm packages is missing, and say which."""
    if shutil.which("node") is None:
        pytest.skip("node is missing; install nodejs")
    for package in packages:
        if not (PACKAGE / "node_modules" / package / "package.json").exists():
            pytest.skip(f"the npm package {package} is missing; {_INSTALL}")


def require_chromium() -> str:
    """The path of Chromium; skip the test where there is none."""
    require_node("onnxruntime-web", "playwright-core")
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        pytest.skip("chromium is missing; install it")
    return found


def node(*arguments: object, text: str | None = None, limit: float = 120) -> str:
    """What a run of Node in engine/js prints; the test fails with it if it ends in an error."""
    done = subprocess.run(
        ["node", *map(str, arguments)],
        cwd=PACKAGE,
        input=text,
        capture_output=True,
        text=True,
        timeout=limit,
        env=_environment(),
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


@functools.cache
def _environment() -> dict[str, str]:
    """The environment, without what changes how Node runs."""
    return {k: v for k, v in os.environ.items() if not k.startswith(("NODE_", "npm_"))}


def script(name: str) -> Path:
    """A script of the package's tests."""
    return PACKAGE / "test" / name
