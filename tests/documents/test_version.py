"""One version everywhere, and a section of CHANGELOG.md for it."""

from __future__ import annotations

import re

import pytest

import retrograph
from support.paths import ROOT

PLACES = {
    "pyproject.toml": r'^version = "([^"]+)"',
    "CITATION.cff": r"^version: (\S+)",
    "engine/cpp/CMakeLists.txt": r"^project\(retrograph VERSION (\S+)",
    "engine/js/package.json": r'^  "version": "([^"]+)"',
    "engine/js/package-lock.json": r'^  "version": "([^"]+)"',
}


@pytest.mark.parametrize("file", PLACES)
def test_the_version_is_the_same_everywhere(file: str) -> None:
    text = (ROOT / file).read_text(encoding="utf-8")
    assert re.findall(PLACES[file], text, re.MULTILINE) == [retrograph.__version__]


def test_the_changelog_has_a_section_of_the_day_that_is_cited() -> None:
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    cited = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    (day,) = re.findall(r"^date-released: (\S+)", cited, re.MULTILINE)
    sections = re.findall(r"^## \[(\S+)\](?: - (\S+))?$", changes, re.MULTILINE)
    assert sections[:2] == [("Unreleased", ""), (retrograph.__version__, day)]
