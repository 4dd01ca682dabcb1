"""docs/DEPENDENCIES.md has the licence of everything that users install."""

from __future__ import annotations

import re

from support.paths import ROOT


def test_every_dependency_is_listed() -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    page = (ROOT / "docs" / "DEPENDENCIES.md").read_text(encoding="utf-8")
    head = project.split("[project.scripts]")[0]
    for_users = re.sub(r"^dev = \[.*?^\]", "", head, flags=re.DOTALL | re.MULTILINE)
    packages = set(re.findall(r'"([\w-]+)>=', for_users))
    assert len(packages) > 20
    rows = "".join(re.findall(r"^\| ([^|]+) \|", page, re.MULTILINE))
    assert {name for name in packages if name not in rows} == set()
