"""`retrograph build`: the forward and backward graph as a file."""

from __future__ import annotations

import argparse
import json

from retrograph.cli import options, outputs
from retrograph.cli.progress import waiting
from retrograph.cli.spelling import as_option
from retrograph.cli.terminal import console, visible
from retrograph.errors import spelled
from retrograph.ir.passes.to_float16 import PRECISIONS
from retrograph.pipeline.building import BuiltFiles, build_files
from retrograph.selector import KINDS


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = options.add_command(commands, "build")
    outputs.add_destination(parser, "the new file", "OUT.onnx", required=True)
    options.add_method(parser, "guided", metavar="NAME")
    options.add_param(parser)
    options.add_layer(parser)
    parser.add_argument("--select", default="top", choices=KINDS)
    parser.add_argument("--many", action="store_true")
    options.add_wrt(parser, action="append")
    parser.add_argument("--open-batch", action="store_true")
    parser.add_argument("--no-outputs", dest="outputs", action="store_false")
    options.add_suited_device(parser, "what the file suits best; it runs on any")
    parser.add_argument("--optimized", metavar="OUT.onnx")
    parser.add_argument("--precision", default="float32", choices=PRECISIONS)
    options.add_straight_through(parser)
    outputs.add_writing(parser, "replace a file that exists", "print what was built as JSON")
    options.add_preprocessing(parser)
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    method = options.one_method(args)
    with waiting(console(stderr=True), "building"):
        built = build_files(
            args.model,
            args.output,
            method=method,
            preprocessing=options.chosen_preprocessing(args),
            straight_through=args.straight_through is not False,
            **options.picked(args, "optimized", "force", "layer", "select", "many", "wrt"),
            **options.picked(args, "device", "outputs", "precision", "open_batch"),
        )
    if args.json:
        print(json.dumps(built.to_dict()))
    else:
        _print_report(built, args.optimized)
    return 0


def _print_report(built: BuiltFiles, optimized: str | None) -> None:
    """Print what was written, and what should be known of it."""
    contract, weights = built.contract, built.weights
    apart = "" if weights is None else f", its weights in {weights.name} beside it"
    lines = [
        f"wrote {built.output} ({built.size / 1e6:.1f} MB, {built.nodes} operators){apart}",
        f"{contract.method} from {contract.layer} to "
        f"{', '.join(contract.explained)}; what chooses the unit: {contract.select}",
        *(f"note: {spelled(note, as_option)}" for note in built.notes),
    ]
    if optimized is not None:
        lines.insert(1, f"wrote {optimized}, optimised for this machine's CPU; not portable")
    out = console()
    for line in lines:
        out.print(visible(line), soft_wrap=True)
