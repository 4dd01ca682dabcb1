"""What a package index shows of README.md has no link into the repository, and all of its words."""

from __future__ import annotations

import re

from support.paths import ROOT

PROJECT = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")


def index_page() -> str:
    """README.md as hatch-fancy-pypi-readme rewrites it."""
    (start,) = re.findall(r'start-at = "([^"]+)"', PROJECT)
    (pattern,) = re.findall(r"pattern = '([^']+)'", PROJECT)
    (replacement,) = re.findall(r"replacement = '([^']+)'", PROJECT)
    assert start in README
    return re.sub(pattern, replacement, README[README.index(start) :])


def test_a_package_index_gets_no_link_into_the_repository() -> None:
    targets = re.findall(r"\]\(([^)\s]+)\)", index_page())
    assert [each for each in targets if not re.match(r"https?:", each)] == []


def test_the_text_of_links_stays() -> None:
    page = index_page()
    assert all(f"| {word} |" in page for word in ("classes", "built file", "segmentation"))
    assert 'pip install "retrograph[cpu]"' in page
    assert "ct · 1[ct > 0] · 1[x > 0]" in page
