"""`retrograph scan merge`: the store of a scan, made of parts that several machines scanned."""

from __future__ import annotations

import argparse

from retrograph.cli import options, outputs
from retrograph.cli.progress import progress_bar
from retrograph.cli.scan_report import report
from retrograph.cli.terminal import console
from retrograph.results.base import json_text
from retrograph.scan_parts import merge_scans


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = options.add_page(commands, "scan merge")
    parser.add_argument("parts", metavar="RUN", nargs="+")
    output = parser.add_argument_group("output")
    outputs.add_destination(output, "a folder", "RUN", required=True)
    outputs.add_writing(output, "replace a scan in RUN", "print what was found as JSON")
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    out = console(stderr=args.json)
    with progress_bar(out, "merging") as bar:
        scan = merge_scans(args.parts, out=args.output, force=args.force, progress=bar.to)
    report(scan, out)
    if args.json:
        print(json_text(scan.to_dict()))
    return 2 if scan.problems else 0
