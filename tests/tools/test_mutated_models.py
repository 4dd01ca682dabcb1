"""A share of tools/mutations/mutate_models.py: damaged models are built or refused cleanly."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from support.paths import ENGINE, TOOLS

TOOL = TOOLS / "mutations" / "mutate_models.py"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="it forks")
def test_a_share_of_the_mutation_run() -> None:
    """In an interpreter of its own, for it forks; without the corpus, so that it is the same."""
    command = [sys.executable, str(TOOL), "--count", "36", "--seed", "9", "--largest", "200000"]
    kept = {key: value for key, value in os.environ.items() if key != "RETROGRAPH_CORPUS"}
    done = subprocess.run(
        command,
        env=kept | {"PYTHONPATH": str(ENGINE), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    counts = [int(cell) for cell in done.stdout.split("│ all ")[1].split("│")[1:6]]
    assert counts[0] == sum(counts[1:]) == 36
    assert min(counts[1:3]) > 5
    assert counts[4] == 0
