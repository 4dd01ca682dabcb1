"""`retrograph check`: can a model be explained, by which method, and what stands in the way."""

from __future__ import annotations

import argparse

from rich.console import Console
from rich.text import Text

from retrograph.checks import check
from retrograph.cli import options, outputs
from retrograph.cli.spelling import as_option
from retrograph.cli.terminal import console, print_notes, print_table, visible
from retrograph.results import check_tables as tables
from retrograph.results.base import json_text
from retrograph.results.check import Check


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = options.add_command(commands, "check")
    options.add_layer(parser)
    options.add_wrt(parser, action="append")
    outputs.add_json(parser, "as JSON, all nodes")
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    checked = check(args.model, args.layer, wrt=args.wrt)
    if args.json:
        print(json_text(checked.to_dict()))
    else:
        _print(checked, console())
    return 0 if checked.explainable else 3


def _print(checked: Check, out: Console) -> None:
    out.print(Text(visible(tables.headline(checked)), "bold"), soft_wrap=True)
    out.print()
    print_table(out, (), tables.question_rows(checked))
    out.print()
    verdicts = tables.verdict_rows(checked.methods, as_option)
    print_table(out, tables.VERDICTS, verdicts)
    if checked.blocks:
        out.print()
        print_table(out, tables.BLOCKS, tables.block_rows(checked))
    if checked.nearest:
        layer = checked.nearest
        hint = f"the last layer that can be explained is {layer}: --layer {layer}"
        out.print(Text(visible(hint), "dim"), soft_wrap=True)
    treatments = tables.treatment_rows(checked)
    if treatments:
        out.print()
        print_table(out, tables.TREATMENTS, treatments)
    print_notes(out, checked.notes, "dim")
