"""Tools run from a checkout as they are, and use the library, not the command line."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from support.paths import ENGINE, TOOLS

SCRIPTS = sorted(TOOLS.rglob("*.py"))
WITH_HELP = [s for s in SCRIPTS if s.stem == "bench" or s.stem.startswith(("check_", "mutate_"))]


def imported(script: Path) -> set[str]:
    """The modules that a script imports, wherever in it."""
    names = set()
    for node in ast.walk(ast.parse(script.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def test_no_tool_imports_the_command_line() -> None:
    assert len(SCRIPTS) > 40
    for script in SCRIPTS:
        modules = imported(script)
        assert not [m for m in modules if f"{m}.".startswith("retrograph.cli.")], script


@pytest.mark.one_in(4)
@pytest.mark.skipif(sys.platform != "linux", reason="some of them fork")
@pytest.mark.parametrize("script", WITH_HELP, ids=lambda script: script.stem)
def test_a_script_finds_all_that_it_imports(script: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(script), "--help"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ENGINE)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("usage: ")
