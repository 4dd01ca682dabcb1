"""`retrograph explain`: pictures in, pictures beside their attributions out."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain, islice

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from retrograph.cli import results
from retrograph.cli.destination import Destination, Files
from retrograph.cli.feeds import Job, Signature, batches, named_jobs, sources
from retrograph.cli.options import add_command, add_preprocessing, chosen_preprocessing
from retrograph.cli.results import Explanation, Scene
from retrograph.cli.session import Session, chosen_labels, chosen_recipe, open_session
from retrograph.cli.terminal import complain, console, count, grid
from retrograph.errors import InputError
from retrograph.model import Model
from retrograph.preprocess import BadItem, Preprocessing, count_inputs

_EXAMPLES = """\
  retrograph explain net.onnx dog.jpg --preprocess imagenet --labels imagenet.txt
  retrograph explain net.onnx dog.jpg --method gradient,deconvnet,guided
  retrograph explain net.onnx dog.jpg --unit "golden retriever" --labels imagenet.txt
  retrograph explain net.onnx dog.jpg --layer relu3 --unit 17          channel 17, at its strongest
  retrograph explain net.onnx dog.jpg --layer relu3 --unit 17,4,5      the unit at row 4, column 5
  retrograph explain net.onnx photos/ --top 3 -o maps/                 a folder, three classes each
  retrograph explain net.onnx test.npz --layer relu3 --sheet 5x5 -o sheet.png
  retrograph explain net.guided.onnx dog.jpg                           a graph that build has made

Inputs: pictures, and folders of them; .npy and .npz, bytes as pictures, floats as the model's
input as it is; .csv, a picture a row. A model of several inputs takes .npz files with an array by
the name of each. A model of a fixed batch of N is run on N inputs at once, the last one repeated.

Outputs: INPUT.LAYER.METHOD.png in the folder -o, or the picture -o; what cannot be drawn is kept
as .npz, with the arrays input, score, unit and attribution_METHOD. Nothing is replaced without
--force. One bad input of several is reported, the others go on, and the exit code is 2.

--json prints an object: methods, layer, tensor, device, notes, and explained, a list of
{input, file, units: [{unit, name, activation}], classes: [{class, name, score}]}.
"""


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = add_command(commands, "explain", "what in a picture drives a unit?", _EXAMPLES)
    parser.add_argument(
        "inputs", metavar="INPUT", nargs="+", help="pictures, folders, .npy, .npz, .csv"
    )
    parser.add_argument(
        "--method",
        metavar="NAME[,NAME]",
        help="names from `retrograph methods`, guided if none is given; a column each",
    )
    parser.add_argument(
        "--layer", metavar="NAME", help="alias or tensor; the class scores if left out"
    )
    parser.add_argument(
        "--unit", default="top", metavar="UNIT", help="top (default), channel, index or class name"
    )
    parser.add_argument("--top", type=count, default=1, metavar="N", help="the N most active units")
    parser.add_argument("--labels", metavar="FILE", help="class names, a line each")
    parser.add_argument("--wrt", metavar="INPUT", help="the model's input to explain (the first)")
    parser.add_argument("--device", default="auto", help="auto (default), cpu, cuda")
    parser.add_argument("--threads", type=count, help="threads of the runtime")
    output = parser.add_argument_group("output")
    output.add_argument("-o", "--output", metavar="PATH", help="a picture's name, or a folder")
    output.add_argument(
        "--style",
        choices=("signed", "heat", "overlay"),
        help="how attributions are drawn; each method's own way if left out",
    )
    output.add_argument(
        "--sheet", type=grid, metavar="RxC", help="one sheet of the strongest, such as 5x5"
    )
    output.add_argument("--npz", action="store_true", help="keep the arrays beside the pictures")
    output.add_argument("--force", action="store_true", help="replace files that exist")
    output.add_argument("--json", action="store_true", help="print what was explained as JSON")
    add_preprocessing(parser)
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    destination = Destination(
        args.output,
        [*args.inputs, args.model],
        sheet=args.sheet is not None,
        arrays=args.npz,
        force=args.force,
    )
    chosen = chosen_preprocessing(args)
    out = console(stderr=args.json)
    model = Model(args.model)
    labels = chosen_labels(args, model)
    with out.status("building"):
        session = open_session(args, model, labels)
    recipe, note = chosen_recipe(chosen, model, session.signature)
    scene = Scene(
        contract=session.lead.contract,
        preprocessing=recipe,
        labels=labels,
        methods=tuple(session.explainers),
        device=session.lead.device,
        style=args.style,
    )
    results.announce(scene, [note, _batch_note(session.signature)], out)
    mistakes = _Mistakes()
    found_jobs = _with_progress(_jobs(args.inputs, session.signature, recipe), args.inputs, out)
    jobs = mistakes.sieve(found_jobs)
    if args.sheet is None:
        found = _into_files(jobs, session, scene, destination, mistakes, out)
    else:
        found = _into_sheet(jobs, session, scene, destination, mistakes, args.sheet)
        results.report_sheet(found, destination, out)
    if args.json:
        print(results.as_json(found, scene))
    return 2 if mistakes.count or not found else 0


def _batch_note(signature: Signature) -> str:
    if signature.batch == 1:
        return ""
    return f"the model takes batches of {signature.batch}: the last input is repeated to fill one"


def _jobs(
    paths: list[str], signature: Signature, preprocessing: Preprocessing
) -> Iterator[Job | BadItem]:
    if len(signature.specs) > 1:
        return named_jobs(paths, signature, preprocessing)
    return batches(sources(paths, signature.explained.shape, preprocessing), signature)


class _Mistakes:
    """Bad inputs: reported and counted, so that the others go on."""

    def __init__(self) -> None:
        self.count = 0

    @contextmanager
    def reported(self) -> Iterator[None]:
        """Report the mistake that the block meets, and go on after it."""
        try:
            yield
        except InputError as error:
            complain(str(error))
            self.count += 1

    def sieve(self, jobs: Iterable[Job | BadItem]) -> Iterator[Job]:
        """The good ones."""
        for job in jobs:
            if isinstance(job, Job):
                yield job
                continue
            with self.reported():
                raise job.error


def _into_files(
    jobs: Iterator[Job],
    session: Session,
    scene: Scene,
    destination: Destination,
    mistakes: _Mistakes,
    out: Console,
) -> list[Explanation]:
    """Each input into files of its own, whose names are checked before it is explained."""
    found: list[Explanation] = []
    for job in _single(jobs, destination) if destination.file else jobs:
        places: dict[int, Files] = {}
        for row, source in enumerate(job.sources):
            with mistakes.reported():
                drawable = results.is_drawable(source.item.array)
                places[row] = destination.files(
                    source.item.name, source.stem, scene.tag, drawable=drawable
                )
        if not places:
            continue
        with mistakes.reported():
            for row, explanation in enumerate(session.explain(job)):
                if row in places:
                    written = results.write(explanation, places[row], scene)
                    results.report(written, scene, out)
                    found.append(written.without_arrays())
    return found


def _single(jobs: Iterator[Job], destination: Destination) -> Iterator[Job]:
    """The same jobs, which may be only one of one input where a file's name is given."""
    first = list(islice(jobs, 2))
    if sum(len(job.sources) for job in first) > 1:
        raise InputError(f"-o {destination.file}: there are several inputs; name a folder")
    return chain(first, jobs)


def _into_sheet(
    jobs: Iterator[Job],
    session: Session,
    scene: Scene,
    destination: Destination,
    mistakes: _Mistakes,
    grid: tuple[int, int],
) -> list[Explanation]:
    """The strongest units of all inputs on one sheet."""
    best: list[Explanation] = []
    for job in jobs:
        if any(source.item.shown is None for source in job.sources):
            raise InputError(
                f"{job.sources[0].item.name} is no picture, and --sheet is for pictures; "
                "leave it out"
            )
        with mistakes.reported():
            for explanation in session.explain(job):
                best = results.strongest([*best, *explanation.by_unit()], grid)
    if best:
        results.write_sheet(best, scene, destination, grid)
    return best


def _with_progress(
    jobs: Iterable[Job | BadItem], paths: Sequence[str], out: Console
) -> Iterator[Job | BadItem]:
    """The same, with a bar on a terminal."""
    columns = (
        TextColumn("explaining"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    hidden = not out.is_terminal
    with Progress(*columns, console=out, transient=True, disable=hidden) as progress:
        task = progress.add_task("", total=count_inputs(paths))
        for job in jobs:
            yield job
            progress.advance(task, len(job.sources) if isinstance(job, Job) else 1)
