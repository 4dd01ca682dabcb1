"""Explanations of a data set on a Ray cluster, as columns."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from retrograph.inputs.loader import Input, batch_items
from retrograph.methods.chosen import MethodChoice
from retrograph.model import Model
from retrograph.on_ray.cluster import Actors, ray_data
from retrograph.on_ray.columns import Columns, first_inputs
from retrograph.pipeline.labels import Labels
from retrograph.pipeline.opening import open_session
from retrograph.pipeline.settings import ExplainSettings, Question, Reading, Running
from retrograph.pipeline.units import Unit
from retrograph.preprocess import BadInput, Item, Preprocessing
from retrograph.results.explanation import Explanation
from retrograph.runtime import Array

_BATCHES = 8
"""Of a block."""


def explain(
    dataset: Any,
    model: str | os.PathLike[str],
    *,
    column: str | None = None,
    method: MethodChoice | None = None,
    unit: Unit | None = None,
    layer: str | None = None,
    top: int = 1,
    labels: Labels | None = None,
    preprocessing: Preprocessing | str | None = None,
    batch: int = 1,
    device: str = "auto",
    threads: int | None = None,
    actors: int = 2,
    num_gpus: float = 0,
    num_cpus: float = 1,
) -> Any:
    """What in each row of a data set drives a unit, as columns beside those of the data set.

    Args:
        dataset, column, actors, num_gpus, num_cpus: as in `scan`.
        model: a path to an .onnx file that all nodes can read.
        method, unit, layer, top, labels, preprocessing, batch, device, threads: as in
            `retrograph.explain_all`.

    Returns:
        A data set of Ray Data, not computed yet, for `write_parquet` and the like: the columns of
        `dataset` but for the inputs; `score` [K] and `unit` [K, r] of the K units; for each method
        `attribution_METHOD` [K, ...] of the input's shape; and `problem`, "" or why a row could
        not be explained: it has NaN for its score and attributions, and -1 for its unit.

    Raises:
        InputError: what is given is wrong, Ray is not installed, or there is no such column.
        DeviceError, UnsupportedError: as in `retrograph.explain_all`.
    """
    ray_data()
    columns, sample = first_inputs(dataset, column, None)
    settings = ExplainSettings(
        Question(method=method, unit=unit, layer=layer, top=top),
        Reading(labels, preprocessing),
        Running(device, threads),
        batch=batch,
    )
    path = os.fspath(model)
    session = open_session(Model(path), settings, sample)
    rows = _BATCHES * session.signature.batch
    pool = Actors(actors, num_gpus, num_cpus)
    return pool.map_blocks(dataset, rows, _BlockExplainer, path, sample, settings, columns)


class _BlockExplainer:
    """An actor: explains blocks with a session of its own."""

    def __init__(
        self, model: str, inputs: list[Input], settings: ExplainSettings, columns: Columns
    ) -> None:
        self._session, self._columns = open_session(Model(model), settings, inputs), columns

    def __call__(self, block: Mapping[str, Any]) -> dict[str, Any]:
        """The block with its explanations for its inputs."""
        items = list(self._columns.items(block, self._session.context.kind))
        explained = list(self._explained(items))
        rest = {name: values for name, values in block.items() if name != self._columns.input}
        problems = [str(each.error) if isinstance(each, BadInput) else "" for each in explained]
        return {**rest, **self._arrays(explained), "problem": np.array(problems, object)}

    def _explained(self, items: list[Item | BadInput]) -> Iterator[Explanation | BadInput]:
        """An answer for each input, in their order."""
        for batch in batch_items(items, self._session.signature):
            answers = iter(self._session.explained(batch) if batch.items else ())
            for each in batch.inputs:
                yield each if isinstance(each, BadInput) else next(answers)

    def _arrays(self, explained: list[Explanation | BadInput]) -> dict[str, Array]:
        """Columns with a row for each answer."""
        rows = [None if isinstance(each, BadInput) else _columns_of(each) for each in explained]
        good = next(filter(None, rows), None) or self._shapes()
        empty = {
            name: np.full_like(value, _EMPTY[value.dtype.kind]) for name, value in good.items()
        }
        return {name: np.stack([(row or empty)[name] for row in rows]) for name in good}

    def _shapes(self) -> dict[str, Array]:
        """What a row of the model's input has, where no row of a block is good."""
        contract, top = self._session.context.contract, self._session.top
        spec = self._session.signature.explained
        item = [size if isinstance(size, int) else 0 for size in spec.shape[1:]]
        methods = self._session.context.methods
        maps = {f"attribution_{m}": np.zeros((top, *item), np.float32) for m in methods}
        rank = len(contract.shape)
        return {**maps, "score": np.zeros(top), "unit": np.zeros((top, rank), np.int64)}


_EMPTY = {"f": np.nan, "i": -1}


def _columns_of(explanation: Explanation) -> dict[str, Array]:
    arrays = explanation.arrays()
    names = [name for name in arrays if name.startswith("attribution_")]
    return {name: arrays[name] for name in (*names, "score", "unit")}
