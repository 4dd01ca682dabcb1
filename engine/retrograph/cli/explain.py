"""`retrograph explain`: pictures in, pictures beside their attributions out."""

from __future__ import annotations

import argparse

from retrograph.cli import options, outputs
from retrograph.cli.explain_report import Printed, announce, destination_for, report
from retrograph.cli.progress import Mistakes, progress_bar, waiting
from retrograph.cli.terminal import console, count, grid
from retrograph.errors import InputError
from retrograph.inputs.share import share_of
from retrograph.model import Model
from retrograph.pipeline.distance import tell_distance
from retrograph.pipeline.opening import open_session
from retrograph.pipeline.parallel import settings_for_many
from retrograph.pipeline.sharing import share_batches
from retrograph.pipeline.writing import write_explanations, write_sheet
from retrograph.results.base import json_text
from retrograph.results.explanation import Explanation
from retrograph.results.record import explained_dict


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = options.add_command(commands, "explain")
    options.add_inputs(parser)
    options.add_explaining(parser, "guided")
    options.add_precision(parser)
    options.add_straight_through(parser)
    parser.add_argument("--top", type=count, default=1, metavar="N")
    options.add_batch(parser, 1)
    options.add_part(parser)
    output = outputs.add_output(parser)
    output.add_argument("--sheet", type=grid, metavar="RxC")
    outputs.add_npz(output)
    options.add_preprocessing(parser)
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    if args.part and args.sheet:
        raise InputError("--sheet is of all inputs; leave --part out")
    share = share_of(args.part) if args.part else None
    settings, inputs = options.explain_settings(args), options.given_inputs(args)
    destination = destination_for(args, settings, args.sheet and "sheet.png", arrays=args.npz)
    out = console(stderr=args.json)
    with waiting(out, "building"):
        model = Model(args.model)
        if args.sheet is None:
            settings = settings_for_many(model, settings, inputs)
        session = open_session(model, settings, inputs)
    announce(session, out)
    mistakes, distances = Mistakes(), Printed(out)
    explained: list[Explanation] = []
    with progress_bar(out, "explaining") as bar:
        batches = share_batches(session, inputs, share, destination, bar.to)
        batches = tell_distance(batches, session, distances)
        if args.sheet is None:
            runs = settings.running.runs
            written = write_explanations(batches, session, destination, runs)
            for explanation in mistakes.sieve(written):
                report(explanation, out)
                explained.append(explanation.without_arrays())
        else:
            sheet = write_sheet(batches, session, destination, args.sheet, mistakes.report)
            explained = [] if sheet is None else [*sheet.explanations]
    if args.sheet is not None and sheet is not None:
        out.print(f"  {sheet.title}\n  -> {destination.file}", soft_wrap=True)
    if args.json:
        print(json_text(explained_dict(explained, session.context, distances.lines)))
    return 2 if mistakes.count or not (explained or share) else 0
