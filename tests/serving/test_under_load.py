"""The tools that ask a service a great deal, for a short while."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec

import pytest

from support.paths import ROOT
from support.serving_process import environment

for needed in ("starlette", "prometheus_client", "uvicorn"):
    pytest.importorskip(needed, reason="needs retrograph[serve]")


def run(*words: str) -> str:
    """What a tool prints, which ends well."""
    command = [sys.executable, *words]
    done = subprocess.run(
        command, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=900
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_no_answer_is_wrong_under_load() -> None:
    told = run("tools/bench/load_service.py", "--seconds", "10", "--connections", "8")
    assert "wrong 0, busy 0, lost 0" in told
    assert "8 answered right, 0 wrong; the process ended with 0" in told
    for fault in ("bad bytes: 400", "huge picture: 413", "a client that stops: 408"):
        assert fault in told


@pytest.mark.slow
@pytest.mark.skipif(find_spec("schemathesis") is None, reason="needs schemathesis")
def test_answers_are_those_of_the_document() -> None:
    assert "passed" in run("tools/checks/check_service.py", "--examples", "10")
