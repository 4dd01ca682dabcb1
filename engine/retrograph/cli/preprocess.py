"""`retrograph preprocess`: what a model says of pictures under each preset."""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console
from rich.text import Text

from retrograph.cli import options, outputs
from retrograph.cli.explain_report import print_preprocessing
from retrograph.cli.progress import waiting
from retrograph.cli.terminal import console, print_table, visible
from retrograph.pipeline.destination import Destination
from retrograph.pipeline.trying_preprocessing import find_preprocessing
from retrograph.results.base import json_text
from retrograph.results.tried_preprocessing import HEADINGS, TriedPreprocessing


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = options.add_command(commands, "preprocess")
    parser.add_argument("inputs", metavar="PICTURES", nargs="+")
    options.add_labels(parser)
    options.add_wrt(parser)
    options.add_device(parser)
    options.add_threads(parser)
    output = parser.add_argument_group("output")
    outputs.add_destination(output)
    outputs.add_writing(output, printed="print what was found as JSON")
    options.add_preprocessing(parser)
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    out = console(stderr=args.json)
    with waiting(out, "trying presets"):
        tried = find_preprocessing(
            args.model,
            args.inputs,
            preprocessing=options.chosen_preprocessing(args),
            labels=args.labels,
            wrt=args.wrt,
            device=args.device,
            threads=args.threads,
        )
    file = _save(tried, args) if args.output or not args.json else None
    _print(tried, file, out)
    if args.json:
        print(json_text(tried.to_dict()))
    return 0


def _save(tried: TriedPreprocessing, args: argparse.Namespace) -> Path:
    paths, single = [*args.inputs, args.model], f"{Path(args.model).stem}.preprocessing.png"
    to = Destination(args.output, paths, single=single, arrays=False, force=args.force)
    assert to.file is not None
    return tried.save(to.file, force=args.force)


def _print(tried: TriedPreprocessing, file: Path | None, out: Console) -> None:
    out.print(Text(visible(tried.summary()), "bold"), soft_wrap=True)
    if tried.choice.trials:
        print_table(out, HEADINGS, tried.rows())
    print_preprocessing(tried.choice, tried.choice.reasons, tried.labels, out)
    if file is not None:
        out.print(f"-> {visible(str(file))}", soft_wrap=True)
