"""`retrograph filters`: a convolution's weights as pictures."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.text import Text

from retrograph.cli import options, outputs
from retrograph.cli.terminal import channels, console, visible
from retrograph.filter_views import Filters, filters
from retrograph.pipeline.destination import Destination
from retrograph.results.base import json_text


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = options.add_command(commands, "filters")
    options.add_layer(parser, "the first convolution if left out")
    options.add_channels(parser)
    parser.add_argument("--inputs", type=channels, metavar="LIST")
    parser.add_argument("--scale-of", choices=("each", "all"), default="each")
    output = parser.add_argument_group("output")
    outputs.add_destination(output)
    outputs.add_npz(output)
    outputs.add_writing(output, printed="print what was drawn as JSON")
    options.add_preprocessing(parser)
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    drawn = filters(
        args.model,
        args.layer,
        channels=args.channels,
        inputs=args.inputs,
        scale_of=args.scale_of,
        preprocessing=options.chosen_preprocessing(args),
    )
    destination = Destination(
        args.output,
        [args.model],
        single=f"{Path(args.model).stem}.{_file_tag(drawn)}.filters.png",
        arrays=args.npz,
        force=args.force,
    )
    written = replace(drawn, file=str(_write(drawn, destination)))
    _print(written, console(stderr=args.json))
    if args.json:
        print(json_text(written.to_dict()))
    return 0


def _file_tag(drawn: Filters) -> str:
    """The layer in a file's name."""
    return "".join(c if c.isalnum() or c in "._-" else "_" for c in drawn.source.alias)


def _write(drawn: Filters, destination: Destination) -> Path:
    """Write the picture, and the arrays where they are wanted; gives the picture's path."""
    assert destination.file is not None
    drawn.save(destination.file, force=destination.force)
    if destination.arrays:
        drawn.save(destination.file.with_suffix(".npz"), force=destination.force)
    return destination.file


def _print(drawn: Filters, out: Console) -> None:
    alias = (visible(drawn.source.alias), "bold")
    out.print(Text.assemble(alias, f" ({drawn.source.op} {drawn.size})"), soft_wrap=True)
    for line in drawn.notes:
        out.print(f"  {visible(line)}", soft_wrap=True)
    out.print(f"  -> {visible(str(drawn.file))}", soft_wrap=True)
