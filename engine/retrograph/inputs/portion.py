"""The part of some inputs that a share is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from retrograph.errors import InputError, parameter
from retrograph.inputs.loader import (
    Batch,
    Input,
    Signature,
    count_all,
    load_batches,
    read_inputs,
)
from retrograph.inputs.share import Share


@dataclass(frozen=True)
class Portion:
    """A part of some inputs.

    Attributes:
        inputs: what it is read from.
        first: the number of its first one among them.
        end: the number behind its last one, as they were counted.
        stop: where reading stops; None for the last part, which has all that is left.
    """

    inputs: Sequence[Input]
    first: int
    end: int
    stop: int | None

    def batches(
        self, signature: Signature, done: int = 0, workers: int | None = None
    ) -> Iterator[Batch]:
        """Its batches, without so many inputs that are done; else as `load_batches`."""
        start = self.first + done
        return load_batches(self.inputs, signature, start=start, stop=self.stop, workers=workers)


def portion_of(inputs: Sequence[Input], signature: Signature, share: Share) -> Portion:
    """The part of some inputs that a share is: whole batches that follow each other.

    Of a model of several inputs, whose files are run whole, the files are divided.

    Raises:
        InputError: the model has several inputs, and what they take is no file.
    """
    if len(signature.specs) > 1:
        if any(isinstance(value, Mapping) for value in inputs):
            raise InputError(
                f"{parameter('part')} divides files; save what each run takes as an .npz"
            )
        first, end = share.bounds(len(inputs), 1)
        return Portion(inputs[first:end], 0, end - first, None)
    total = count_all(inputs, signature.kind)
    if total is None:
        total = sum(1 for _ in read_inputs(inputs, signature.kind))
    first, end = share.bounds(total, signature.batch)
    return Portion(inputs, first, end, None if share.number == share.of else end)
