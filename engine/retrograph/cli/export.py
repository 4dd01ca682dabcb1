"""`retrograph export`: a built graph where a model server looks for it."""

from __future__ import annotations

import argparse

from retrograph.cli.options import add_command, add_suited_device, picked
from retrograph.cli.outputs import add_writing
from retrograph.cli.spelling import as_option
from retrograph.cli.terminal import console, count, visible
from retrograph.errors import spelled
from retrograph.pipeline.export_targets import TARGETS
from retrograph.pipeline.exporting import PLACES, export
from retrograph.results.base import json_text


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = add_command(commands, "export")
    parser.add_argument("out", metavar="DIR")
    parser.add_argument("--to", default="triton", choices=TARGETS)
    parser.add_argument("--name")
    parser.add_argument("--max-batch", type=count, default=64, metavar="N")
    parser.add_argument("--instances", type=count, default=1, metavar="N")
    add_suited_device(parser, "where the server runs it", PLACES)
    add_writing(parser, "replace a folder that exists", "print what was written as JSON")
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    names = ("to", "name", "max_batch", "instances", "device", "force")
    exported = export(args.model, args.out, **picked(args, *names))
    if args.json:
        print(json_text(exported.to_dict()))
        return 0
    shared = f", {exported.max_batch} items in a run at most" if exported.max_batch else ""
    lines = [f"wrote {exported.folder} for {exported.to}{shared}"]
    lines.append(f"takes {', '.join(exported.inputs)}; gives {', '.join(exported.outputs)}")
    for line in (*lines, *(f"note: {spelled(note, as_option)}" for note in exported.notes)):
        console().print(visible(line), soft_wrap=True)
    return 0
