"""`python -m retrograph`, and the console script `retrograph`."""

from __future__ import annotations

from typing import NoReturn

from retrograph.cli import main
from retrograph.starting import run_as_process


def run() -> NoReturn:
    """Run the command line, and end the process with its exit code."""
    run_as_process(main)


if __name__ == "__main__":
    run()
