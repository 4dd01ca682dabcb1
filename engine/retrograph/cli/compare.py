"""`retrograph compare`: methods side by side, in one labelled picture."""

from __future__ import annotations

import argparse

from retrograph.cli import options, outputs
from retrograph.cli.explain_report import Printed, announce, destination_for, report
from retrograph.cli.progress import Mistakes, progress_bar, waiting
from retrograph.cli.spelling import as_option
from retrograph.cli.terminal import complain, console, visible
from retrograph.errors import spelled
from retrograph.model import Model
from retrograph.output import make_folder
from retrograph.pipeline.comparing import comparison_title, first_inputs, left_out_reasons
from retrograph.pipeline.destination import Destination
from retrograph.pipeline.distance import tell_distance
from retrograph.pipeline.opening import open_comparison
from retrograph.render import Page, save_picture
from retrograph.results.base import json_text
from retrograph.results.comparison import ComparisonTable, comparison_dict
from retrograph.results.explanation import Explanation


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = options.add_command(commands, "compare")
    options.add_inputs(parser)
    options.add_explaining(parser, "gradient,deconvnet,guided")
    options.add_precision(parser)
    options.add_straight_through(parser)
    outputs.add_output(parser)
    options.add_preprocessing(parser)
    parser.set_defaults(run=_run, top=1, batch=1)


def _run(args: argparse.Namespace) -> int:
    settings, inputs = options.explain_settings(args), options.given_inputs(args)
    destination = destination_for(args, settings, "compare.png", arrays=False)
    out = console(stderr=args.json)
    model = Model(args.model)
    with waiting(out, "building"):
        session = open_comparison(model, settings, inputs)
    announce(session, out)
    left_out = left_out_reasons(session)
    for name, reason in left_out.items():
        complain(f"{name} is left out: {spelled(reason, as_option)}")
    mistakes, distances = Mistakes(), Printed(out)
    table = ComparisonTable(session.context)
    explained: list[Explanation] = []
    with progress_bar(out, "explaining") as bar:
        batches = first_inputs(session.batches(inputs, bar.to), Printed(out, "note: "))
        batches = tell_distance(batches, session, distances)
        for explanation in mistakes.sieve(session.explain_all(batches)):
            with mistakes.reported():
                table.add(explanation)
                report(explanation, out)
                explained.append(explanation.without_arrays())
    file = None
    if explained:
        page = table.page(comparison_title(model, session), left_out)
        file = _save(page, destination)
        out.print(f"-> {visible(file)}", soft_wrap=True)
    if args.json:
        record = comparison_dict(explained, session.context, left_out, file, distances.lines)
        print(json_text(record))
    return 2 if mistakes.count or file is None else 0


def _save(page: Page, destination: Destination) -> str:
    assert destination.file is not None
    make_folder(destination.file.parent)
    save_picture(page, destination.file, force=destination.force)
    return str(destination.file)
