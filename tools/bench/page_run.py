"""What the two measurements of the page share: their options, and how it is served."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]


def page_options(text: str) -> argparse.ArgumentParser:
    """The parser of a model, a picture and how often units are clicked.

    Args:
        text: what is measured, the first paragraph in a line.
    """
    parser = argparse.ArgumentParser(description=text.split("\n\n")[0])
    parser.add_argument("model")
    parser.add_argument("picture")
    parser.add_argument("--layer", help="the class scores if left out")
    parser.add_argument("--clicks", type=int, default=20)
    parser.add_argument("--threads", default="2")
    return parser


def serving(args: argparse.Namespace) -> list[str]:
    """The command that serves the page of these options, from any folder."""
    files = [str(Path(file).absolute()) for file in (args.model, args.picture)]
    running = ["--device", "cpu", "--threads", args.threads]
    return [sys.executable, "-m", "retrograph", "serve", *files, *running]


def environment() -> dict[str, str]:
    """Of that command: this tree's package."""
    paths = os.pathsep.join([str(ROOT / "engine"), os.environ.get("PYTHONPATH", "")])
    return {**os.environ, "PYTHONPATH": paths}
