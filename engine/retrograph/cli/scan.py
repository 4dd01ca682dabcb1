"""`retrograph scan`: which pictures of a data set make a layer's channels fire, and where."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from functools import partial

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from retrograph.cli.options import add_command, add_device, add_preprocessing, chosen_preprocessing
from retrograph.cli.scan_report import announce, as_json, print_report
from retrograph.cli.terminal import channels, complain, console, count, visible
from retrograph.model import Model
from retrograph.pipeline.alphabet import choose_coding
from retrograph.pipeline.labels import model_labels
from retrograph.pipeline.loader import Job, Signature, named_jobs
from retrograph.pipeline.recipe import recipe_for
from retrograph.preprocess import BadItem, Item, Preprocessing
from retrograph.scanning import Batch, ProbeSession, Scanner

_EXAMPLES = """\
  retrograph scan net.onnx photos/ --layer relu5 --preprocess imagenet -o run/
  retrograph scan net.onnx photos.zip --layer relu5,relu4 --channels 0-63,70 -k 16 -o run/
  retrograph scan net.onnx digits.npz --layer scores -o run/
  sqlite3 run/scan.sqlite "SELECT name, activation FROM top JOIN picture ON picture = id
                           WHERE layer = 'relu5' AND channel = 17 ORDER BY rank"

Inputs: pictures, and folders and archives of them (.zip, .tar, .tar.gz, .tgz, .tar.bz2, .tar.xz;
nothing is unpacked to disk); .npy and .npz, bytes as pictures, floats as the model's input as it
is; .csv, a picture a row, whose header, if any, says where the label and the pixels stand. What is
hidden is left out. Classes: the folders of a folder or archive, where all its pictures lie in such,
or the labels in a .csv. A model of several inputs takes .npz files with an array by the
name of each.

The store is RUN/scan.sqlite; SCAN.md says what its tables hold. A scan that is interrupted goes on
where it stopped when the same command is given again. One bad input of several is reported, kept
as a problem in the store and skipped, and the exit code is 2.

Words: a channel's peak in a picture is its greatest activation there; it fires in a picture if its
peak is above 0, and is dead if it fires in none. A class drives a channel that fires in more than
half of the class's pictures. Selectivity is the index of Morcos et al. (2018): (a - b) / (a + b)
of the class's mean peak a and the mean b of the others', peaks below 0 taken as 0.

--json prints an object: store, pictures {good, bad}, problems [{name, problem}], classes, layers
[{alias, tensor, shape, receptive_field, channels, dead, driven_by_most, selective [{channel,
class, strength, mean_peak, fires, classes}]}].
"""

_MOST_TOLD = 20
"""So many bad inputs are told one by one."""

_MOST_NOTES = 5
"""So many different notes on inputs are told, each with the first that it is of."""


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    summary = "which pictures of a data set make a neuron fire, and where?"
    parser = add_command(commands, "scan", summary, _EXAMPLES)
    parser.add_argument(
        "inputs", metavar="INPUT", nargs="+", help="pictures, folders, archives, .npy, .npz, .csv"
    )
    parser.add_argument(
        "--layer", required=True, metavar="NAME[,NAME]", help="aliases or tensors, see layers"
    )
    parser.add_argument(
        "--channels", type=channels, metavar="LIST", help="such as 0-63,70; all if left out"
    )
    parser.add_argument(
        "-k", type=count, default=9, metavar="K", help="strongest units kept of a channel (9)"
    )
    parser.add_argument(
        "--batch", type=count, default=32, metavar="N", help="inputs a run, where that is open (32)"
    )
    parser.add_argument(
        "--labels", metavar="FILE", help="class names of the model: a line each, JSON, YAML"
    )
    parser.add_argument(
        "--alphabet", metavar="LETTERS", help="of a sequence's channels: dna, rna, protein, ACGT"
    )
    add_device(parser)
    parser.add_argument("--threads", type=count, help="threads of the runtime")
    parser.add_argument("--workers", type=count, metavar="N", help="threads that decode pictures")
    output = parser.add_argument_group("output")
    output.add_argument("-o", "--output", required=True, metavar="RUN", help="a folder")
    output.add_argument("--force", action="store_true", help="start anew whatever is in RUN")
    output.add_argument("--json", action="store_true", help="print what was found as JSON")
    add_preprocessing(parser)
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    chosen = chosen_preprocessing(args)
    out = console(stderr=args.json)
    model = Model(args.model)
    labels = model_labels(model, args.labels)
    names = [name.strip() for name in args.layer.split(",")]
    with out.status("building"):
        session = ProbeSession(model, names, args.device, args.threads)
    signature = Signature(session.inputs, session.input, session.axes)
    coding, unlettered = choose_coding(model, session.input.shape, args.alphabet)
    recipe, unscaled = recipe_for(chosen, model, signature)
    scanner = Scanner(
        session,
        args.inputs,
        channels=args.channels,
        k=args.k,
        preprocessing=recipe,
        coding=coding,
        batch=args.batch,
        workers=args.workers,
        labels=labels,
        file=args.model,
    )
    notes = [unscaled if coding is None else "", unlettered, signature.note]
    announce(scanner, [note for note in notes if note], out)
    source = None if len(session.inputs) == 1 else partial(_named, args.inputs, signature, recipe)
    try:
        with _Watch(scanner.count() if source is None else None, out) as watch:
            scan = scanner.run(args.output, force=args.force, taken=watch.taken, batches=source)
    except KeyboardInterrupt:
        complain("interrupted; the same command goes on where it stopped")
        return 130
    if not watch.ran:
        out.print("done already")
    print_report(scan, out)
    if args.json:
        print(as_json(scan))
    return 2 if scan.problems else 0


def _named(
    paths: Sequence[str], signature: Signature, recipe: Preprocessing, start: int
) -> Iterator[Batch]:
    """For a model of several inputs: what each .npz holds, from the input of that number on."""
    number = 0
    for job in named_jobs(paths, signature, recipe):
        inputs = [s.item for s in job.sources] if isinstance(job, Job) else [job]
        if number >= start:
            yield Batch(inputs, job.feeds if isinstance(job, Job) else {})
        number += len(inputs)


class _Watch:
    """Tells of inputs as they are done: a bar on a terminal, a line for each bad one, and notes.

    Bad inputs before the first good one wait until there is one: where none is, the error at the
    end says it all.

    Attributes:
        ran: whether anything was told.
    """

    def __init__(self, total: int | None, out: Console) -> None:
        self.ran = False
        self._out, self._good = out, False
        self._waiting: list[BadItem] = []
        self._told = 0
        self._notes = set[str]()
        self._bar = Progress(
            TextColumn("scanning"),
            BarColumn(),
            MofNCompleteColumn(),
            _Rate(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=out,
            transient=True,
            disable=not out.is_terminal,
        )
        self._task = self._bar.add_task("", total=total)

    def __enter__(self) -> _Watch:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()
        if self._told > _MOST_TOLD:
            complain(f"{self._told - _MOST_TOLD} more are bad; the store's table picture says why")

    def taken(self, done: int, found: Sequence[Item | BadItem]) -> None:
        """So many are done, these of them just now."""
        if done and not self.ran:
            self._out.print(f"going on after {done:,} inputs")
        self.ran = True
        self._bar.update(self._task, completed=done)
        self._good = self._good or len(found) > sum(isinstance(each, BadItem) for each in found)
        for each in found:
            if isinstance(each, Item):
                self._note(each)
        self._waiting += [each for each in found if isinstance(each, BadItem)]
        while self._good and self._waiting:
            bad = self._waiting.pop(0)
            self._told += 1
            if self._told <= _MOST_TOLD:
                complain(str(bad.error))

    def _note(self, item: Item) -> None:
        if item.note and item.note not in self._notes and len(self._notes) < _MOST_NOTES:
            self._notes.add(item.note)
            self._out.print(visible(f"note: {item.name}: {item.note}"), soft_wrap=True)


class _Rate(ProgressColumn):
    """How many inputs a second."""

    def render(self, task: Task) -> Text:
        """The rate of the last half minute."""
        return Text("" if task.speed is None else f"{task.speed:,.0f}/s")
