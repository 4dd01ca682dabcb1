"""Methods compared on several inputs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from retrograph.errors import RetrographError
from retrograph.model import Model
from retrograph.pipeline.loader import Job
from retrograph.pipeline.session import ExplainSession
from retrograph.preprocess import BadItem

MOST_ROWS = 100
"""The inputs that one picture shows."""


def comparison_title(model: Model, session: ExplainSession) -> str:
    """The model, and what is asked of it, in two lines."""
    return f"{model.name}\n{session.question}"


def left_out_reasons(session: ExplainSession) -> dict[str, str]:
    """Why methods could not be built for the model, in a line each, by their titles."""
    return {title: _reason(error) for title, error in session.left_out.items()}


def _reason(error: RetrographError) -> str:
    first, *rest = error.message.splitlines()
    return f"{first}; see `retrograph check`" if rest else first


def first_inputs(
    jobs: Iterable[Job | BadItem], tell: Callable[[str], None]
) -> Iterator[Job | BadItem]:
    """The first jobs, of as many inputs as one picture shows.

    Args:
        jobs: in their order.
        tell: takes a note where there are more.
    """
    room = MOST_ROWS
    for job in jobs:
        if isinstance(job, Job) and len(job.sources) > room:
            tell(f"only the first {MOST_ROWS} inputs are shown")
            if room:
                yield replace(job, sources=job.sources[:room])
            return
        if isinstance(job, Job):
            room -= len(job.sources)
        yield job
