"""Where things lie in the repository."""

from __future__ import annotations

from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
ROOT = TESTS.parent
ENGINE = ROOT / "engine"
TOOLS = ROOT / "tools"
SAMPLE_MODELS = ROOT / "sample_models"
GOLDENS = TESTS / "goldens"
