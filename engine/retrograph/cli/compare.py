"""`retrograph compare`: methods side by side, in one labelled picture."""

from __future__ import annotations

import argparse

from PIL import Image

from retrograph.cli.explain_report import Printed, announce, report
from retrograph.cli.options import (
    add_command,
    add_explaining,
    add_inputs,
    add_output,
    add_precision,
    add_preprocessing,
    add_straight_through,
    explain_settings,
    given_inputs,
    input_files,
)
from retrograph.cli.progress import Mistakes, progress_bar
from retrograph.cli.spelling import as_option
from retrograph.cli.terminal import complain, console, visible
from retrograph.errors import spelled
from retrograph.model import Model
from retrograph.output import make_folder
from retrograph.pipeline.comparing import (
    MOST_ROWS,
    comparison_title,
    first_inputs,
    left_out_reasons,
)
from retrograph.pipeline.destination import Destination
from retrograph.pipeline.distance import tell_distance
from retrograph.pipeline.opening import open_comparison
from retrograph.render import save_picture
from retrograph.results.base import json_text
from retrograph.results.comparison import ComparisonTable, comparison_dict
from retrograph.results.explanation import Explanation

_EXAMPLES = f"""\
  retrograph compare net.onnx dog.jpg cat.jpg --preprocess imagenet --labels imagenet.txt
  retrograph compare net.onnx photos/ --method gradient,guided,grad-cam,layer-cam -o compare.png
  retrograph compare net.onnx dog.jpg --layer relu3 --unit 17
  retrograph compare net.onnx dog.jpg --method guided,rectgrad --param rectgrad.quantile=0.9

One picture, compare.png if -o names no other: a row for each input, a column for each method. Under
the rows it says what the colours mean, and what is to be known of a method on this model. At most
{MOST_ROWS} rows; a method's graph is built once for all. Inputs: see `retrograph help inputs`.

A method that cannot be built for the model (one for ReLUs where there are none, an operator that it
cannot treat) is reported in one line, its column is left out, and the exit code stays 0; where no
method is left it is 2 or 3. One bad input of several is reported, the others go on, and the exit
code is 2. Nothing is replaced without --force.

--json prints an object: methods, parameters, left_out {{method: reason}}, layer, wrt, tensor,
device, preprocessing, file, notes, explained, a list as in `retrograph explain`.
"""


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = add_command(commands, "compare", "methods side by side in one picture", _EXAMPLES)
    add_inputs(parser)
    add_explaining(parser, "gradient,deconvnet,guided")
    add_precision(parser)
    add_straight_through(parser)
    add_output(parser)
    add_preprocessing(parser)
    parser.set_defaults(run=_run, top=1, batch=1)


def _run(args: argparse.Namespace) -> int:
    destination = Destination(
        args.output,
        [*input_files(args), args.model],
        single="compare.png",
        arrays=False,
        force=args.force,
    )
    settings, inputs = explain_settings(args), given_inputs(args)
    out = console(stderr=args.json)
    model = Model(args.model)
    with out.status("building"):
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


def _save(page: Image.Image, destination: Destination) -> str:
    assert destination.file is not None
    make_folder(destination.file.parent)
    save_picture(page, destination.file, force=destination.force)
    return str(destination.file)
