"""The page of an audit in a real browser: Chromium, where it is installed."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import retrograph as rg
from retrograph.auditing import save_folder
from support.audit_case import NETS, SIZE
from support.faults import FAULTS, with_fault

pytestmark = pytest.mark.slow

_GUARD = """<head><meta http-equiv="Content-Security-Policy" content="default-src 'none';
img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"><script>
const asked = [];
document.addEventListener('securitypolicyviolation', event => asked.push(event.blockedURI));
</script>"""

_PROBE = """<script>
const all = [...document.querySelectorAll('*')];
const right = Math.max(...all.map(e => e.getBoundingClientRect().right));
window.onload = () => document.title = JSON.stringify({
  overflow: Math.round(right - document.documentElement.clientWidth),
  broken: [...document.images].filter(i => !i.complete || !i.naturalWidth).length,
  images: document.images.length,
  paper: getComputedStyle(document.body).backgroundColor,
  ink: getComputedStyle(document.querySelector('.sentence')).color,
  drawn: document.querySelectorAll('svg').length,
  asked: asked,
});
</script>"""


@pytest.fixture(scope="module")
def chromium() -> str:
    """The browser."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if (found := shutil.which(name)) is not None:
            return found
    pytest.skip("Chromium is not installed")


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a fault in the middle of a net."""
    rng = np.random.default_rng(5)
    picture = Image.fromarray(rng.integers(0, 256, (SIZE, SIZE, 3), np.uint8))
    fault = next(fault for fault in FAULTS if fault.name == "kernel flipped")
    clean = NETS["residual"]()
    found = rg.audit(clean, with_fault(clean, fault, 0), picture, preprocessing="0-1")
    return save_folder(found, tmp_path_factory.mktemp("audit"))


def _run(chromium: str, page: Path, folder: Path, *flags: str) -> str:
    command = [
        *(chromium, "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run"),
        *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
        "--host-resolver-rules=MAP * ~NOTFOUND",
        *(f"--user-data-dir={folder / 'profile'}", *flags, page.as_uri()),
    ]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout


def _probed(page: Path, folder: Path, more: str = "") -> Path:
    """The page, guarded against requests, that tells of itself in its title."""
    text = page.read_text().replace("<head>", _GUARD)
    probed = folder / "index.html"
    probed.write_text(text.replace("</body>", f"{more}{_PROBE}</body>"))
    return probed


def _seen(page: str) -> dict[str, Any]:
    """What the probe has put into the title."""
    title = re.search("<title>(.*?)</title>", page)
    assert title is not None
    found: dict[str, Any] = json.loads(html.unescape(title[1]))
    return found


@pytest.mark.parametrize("width", [420, 1280])
@pytest.mark.parametrize(("scheme", "is_dark"), [("1", False), ("0", True)])
def test_it_fits_and_is_whole_in_light_and_dark(
    chromium: str, page: Path, width: int, scheme: str, is_dark: bool, tmp_path: Path
) -> None:
    probed = _probed(page, tmp_path)
    flags = (f"--window-size={width},900", f"--blink-settings=preferredColorScheme={scheme}")
    title = re.search(
        "<title>(.*?)</title>", _run(chromium, probed, tmp_path, *flags, "--dump-dom")
    )
    assert title is not None
    seen = json.loads(title[1].replace("&quot;", '"'))
    assert seen["overflow"] <= 0
    assert (seen["broken"], seen["images"]) == (0, 4)
    assert seen["drawn"] == 2
    assert seen["asked"] == []
    light = {name: sum(map(int, re.findall(r"\d+", seen[name])[:3])) for name in ("paper", "ink")}
    assert (light["paper"] < light["ink"]) == is_dark


def test_a_request_would_be_seen(chromium: str, page: Path, tmp_path: Path) -> None:
    probed = _probed(page, tmp_path, '<img src="http://127.0.0.1:9/more.png" alt="">')
    seen = _seen(_run(chromium, probed, tmp_path, "--dump-dom"))
    assert seen["asked"] == ["http://127.0.0.1:9/more.png"]
