"""`retrograph patches`: what a scan's strongest units see, cut out and explained."""

from __future__ import annotations

import argparse
from itertools import islice

from rich.console import Console
from rich.text import Text

from retrograph.cli import options, outputs
from retrograph.cli.progress import progress_bar, waiting
from retrograph.cli.terminal import complain, console, count, print_notes, visible
from retrograph.patches import Patches, PatchPlan, plan_patches
from retrograph.results.base import json_text
from retrograph.scanning import ScanReader

_MOST_TOLD = 20
"""So many pictures that are not there any more are told one by one."""


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = options.add_page(commands, "patches")
    parser.add_argument("store", metavar="RUN")
    options.add_layer(parser, "of those scanned, all if left out", metavar="NAME[,NAME]")
    options.add_channels(parser)
    parser.add_argument("-k", type=count, metavar="K")
    options.add_method(parser, "guided", metavar="NAME")
    options.add_param(parser)
    outputs.add_style(parser)
    parser.add_argument("--model", metavar="PATH")
    options.add_batch(parser, 32, "units")
    options.add_device(parser)
    options.add_threads(parser)
    outputs.add_destination(parser, "a folder", "OUT", required=True)
    outputs.add_writing(parser)
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    out = console(stderr=args.json)
    with waiting(out, "building"):
        plan = plan_patches(
            ScanReader(args.store),
            layers=None if args.layer is None else [n.strip() for n in args.layer.split(",")],
            method=options.one_method(args),
            out=args.output,
            **options.picked(
                args, "channels", "k", "style", "model", "batch", "device", "threads", "force"
            ),
        )
    _announce(plan, out)
    with progress_bar(out, "patches") as bar:
        patches = plan.run(progress=bar.to)
    _print_report(patches, out)
    if args.json:
        print(json_text(patches.to_dict()))
    return 2 if patches.missing else 0


def _announce(plan: PatchPlan, out: Console) -> None:
    """Print what is going to be made, and what should be known of it."""
    context = plan.context
    layers = visible(", ".join(plan.channels))
    head = Text.assemble((context.method, "bold"), " from ", (layers, "bold"))
    head.append(visible(f" to '{context.signature.explained.name}' on {context.device}"))
    out.print(head, soft_wrap=True)
    print_notes(out, plan.notes)


def _print_report(patches: Patches, out: Console) -> None:
    """Print the files, and which pictures are not there any more or have changed."""
    assert patches.files is not None
    for file in (*patches.files.sheets, patches.files.index):
        out.print(f"-> {visible(str(file))}", soft_wrap=True)
    for name, reason in islice(patches.missing.items(), _MOST_TOLD):
        why = reason.removeprefix(f"{name} ").removeprefix(f"{name}: ")
        complain(f"{name} is left out: {why}; put it back, or scan anew")
    if len(patches.missing) > _MOST_TOLD:
        complain(f"{len(patches.missing) - _MOST_TOLD} more are left out; --json names them all")
    if patches.changed:
        name, change = next(iter(patches.changed.items()))
        count = len(patches.changed)
        which = "1 picture" if count == 1 else f"{count} pictures, such as"
        complain(
            f"note: other activations than in the scan for {which} {name} ({change}): it has "
            "changed, or the runtime computes otherwise; scan anew"
        )
