"""`retrograph scan`: which pictures of a data set make a layer's channels fire, and where."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import partial
from typing import Any

from rich.console import Console
from rich.text import Text

from retrograph.cli import options, outputs
from retrograph.cli.explain_report import announce_preprocessing
from retrograph.cli.parser import group_named
from retrograph.cli.progress import Bar, progress_bar, waiting
from retrograph.cli.scan_report import report
from retrograph.cli.spelling import as_option
from retrograph.cli.terminal import complain, console, count, print_notes, visible
from retrograph.errors import InputError
from retrograph.preprocess import BadInput, Item
from retrograph.results.base import json_text
from retrograph.scanning.parts import ScanPart
from retrograph.scanning.summary import plural
from retrograph.scans import OnBatch, Scan, ScanPlan, plan_scan

_MOST_TOLD = 20
"""So many bad inputs are told one by one."""

_MOST_NOTES = 5
"""So many different notes on inputs are told, each with the first that it is of."""


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = options.add_command(commands, "scan")
    parser.add_argument("inputs", metavar="INPUT", nargs="+")
    options.add_layer(parser, "see layers", metavar="NAME[,NAME]", required=True)
    options.add_channels(parser)
    parser.add_argument("-k", type=count, default=9, metavar="K")
    options.add_batch(parser, 32)
    options.add_labels(parser)
    options.add_sequences(parser)
    options.add_device(parser)
    options.add_threads(parser)
    options.add_part(parser)
    parser.add_argument("--workers", type=count, metavar="N")
    cluster = group_named(parser, "running")
    cluster.add_argument("--ray", nargs="?", const="", metavar="ADDRESS")
    cluster.add_argument("--actors", type=count, default=2, metavar="N")
    output = parser.add_argument_group("output")
    outputs.add_destination(output, "a folder", "RUN", required=True)
    outputs.add_writing(output, "start anew whatever is in RUN", "print what was found as JSON")
    options.add_preprocessing(parser)
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    out = console(stderr=args.json)
    keywords = {
        "layers": [name.strip() for name in args.layer.split(",")],
        "labels": args.labels or None,
        "preprocessing": options.chosen_preprocessing(args),
        **options.picked(args, "channels", "k", "batch", "alphabet", "sample_rate"),
        **options.picked(args, "device", "threads", "workers"),
    }
    with waiting(out, "building"):
        plan = plan_scan(args.model, args.inputs, **keywords)
    _announce(plan, out)
    total = None if args.part else plan.count()
    try:
        with progress_bar(out, "scanning", total) as bar:
            watch = _Watch(bar, out)
            scan = _scanned(plan, args, keywords, watch.add)
    except KeyboardInterrupt:
        complain("interrupted; the same command goes on where it stopped")
        return 130
    watch.report_rest()
    if not watch.ran:
        out.print("done already")
    report(scan, out)
    if args.json:
        print(json_text(scan.to_dict()))
    return 2 if scan.problems else 0


def _scanned(
    plan: ScanPlan, args: argparse.Namespace, keywords: dict[str, Any], on_batch: OnBatch
) -> Scan | ScanPart:
    """What was scanned: all, a part, or all of it on a cluster."""
    if args.ray is None:
        run = partial(plan.run_part, args.part) if args.part else plan.run
        return run(args.output, force=args.force, on_batch=on_batch)
    if args.part:
        raise InputError("a scan on Ray has no parts; leave --part or --ray out")
    from retrograph.on_ray import scan_files  # only where it is asked for: start-up

    on_batch(0, [])
    scan = scan_files(
        args.model,
        args.inputs,
        **keywords,
        out=args.output,
        address=args.ray or None,
        actors=args.actors,
        num_gpus=int(plan.scanner.session.device == "cuda"),
        force=args.force,
        progress=lambda done, _: on_batch(done, []),
    )
    for _, problem in scan.problems[:_MOST_TOLD]:
        complain(problem)
    return scan


def _announce(plan: ScanPlan, out: Console) -> None:
    """Print what is going to be scanned, and what should be known of it."""
    scanner = plan.scanner
    layers = [
        f"{layer.alias} ({len(layer.channels)} {plural('channel', len(layer.channels))})"
        for layer in scanner.layers
    ]
    session = scanner.session
    where = f" for '{session.input.name}' on {session.device}, {scanner.batch} at once"
    out.print(Text.assemble((visible(", ".join(layers)), "bold"), visible(where)), soft_wrap=True)
    print_notes(out, plan.notes, "dim")
    announce_preprocessing(plan.preprocessing, plan.labels, out)


class _Watch:
    """Prints a line for each bad input as it is met, and notes on inputs; moves the bar.

    Bad inputs before the first good one wait until there is one: where none is, the error at the
    end says it all.

    Attributes:
        ran: whether any input was done.
    """

    def __init__(self, bar: Bar, out: Console) -> None:
        self.ran = False
        self._bar, self._out = bar, out
        self._any_good = False
        self._waiting: list[BadInput] = []
        self._bad = 0
        self._notes = set[str]()

    def add(self, done: int, inputs: Sequence[Item | BadInput]) -> None:
        """So many are done, these of them just now."""
        if done and not self.ran:
            self._out.print(f"going on after {done:,} inputs")
        self.ran = True
        rate = "" if self._bar.rate is None else f"{self._bar.rate:,.0f}/s"
        self._bar.to(done, detail=rate)
        for each in inputs:
            if isinstance(each, BadInput):
                self._waiting.append(each)
            else:
                self._any_good = True
                self._print_note(each)
        if self._any_good:
            self._complain()

    def report_rest(self) -> None:
        """Say how many bad inputs had no line."""
        if self._bad > _MOST_TOLD:
            complain(f"{self._bad - _MOST_TOLD} more are bad; the store's table picture says why")

    def _complain(self) -> None:
        for bad in self._waiting:
            self._bad += 1
            if self._bad <= _MOST_TOLD:
                complain(bad.error.spelled(as_option))
        self._waiting.clear()

    def _print_note(self, item: Item) -> None:
        if item.note and item.note not in self._notes and len(self._notes) < _MOST_NOTES:
            self._notes.add(item.note)
            self._out.print(visible(f"note: {item.name}: {item.note}"), soft_wrap=True)
