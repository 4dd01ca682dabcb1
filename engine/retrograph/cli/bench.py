"""`retrograph bench`: how long explanations of a model take beside its forward pass."""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

from retrograph.benchmarks import Record, bench, cores
from retrograph.benchmarks.plot import check_installed
from retrograph.benchmarks.tables import (
    building_table,
    case_table,
    case_title,
    machine_lines,
    warnings,
)
from retrograph.cli import options, outputs
from retrograph.cli.progress import progress_bar
from retrograph.cli.terminal import console, count, print_table, visible
from retrograph.pipeline.destination import Destination


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = options.add_command(commands, "bench")
    options.add_method(parser, "guided")
    options.add_param(parser)
    options.add_layer(parser)
    options.add_wrt(parser)
    parser.add_argument("--units", type=count, default=1, metavar="K")
    parser.add_argument("--batch", type=_batches, default=[None], metavar="N[,N]")
    parser.add_argument("--item", type=_item, metavar="CxHxW")
    parser.add_argument("--rounds", type=count, default=20, metavar="N")
    options.add_device(parser, "cpu")
    options.add_threads(parser, default=cores())
    output = parser.add_argument_group("output")
    outputs.add_destination(output, "a plot: a picture's name")
    outputs.add_writing(output, "replace a file that exists", "print every time as JSON")
    parser.set_defaults(run=_run)


def _batches(text: str) -> list[int | None]:
    return [count(part.strip()) for part in text.split(",")]


def _item(text: str) -> tuple[int, ...]:
    if not re.fullmatch(r"\d+(x\d+)*", text.lower()):
        raise argparse.ArgumentTypeError(f"'{text}' is no shape; write it as 3x224x224")
    return tuple(count(part) for part in text.lower().split("x"))


def _run(args: argparse.Namespace) -> int:
    file = _plot_file(args)
    with progress_bar(console(stderr=True), "measuring", len(args.batch)) as bar:
        measured = bench(
            args.model,
            args.layer,
            method=args.method or "guided",
            parameters=args.param,
            **options.picked(args, "wrt", "units", "batch", "item", "rounds", "device", "threads"),
            command=" ".join(["retrograph", *sys.argv[1:]]),
            progress=bar.to,
        )
    _print_record(measured, console(stderr=args.json))
    if file is not None:
        measured.save(file, force=args.force)
    if args.json:
        print(measured.to_json(), end="")
    return 0


def _print_record(record: Record, out: Console) -> None:
    """The tables of a benchmark, what they were measured on, and what spoils them."""
    for case in record.cases:
        out.print(Text(visible(case_title(case)), "bold"), soft_wrap=True)
        headings, rows = case_table(case)
        print_table(out, headings, rows)
        for entry in case.entries:
            if entry.note:
                out.print(Text(visible(f"  {entry.name}: {entry.note}"), "dim"), soft_wrap=True)
        out.print()
    if record.buildings:
        out.print(Text("building, each in a process of its own", "bold"))
        print_table(out, *building_table(record.buildings))
        out.print()
    for line in machine_lines(record):
        out.print(Text(visible(line), "dim"), soft_wrap=True)
    for warning in warnings(record):
        out.print(Text(visible(f"warning: {warning}"), "yellow"), soft_wrap=True)


def _plot_file(args: argparse.Namespace) -> Path | None:
    """Where the plot goes, checked before any work."""
    if args.output is None:
        return None
    check_installed()
    inputs = [args.model]
    single = "bench.png"
    return Destination(args.output, inputs, single=single, arrays=False, force=args.force).file
