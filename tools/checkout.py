"""Where the modules lie that tools of several folders, or tools and tests, share."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SHARED = [str(ROOT / folder) for folder in ("tests", "tools/corpus")]
"""What a tool that imports such modules adds to sys.path."""
