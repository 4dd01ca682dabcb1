"""A data set scanned in parts, on several machines, and the scan that is made of them.

>>> retrograph.scan_part("net.onnx", "photos/", part=(3, 8), layers=["relu5"], out="run/")
>>> scan = retrograph.merge_scans("run/", out="run/")    # when all parts are there
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

from retrograph.inputs.loader import Input
from retrograph.keywords import checked_keywords
from retrograph.model import Source
from retrograph.pipeline.labels import Labels
from retrograph.preprocess import Preprocessing
from retrograph.scanning.parts import ScanPart, merge_parts
from retrograph.scans import Progress, Scan, plan_scan


@checked_keywords
def scan_part(
    model: Source,
    inputs: Input | Iterable[Input],
    *,
    part: tuple[int, int],
    layers: str | Sequence[str],
    out: str | os.PathLike[str],
    channels: Sequence[int] | None = None,
    k: int = 9,
    batch: int = 32,
    labels: Labels | None = None,
    alphabet: str | None = None,
    sample_rate: int | None = None,
    preprocessing: Preprocessing | str | None = None,
    device: str = "auto",
    threads: int | None = None,
    workers: int | None = None,
    force: bool = False,
    progress: Progress | None = None,
) -> ScanPart:
    """Scan one of several parts of the inputs, on a machine of its own; see `merge_scans`.

    Parts are whole batches that follow each other. One that was interrupted goes on where it
    stopped.

    Args:
        part: which one and of how many, such as (3, 8), from (1, 8) on.
        out: the folder of the part's file, "part-3-of-8.sqlite"; all parts may have the same.
        model, inputs, layers, channels, k, batch, labels, alphabet, sample_rate, preprocessing,
            device, threads, workers: as in `scan`, the same for all parts; of `inputs` all, in
            files.
        force: whether a part that is in the folder is replaced.
        progress: is called with how many inputs of the part are done; None for how many there are.

    Raises:
        InputError: as in `scan`, or there is no such part.
        DeviceError: ONNX Runtime or the device is not there.
    """
    plan = plan_scan(
        model,
        inputs,
        layers=layers,
        channels=channels,
        k=k,
        batch=batch,
        labels=labels,
        alphabet=alphabet,
        sample_rate=sample_rate,
        preprocessing=preprocessing,
        device=device,
        threads=threads,
        workers=workers,
    )
    on_batch = None if progress is None else (lambda done, _: progress(done, None))
    return plan.run_part(part, out, force=force, on_batch=on_batch)


@checked_keywords
def merge_scans(
    parts: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    *,
    out: str | os.PathLike[str],
    force: bool = False,
    progress: Progress | None = None,
) -> Scan:
    """Make the scan of its parts: the same bytes as one pass over all inputs gives.

    Args:
        parts: all parts, in any order: files that `scan_part` made, or folders that hold some.
        out: the folder of the store; it is made.
        force: whether a store that is there is replaced.
        progress: is called with how many parts are taken in, and of how many.

    Raises:
        InputError: a part is missing, unfinished, there twice or of another scan, no input is
            good, or the store cannot be written.
    """
    paths = [parts] if isinstance(parts, (str, os.PathLike)) else list(parts)
    return Scan(merge_parts(paths, out, force=force, progress=progress))
