"""Methods compared on several inputs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from retrograph.errors import InputError, RetrographError, command
from retrograph.inputs.loader import Batch, Input, Progress
from retrograph.model import Model
from retrograph.pipeline.distance import tell_distance
from retrograph.pipeline.session import ExplainSession
from retrograph.preprocess import BadInput
from retrograph.results.comparison import Comparison
from retrograph.results.explanation import Explanation

MOST_ROWS = 100
"""The inputs that one picture shows."""


def compare_all(
    model: Model,
    session: ExplainSession,
    inputs: Sequence[Input],
    progress: Progress | None = None,
) -> Comparison:
    """What each method of a session shows of each input.

    Raises:
        InputError: no input can be explained; the reason of the first.
    """
    notes: list[str] = []
    batches = first_inputs(session.batches(inputs, progress), notes.append)
    results = [*session.explain_all(tell_distance(batches, session, notes.append))]
    bad = [each for each in results if isinstance(each, BadInput)]
    explanations = tuple(each for each in results if isinstance(each, Explanation))
    if not explanations:
        raise bad[0].error if bad else InputError("there is no input; give at least one")
    return Comparison(
        context=session.context,
        title=comparison_title(model, session),
        explanations=explanations,
        left_out=left_out_reasons(session),
        bad={each.name: str(each.error) for each in bad},
        notes=(*session.notes, *notes),
    )


def comparison_title(model: Model, session: ExplainSession) -> str:
    """The model, and what is asked of it, in two lines."""
    return f"{model.name}\n{session.picture_question}"


def left_out_reasons(session: ExplainSession) -> dict[str, str]:
    """Why methods could not be built for the model, in a line each, by their titles."""
    return {title: _reason(error) for title, error in session.left_out.items()}


def _reason(error: RetrographError) -> str:
    first, *rest = error.message.splitlines()
    return f"{first}; see {command('check')}" if rest else first


def first_inputs(batches: Iterable[Batch], tell: Callable[[str], None]) -> Iterator[Batch]:
    """The first batches, of as many inputs as one picture shows.

    Args:
        batches: in their order.
        tell: takes a note where there are more.
    """
    room = MOST_ROWS
    for batch in batches:
        if len(batch.items) > room:
            tell(f"only the first {MOST_ROWS} inputs are shown")
            if room:
                yield Batch(batch.items[:room], batch.feeds)
            return
        room -= len(batch.items)
        yield batch
