"""A share of some inputs explained, and written as if all of them were."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from retrograph.inputs.loader import Batch, Input, Progress, names_and_stems
from retrograph.inputs.portion import portion_of
from retrograph.inputs.share import Share
from retrograph.pipeline.destination import Destination
from retrograph.pipeline.session import ExplainSession


def share_batches(
    session: ExplainSession,
    inputs: Sequence[Input],
    share: Share | None,
    destination: Destination | None,
    progress: Progress | None,
) -> Iterator[Batch]:
    """What a share of some inputs is run as, in order.

    Args:
        session: explains them.
        inputs: files, folders, pictures and arrays.
        share: which of them; all if None.
        destination: leaves the inputs before the share the file names that they have first claim
            to, so that no two shares write one file.
        progress: takes how many inputs are done, and of how many.

    Raises:
        InputError: the inputs cannot be divided.
    """
    if share is None:
        return session.batches(inputs, progress)
    portion = portion_of(inputs, session.signature, share)
    if destination is not None:
        earlier = names_and_stems(portion.inputs, session.context.kind, portion.first)
        for name, stem in earlier:
            destination.reserve(name, stem, session.context.tag)
    return _followed(portion.batches(session.signature), portion.end - portion.first, progress)


def _followed(batches: Iterator[Batch], total: int, progress: Progress | None) -> Iterator[Batch]:
    done = 0
    for batch in batches:
        yield batch
        done += len(batch.inputs)
        if progress is not None:
            progress(done, total)
