"""`retrograph demo`: a photograph explained by the sample model, both in the package."""

from __future__ import annotations

import argparse
from pathlib import Path

from retrograph.cli.explain_report import report
from retrograph.cli.options import add_page
from retrograph.cli.outputs import add_destination, add_writing
from retrograph.cli.terminal import console, visible
from retrograph.demonstration import METHODS, PHOTOGRAPH, demo, sample_model
from retrograph.output import check_free
from retrograph.results.base import json_text


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = add_page(commands, "demo")
    add_destination(parser, "the picture's name (retrograph_demo.png)", "FILE")
    add_writing(parser, "replace a picture that exists", "print what was explained as JSON")
    parser.set_defaults(run=_run, output="retrograph_demo.png")


def _run(args: argparse.Namespace) -> int:
    check_free(Path(args.output), force=args.force)
    comparison = demo()
    file = comparison.save(args.output, force=args.force)
    if args.json:
        print(json_text(comparison.to_dict()))
        return 0
    report(comparison.explanations[0], console())
    command = f"retrograph compare {sample_model()} {PHOTOGRAPH} --method {','.join(METHODS)}"
    for line in (f"-> {file}", f"the same by hand: {command}"):
        console().print(visible(line), soft_wrap=True)
    return 0
