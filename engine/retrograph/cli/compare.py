"""`retrograph compare`: methods side by side, in one labelled picture."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from PIL import Image
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
from retrograph.cli.session import open_comparison, set_context
from retrograph.cli.terminal import complain, console, visible
from retrograph.errors import InputError, RetrographError
from retrograph.model import Model
from retrograph.output import make_folder
from retrograph.pipeline.destination import Destination
from retrograph.pipeline.labels import model_labels
from retrograph.pipeline.loader import Job, jobs
from retrograph.pipeline.units import UnitChoice
from retrograph.preprocess import BadItem
from retrograph.render import SCALE, Style, Table, save_picture, values_key
from retrograph.results.context import ExplainContext
from retrograph.results.explanation import Explanation
from retrograph.results.maps import (
    attribution_picture,
    has_picture,
    input_picture,
    is_coloured,
    is_drawable,
    style_of,
)
from retrograph.results.notes import Note, gather_notes
from retrograph.results.unit_names import describe_channel

_MOST_ROWS = 100

_EXAMPLES = f"""\
  retrograph compare net.onnx dog.jpg cat.jpg --preprocess imagenet --labels imagenet.txt
  retrograph compare net.onnx photos/ --method gradient,guided,grad-cam,layer-cam -o compare.png
  retrograph compare net.onnx dog.jpg --layer relu3 --unit 17
  retrograph compare net.onnx dog.jpg --method guided,rectgrad --param rectgrad.quantile=0.9

One picture, compare.png if -o names no other: a row for each input, a column for each method. Under
the rows it says what the colours mean, and what is to be known of a method on this model. Inputs
are as in `retrograph explain`, at most {_MOST_ROWS} rows; a method's graph is built once for all.

A method that cannot be built for the model (one for ReLUs where there are none, an operator that it
cannot treat) is reported in one line, its column is left out, and the exit code stays 0; where no
method is left it is 2 or 3. One bad input of several is reported, the others go on, and the exit
code is 2. Nothing is replaced without --force.

--json prints an object: methods, parameters, left_out {{method: reason}}, layer, tensor, device,
file, notes, explained, a list as in `retrograph explain`.
"""


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = add_command(commands, "compare", "methods side by side in one picture", _EXAMPLES)
    add_explaining(parser, "gradient,deconvnet,guided")
    add_precision(parser)
    add_straight_through(parser)
    add_output(parser)
    add_preprocessing(parser)
    parser.set_defaults(run=_run, top=1, batch=1)


def _run(args: argparse.Namespace) -> int:
    destination = Destination(
        args.output,
        [*args.inputs, args.model],
        single="compare.png",
        arrays=False,
        force=args.force,
    )
    chosen = chosen_preprocessing(args)
    out = console(stderr=args.json)
    model = Model(args.model)
    labels = model_labels(model, args.labels)
    with out.status("building"):
        session, refused = open_comparison(args, model, labels)
    context, notes = set_context(args, chosen, model, session, labels)
    results.announce(context, notes, out)
    left_out = {name: _reason(error) for name, error in refused.items()}
    for name, reason in left_out.items():
        complain(f"{name} is left out: {reason}")
    mistakes = Mistakes()
    distances: list[str] = []
    all_jobs = _first(
        jobs(args.inputs, session.signature, context.preprocessing, context.coding), out
    )
    followed = with_progress(all_jobs, args.inputs, out)
    good_jobs = mistakes.sieve(told(followed, session, context, out, distances))
    comparison = _Comparison(context)
    for job in good_jobs:
        for found in mistakes.sieve(session.explained(job)):
            with mistakes.reported():
                comparison.add(found)
                results.report(found, context, out)
    file = None
    if comparison.found:
        title = f"{Path(args.model).name}\n{_question(session.choice, context)}"
        file = _save(comparison.page(title, left_out), destination)
        out.print(f"-> {visible(file)}", soft_wrap=True)
    if args.json:
        print(results.as_json(comparison.found, context, distances, left_out=left_out, file=file))
    return 2 if mistakes.count or file is None else 0


def _first(jobs: Iterable[Job | BadItem], out: Console) -> Iterator[Job | BadItem]:
    """The first jobs, of as many inputs as the picture has rows."""
    room = _MOST_ROWS
    for job in jobs:
        if isinstance(job, Job) and len(job.sources) > room:
            out.print(f"note: only the first {_MOST_ROWS} inputs are shown", soft_wrap=True)
            if room:
                yield replace(job, sources=job.sources[:room])
            return
        if isinstance(job, Job):
            room -= len(job.sources)
        yield job


def _reason(error: RetrographError) -> str:
    """Why a method cannot be built, in one line."""
    first, *rest = str(error).splitlines()
    return f"{first}; see `retrograph check`" if rest else first


def _question(choice: UnitChoice, context: ExplainContext) -> str:
    """What is asked of every input."""
    if choice.index is None:
        unit = "the most active unit of each input"
    elif choice.select == "channel":
        channel = describe_channel(choice.index[0], context.channel_names)
        unit = f"{channel} where it is most active"
    else:
        unit = context.unit(choice.index)
    return f"{context.contract.alias} ('{context.contract.target}') · {unit}"


def _save(page: Image.Image, destination: Destination) -> str:
    assert destination.file is not None
    make_folder(destination.file.parent)
    save_picture(page, destination.file, force=destination.force)
    return str(destination.file)


class _Comparison:
    """Rows of pictures, added one after the other.

    Attributes:
        found: what was explained, without arrays.
    """

    def __init__(self, context: ExplainContext) -> None:
        self.found: list[Explanation] = []
        self._context = context
        self._notes = gather_notes(context.contracts)
        self._table = Table(["input", *map(self._titled, context.methods)])
        self._drawn: dict[tuple[Style | None, bool], dict[str, None]] = {}
        """The columns by their style, None for an input, and whether colours are apart."""

    def add(self, found: Explanation) -> None:
        """A row for an input.

        Raises:
            InputError: it cannot be drawn.
        """
        if not is_drawable(found, self._context):
            raise InputError(
                f"{found.name} has {found.array.ndim} axes and cannot be drawn; keep its arrays "
                "with `retrograph explain --npz`"
            )
        context = self._context
        maps = [attribution_picture(found, context, method) for method in context.methods]
        caption = "\n".join([Path(found.name).name, *results.unit_lines(found, context)])
        self._table.add(caption, [input_picture(found, context), *maps])
        if not has_picture(found, context):
            self._drawn.setdefault((None, False), {})["input"] = None
        for method in context.methods:
            style = style_of(method, found, context)
            coloured = style.has_sign and is_coloured(method, found, context)
            self._drawn.setdefault((style, coloured), {})[method] = None
        self.found.append(found.without_arrays())

    def page(self, title: str, left_out: Mapping[str, str]) -> Image.Image:
        """The rows, with what is to be known of them."""
        keys = [
            (", ".join(names), style.key(coloured=coloured) if style else values_key())
            for (style, coloured), names in self._drawn.items()
        ]
        return self._table.page(
            title,
            keys,
            [
                *(f"{self._mark(note)} {note}".strip() for note in self._notes),
                *results.parameter_lines(self._context),
                *(f"{name} is left out: {reason}" for name, reason in left_out.items()),
                SCALE,
            ],
        )

    def _titled(self, method: str) -> str:
        """A method's name and the marks of its notes."""
        marks = [self._mark(note) for note in self._notes if method in note.methods]
        return " ".join([method, *marks])

    def _mark(self, note: Note) -> str:
        """What leads from a column to a note of its method, such as [1]."""
        own = [each for each in self._notes if each.methods]
        return f"[{own.index(note) + 1}]" if note.methods else ""
