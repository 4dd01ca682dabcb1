"""The scripts that complete in a shell: they parse, and offer commands, options and files."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from support.cli_case import assert_one_line, good, run

pytest.importorskip("shtab", reason="needs retrograph[completion]")


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("retrograph comp", {"compare", "completion"}),
        ("retrograph explain --meth", {"--method"}),
        ("retrograph explain net.onnx dog.jpg --resize p", {"pad"}),
        ("retrograph explain net", {"net.onnx"}),
        ("retrograph explain net.onnx dog.jpg --method deconv", {"deconvnet"}),
    ],
)
def test_bash_offers(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, words: str, offered: set[str]
) -> None:
    (tmp_path / "retrograph.bash").write_text(good(capsys, "completion bash"))
    (tmp_path / "net.onnx").touch()
    line = (
        f"source ./retrograph.bash; COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); "
    )
    ask = "_shtab_retrograph 2> /dev/null; printf '%s\\n' \"${COMPREPLY[@]}\""
    done = subprocess.run(
        ["bash", "-c", line + ask], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert set(done.stdout.split()) == offered


def test_zsh_has_a_script(capsys: pytest.CaptureFixture[str]) -> None:
    script = good(capsys, "completion zsh")
    assert script.startswith("#compdef retrograph")
    assert "maximize" in script
    assert "--method" in script


def test_another_shell_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    done = run(capsys, "completion", "cmd")
    assert done.code == 2
    assert "bash" in done.err


def test_without_shtab_it_says_what_to_install(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "shtab", None)
    assert_one_line(run(capsys, "completion", "bash"), "retrograph[completion]")
