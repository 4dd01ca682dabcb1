"""Inputs explained by several runs that are under way at a time."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace

from retrograph.inputs.loader import Input
from retrograph.ir.graph import Shape
from retrograph.model import Model
from retrograph.pipeline.settings import ExplainSettings
from retrograph.runtime.parallel_runs import ParallelRuns, known_size

_MANY = 8
"""So many inputs need not wait for one run with all threads."""
_LARGE = 2**20
"""Numbers of an input; the activations of a larger one need not be in memory twice."""


def settings_for_many(
    model: Model, settings: ExplainSettings, inputs: Sequence[Input]
) -> ExplainSettings:
    """The settings for many inputs: runs of one input each go on side by side.

    Of a few inputs, of large ones and of batches one run has all threads.

    Args:
        model: what explains them.
        settings: what is asked.
        inputs: files, folders, pictures and arrays.

    Raises:
        DeviceError: ONNX Runtime or the device is not there.
        InputError: an option of the device is not written as KEY=VALUE.
    """
    shapes = [tensor.shape for tensor in model.inputs]
    if not _are_many(inputs) or not all(_takes_one(shape, settings.batch) for shape in shapes):
        return settings
    running = settings.running
    runs = ParallelRuns.suited(running.device, running.threads)
    return replace(settings, running=replace(running, side_by_side=runs))


def _are_many(inputs: Sequence[Input]) -> bool:
    """Whether there are many inputs, as far as that is seen without reading them."""
    paths = [each for each in inputs if isinstance(each, (str, os.PathLike))]
    return len(inputs) >= _MANY or any(map(os.path.isdir, paths))


def _takes_one(shape: Shape | None, wanted: int) -> bool:
    """Whether a run takes one input, which is not large."""
    if not shape:
        return False
    first, *item = shape
    rows = first if isinstance(first, int) else wanted
    return rows == 1 and known_size(item) <= _LARGE
