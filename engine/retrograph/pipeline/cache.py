"""One call that explains; its graphs stay ready for the next."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from onnx import ModelProto

from retrograph.errors import InputError
from retrograph.explainer import Explainer
from retrograph.methods import Method
from retrograph.model import Model
from retrograph.results.attribution import Attribution
from retrograph.runtime import Array

KEPT = 4
"""How many graphs stay ready; the one unused for longest gives way."""


def explain(
    model: str | os.PathLike[str] | ModelProto | Model,
    x: Array | Mapping[str, Array],
    unit: ArrayLike | None = None,
    *,
    method: str | Method = "guided",
    layer: str | None = None,
    device: str = "auto",
    threads: int | None = None,
    outputs: bool = True,
    precision: str | None = None,
    straight_through: bool | None = None,
) -> Attribution:
    """What in a batch of N inputs drives a unit.

    The graph is built and made ready by the first call; later ones with the same model, method,
    layer, kind of unit and device only run it. The last four stay in memory. A file that has
    changed is read again.

    Args:
        model: a path to an .onnx file, or a model in memory; one that is no `Model` is copied and
            digested by each call.
        x: the input [N, ...], or an array for each input by its name where the model has several.
        unit: the most active one if None; a number for a channel, at its most active position, or
            for a class; else the unit's index in an item of the layer, [r] or [N, r].
        method: as in `build`.
        layer: as in `build`.
        device, threads, outputs, precision, straight_through: as in `Explainer`.

    Raises:
        InputError: what was given is wrong: the file, the layer, the method, the unit, the input.
        DeviceError: ONNX Runtime or the device is not there.
        UnsupportedError: the graph cannot be built.

    Example:
        >>> retrograph.explain("net.onnx", x).attribution                  # the class on top
        >>> retrograph.explain("net.onnx", x, 207).attribution             # class 207
        >>> retrograph.explain("net.onnx", x, (17, 4, 5), layer="relu3").attribution
    """
    source = _source(model)
    kind = "top" if unit is None else "unit" if np.ndim(unit) else "channel"
    ready = _ready(
        source, kind, method, layer, device, threads, outputs, precision, straight_through
    )
    return ready.attribute(x, unit)


def _source(given: str | os.PathLike[str] | ModelProto | Model) -> _File | _Held | Model:
    if isinstance(given, Model):
        return given
    if isinstance(given, (str, os.PathLike)):
        return _file(given)
    model = Model(given)
    return _Held(model.sha256, model)


@dataclass(frozen=True)
class _Held:
    """A model in memory, as it is now: what it holds says whether it is the same."""

    digest: str
    model: Model = field(compare=False)


class _File(NamedTuple):
    """A file as it is now."""

    path: Path
    size: int
    written: int


def _file(given: str | os.PathLike[str]) -> _File:
    path = Path(given).absolute()
    try:
        found = path.stat()
    except OSError as error:
        raise InputError(f"{given}: {error.strerror}; check the path") from None
    return _File(path, found.st_size, found.st_mtime_ns)


@lru_cache(maxsize=KEPT)
def _ready(
    source: _File | _Held | Model,
    select: str,
    method: Any,
    layer: str | None,
    device: str,
    threads: int | None,
    outputs: bool,
    precision: str | None,
    straight_through: bool | None,
) -> Explainer:
    return Explainer(
        _opened(source),
        method=method,
        layer=layer,
        select=select,
        device=device,
        threads=threads,
        outputs=outputs,
        precision=precision,
        straight_through=straight_through,
    )


def _opened(source: _File | _Held | Model) -> Path | Model:
    match source:
        case _File():
            return source.path
        case _Held():
            return source.model
    return source
