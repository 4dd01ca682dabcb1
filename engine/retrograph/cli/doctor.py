"""`retrograph doctor`: what is installed, what is missing, and whether it works here."""

from __future__ import annotations

import argparse

from retrograph.cli.options import add_page
from retrograph.cli.outputs import add_json
from retrograph.cli.terminal import console, print_table, visible
from retrograph.health import doctor
from retrograph.results.base import json_text


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = add_page(commands, "doctor")
    add_json(parser, "as JSON")
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    health = doctor()
    if args.json:
        print(json_text(health.to_dict()))
    else:
        print_table(console(), (), health.rows())
        for line in (*(f"problem: {each}" for each in health.problems), health.summary()):
            console().print(visible(line), soft_wrap=True)
    return 0 if health.well else 1
