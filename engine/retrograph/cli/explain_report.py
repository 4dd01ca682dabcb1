"""What `retrograph explain` and its kin print."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from retrograph.cli.options import input_files
from retrograph.cli.spelling import as_option
from retrograph.cli.terminal import print_lines, print_notes, visible
from retrograph.errors import spelled
from retrograph.inputs import PreprocessingChoice
from retrograph.pipeline.destination import Destination
from retrograph.pipeline.objective_session import ObjectiveSession
from retrograph.pipeline.opening import question_first
from retrograph.pipeline.session import ExplainSession
from retrograph.pipeline.settings import ExplainSettings
from retrograph.results.caption import parameter_lines, printed_lines
from retrograph.results.explanation import Explanation
from retrograph.results.notes import gather_notes

_MOST_FOUND = 12
"""The boxes that are listed."""


def destination_for(
    args: argparse.Namespace, settings: ExplainSettings, single: str | None, *, arrays: bool
) -> Destination:
    """Where the answer to a question goes."""
    files = [*input_files(args), args.model]
    with question_first(args.model, settings):
        return Destination(args.output, files, single=single, arrays=arrays, force=args.force)


def announce(session: ExplainSession, out: Console) -> None:
    """Say what is going to be explained, and what should be known of it."""
    context, notes = session.context, session.notes
    contract = context.contract
    tensor = contract.layer.removeprefix(contract.alias)
    source: list[str | tuple[str, str]] = [
        " from layer ",
        (visible(contract.alias), "bold"),
        visible(tensor),
    ]
    if isinstance(session, ObjectiveSession):
        source = [": ", (visible(session.question), "bold"), ","]
    head = Text.assemble(
        (", ".join(context.methods), "bold"),
        *source,
        visible(f" to '{contract.explained[0]}' on {context.device}"),
    )
    out.print(head, soft_wrap=True)
    for line in parameter_lines(context):
        out.print(visible(line), soft_wrap=True)
    print_notes(out, (*notes, *map(str, gather_notes(context.contracts))))
    announce_preprocessing(context.preprocessing, context.labels, out)


def announce_preprocessing(
    choice: PreprocessingChoice | None, labels: Sequence[str], out: Console
) -> None:
    """Say how pictures become the input, where nobody said it or it looks wrong."""
    if choice is not None and (choice.warning(labels) or choice.source not in ("given", "stored")):
        print_preprocessing(choice, choice.note(labels), labels, out)


def print_preprocessing(
    choice: PreprocessingChoice, note: str, labels: Sequence[str], out: Console
) -> None:
    """Say how it is known how pictures become the input, and loudly what looks wrong."""
    print_notes(out, [note])
    warning = choice.warning(labels)
    if warning:
        text = Text(f"warning: {visible(spelled(warning, as_option))}", "bold yellow")
        out.print(text, soft_wrap=True)


def report(explanation: Explanation, out: Console) -> None:
    """Print what was explained, and where it is if that is a file of its own."""
    where = [] if explanation.file is None else [f"-> {explanation.file}"]
    found = explanation.found.lines
    more = [f"   ... {len(found) - _MOST_FOUND} more"] if len(found) > _MOST_FOUND else []
    listed = [f"   {line}" for line in found[:_MOST_FOUND]] + more
    told = (*printed_lines(explanation), *listed, *where)
    print_lines(
        out, visible(explanation.name), [f"  {visible(spelled(line, as_option))}" for line in told]
    )


class Printed:
    """Takes lines, prints them as they come and keeps them.

    Attributes:
        lines: those that came.
    """

    def __init__(self, out: Console, before: str = "") -> None:
        self.lines: list[str] = []
        self._out, self._before = out, before

    def __call__(self, line: str) -> None:
        """Print a line."""
        self.lines.append(line)
        text = visible(spelled(line, as_option))
        self._out.print(f"{self._before}{text}", soft_wrap=True)
