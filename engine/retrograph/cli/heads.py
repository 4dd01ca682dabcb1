"""`retrograph heads`: what the outputs of a model were understood to be."""

from __future__ import annotations

import argparse

from rich.text import Text

from retrograph.cli import options, outputs
from retrograph.cli.terminal import console, print_notes, visible
from retrograph.heads.describe import head_lines
from retrograph.model import Model
from retrograph.results.base import json_text


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = options.add_command(commands, "heads")
    outputs.add_json(parser, "as JSON, which --head takes back")
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    heads = Model(args.model).heads()
    if args.json:
        print(json_text(heads.to_dict()))
        return 0
    out = console()
    for head, (title, lines) in zip(heads, head_lines(heads), strict=True):
        out.print(Text(visible(title), "bold"), soft_wrap=True)
        for line in (*lines, *(f"note: {note}" for note in head.notes)):
            out.print(f"  {visible(line)}", soft_wrap=True)
    for name in heads.unread:
        out.print(f"not understood: output '{visible(name)}'; explain it by --layer and --unit")
    print_notes(out, heads.notes)
    return 0
