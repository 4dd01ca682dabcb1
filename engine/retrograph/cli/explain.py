"""`retrograph explain`: pictures in, pictures beside their attributions out."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from functools import partial

from rich.console import Console

from retrograph.cli import results
from retrograph.cli.closeness import told
from retrograph.cli.options import (
    add_command,
    add_explaining,
    add_output,
    add_precision,
    add_preprocessing,
    add_straight_through,
    chosen_preprocessing,
)
from retrograph.cli.progress import Mistakes, with_progress
from retrograph.cli.session import Session, open_session, set_context
from retrograph.cli.terminal import console, count, grid
from retrograph.errors import InputError
from retrograph.model import Model
from retrograph.pipeline.destination import Destination, Files
from retrograph.pipeline.labels import model_labels
from retrograph.pipeline.loader import Job, jobs
from retrograph.prefetch import prefetch_map
from retrograph.preprocess import BadItem
from retrograph.results.context import ExplainContext
from retrograph.results.explanation import Explanation
from retrograph.results.figure import has_figure

_EXAMPLES = """\
  retrograph explain net.onnx dog.jpg --preprocess imagenet --labels imagenet.txt
  retrograph explain net.onnx dog.jpg --method gradient,deconvnet,guided
  retrograph explain net.onnx dog.jpg --unit "golden retriever" --labels imagenet.txt
  retrograph explain net.onnx dog.jpg --layer relu3 --unit 17          channel 17, at its strongest
  retrograph explain net.onnx dog.jpg --layer relu3 --unit 17,4,5      the unit at row 4, column 5
  retrograph explain net.onnx photos/ --top 3 -o maps/                 a folder, three classes each
  retrograph explain net.onnx test.npz --layer relu3 --sheet 5x5 -o sheet.png
  retrograph explain net.guided.onnx dog.jpg                           a graph that build has made
  retrograph explain dna.onnx promoters.fa --alphabet ACGT             letters, by their channels

Inputs: pictures, and folders and archives of them (.zip, .tar, .tar.gz), what is hidden left out;
.npy and .npz, bytes as pictures, floats as the model's input as it is; .csv, a picture a row, whose
header, if any, says where the label and the pixels stand (without one, a value more than a picture
has is its label). A model of several inputs takes .npz files with an array by the name of each. A
model of a fixed batch of N is run on N inputs at once, the last one repeated; one of an open batch
on --batch N, with the same results up to rounding. Inputs are decoded ahead, and pictures drawn
while the next input is run.
Videos, [N, T, C, H, W] or [N, C, T, H, W]: animated GIF or WebP, folders and archives of them or of
folders of frames, each folder a video in the order of the numbers in its names, and arrays; as many
frames as the model takes, evenly spaced. They are drawn as strips of frames.
Sequences of letters, [N, C, L] or [N, L, C]: FASTA (.fa, .fasta, .faa, .fna, also .gz), one-hot by
--alphabet or the alphabet in the model's metadata: a letter for each channel in order, "." for a
channel that is none ("29." for 29 of them), or a name: dna ACGT, rna ACGU, protein in the order
ACDEFGHIKLMNPQRSTVWY. What is short is padded with zeros, what is long is cut, unknown letters are
all zero: a note says so. With an alphabet arrays are drawn with their letters, too.

Outputs: INPUT.LAYER.METHOD.png in the folder -o, or the picture -o; what cannot be drawn is kept
as .npz, with the arrays input, score, unit and attribution_METHOD. Nothing is replaced without
--force. One bad input of several is reported, the others go on, and the exit code is 2.

--json prints an object: methods, parameters, layer, tensor, device, notes, explained, a list of
{input, file, note, units: [{unit, name, activation, blank}], classes: [{class, name, score}]}.
"""


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = add_command(commands, "explain", "what in a picture drives a unit?", _EXAMPLES)
    add_explaining(parser, "guided")
    add_precision(parser)
    add_straight_through(parser)
    parser.add_argument("--top", type=count, default=1, metavar="N", help="the N most active units")
    parser.add_argument(
        "--batch", type=count, default=1, metavar="N", help="inputs a run, where that is open (1)"
    )
    output = add_output(parser)
    output.add_argument(
        "--sheet", type=grid, metavar="RxC", help="one sheet of the strongest, such as 5x5"
    )
    output.add_argument("--npz", action="store_true", help="keep the arrays beside the pictures")
    add_preprocessing(parser)
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    destination = Destination(
        args.output,
        [*args.inputs, args.model],
        single=None if args.sheet is None else "sheet.png",
        arrays=args.npz,
        force=args.force,
    )
    chosen = chosen_preprocessing(args)
    out = console(stderr=args.json)
    model = Model(args.model)
    labels = model_labels(model, args.labels)
    with out.status("building"):
        session = open_session(args, model, labels)
    context, notes = set_context(args, chosen, model, session, labels)
    results.announce(context, notes, out)
    mistakes = Mistakes()
    distances: list[str] = []
    all_jobs = jobs(args.inputs, session.signature, context.preprocessing, context.coding)
    followed = with_progress(all_jobs, args.inputs, out)
    followed = told(followed, session, context, out, distances)
    if args.sheet is None:
        found = _into_files(followed, session, context, destination, mistakes, out)
    else:
        found = _into_sheet(followed, session, context, destination, mistakes, args.sheet)
        results.report_sheet(found, destination, out)
    if args.json:
        print(results.as_json(found, context, distances))
    return 2 if mistakes.count or not found else 0


def _into_files(
    jobs: Iterable[Job | BadItem],
    session: Session,
    context: ExplainContext,
    destination: Destination,
    mistakes: Mistakes,
    out: Console,
) -> list[Explanation]:
    """Each input into files of its own; one is drawn while the next is run."""
    found: list[Explanation] = []
    checked = _single(jobs, destination) if destination.file else jobs
    explained = _explained(checked, session, context, destination)
    written = prefetch_map(explained, partial(_written, context=context), workers=1, ahead=2)
    for explanation in mistakes.sieve(written):
        results.report(explanation, context, out)
        found.append(explanation.without_arrays())
    return found


def _explained(
    jobs: Iterable[Job | BadItem],
    session: Session,
    context: ExplainContext,
    destination: Destination,
) -> Iterator[tuple[Explanation, Files] | BadItem]:
    """Each input and the files for it, whose names are checked before it is explained."""
    for job in jobs:
        if isinstance(job, BadItem):
            yield job
            continue
        places: dict[int, Files] = {}
        for row, source in enumerate(job.sources):
            name, drawable = source.item.name, has_figure(source.item.array)
            try:
                places[row] = destination.files(name, source.stem, context.tag, drawable=drawable)
            except InputError as error:
                yield BadItem(name, error)
        for row, found in enumerate(session.explained(job) if places else ()):
            if isinstance(found, BadItem):
                yield found
            elif row in places:
                yield found, places[row]


def _written(
    found: tuple[Explanation, Files] | BadItem, context: ExplainContext
) -> Explanation | BadItem:
    if isinstance(found, BadItem):
        return found
    explanation, files = found
    try:
        return results.write(explanation, files, context)
    except InputError as error:
        return BadItem(explanation.name, error)


def _single(jobs: Iterable[Job | BadItem], destination: Destination) -> Iterator[Job | BadItem]:
    """The same jobs, which may be only one of one input where a file's name is given."""
    first: list[Job | BadItem] = []
    for job in jobs:
        first.append(job)
        if sum(len(each.sources) for each in first if isinstance(each, Job)) > 1:
            raise InputError(f"-o {destination.file}: there are several inputs; name a folder")
    return iter(first)


def _into_sheet(
    jobs: Iterable[Job | BadItem],
    session: Session,
    context: ExplainContext,
    destination: Destination,
    mistakes: Mistakes,
    grid: tuple[int, int],
) -> list[Explanation]:
    """The strongest units of all inputs on one sheet."""
    best: list[Explanation] = []
    for job in mistakes.sieve(jobs):
        if any(source.item.shown is None for source in job.sources):
            raise InputError(
                f"{job.sources[0].item.name} is no picture, and --sheet is for pictures; "
                "leave it out"
            )
        for explanation in mistakes.sieve(session.explained(job)):
            best = results.strongest([*best, *explanation.by_unit()], grid)
    if best:
        results.write_sheet(best, context, destination, grid)
    return best
