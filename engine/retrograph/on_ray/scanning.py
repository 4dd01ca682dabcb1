"""A scan on a Ray cluster: actors count blocks, whose states are added in their order."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any

from retrograph.errors import InputError, parameter
from retrograph.inputs import InputKind
from retrograph.inputs.loader import Input, as_list, read_inputs
from retrograph.on_ray.cluster import Actors, cloudpickle, connect, ray_data
from retrograph.on_ray.columns import UNNAMED, first_inputs
from retrograph.output import check_free
from retrograph.preprocess import BadInput, Item, Pending
from retrograph.scanning.fingerprint import MEMORY
from retrograph.scanning.parts import store_of_states
from retrograph.scanning.state import State
from retrograph.scanning.store import FILE
from retrograph.scans import Progress, Scan, plan_scan

_BATCHES = 8
"""Of a block: enough that Ray's own work does not count, few enough to spread over actors."""


Block = Mapping[str, Any]


def scan(
    dataset: Any,
    model: str | os.PathLike[str],
    *,
    layers: str | Sequence[str],
    out: str | os.PathLike[str],
    column: str | None = None,
    label: str | None = None,
    actors: int = 2,
    num_gpus: float = 0,
    num_cpus: float = 1,
    force: bool = False,
    progress: Progress | None = None,
    **settings: Any,
) -> Scan:
    """Find which rows of a data set make the channels of some layers fire, and where.

    The store is that of `retrograph.scan` over the same inputs in the same order, but for what
    it says of where they lay.

    Args:
        dataset: of Ray Data, as `ray.data.read_images`, `read_binary_files`, `read_numpy`,
            `read_webdataset` or `read_parquet` give it. Names are taken from a column path, name
            or __key__.
        model: a path to an .onnx file that all nodes can read.
        layers, settings: as in `retrograph.scan`.
        out: the folder of the store, on the driver's machine.
        column: that of the inputs, pictures' files as bytes or arrays; the first of image, bytes,
            data, jpg, jpeg, png, webp and npy if None.
        label: the column of the classes; none if None.
        actors: how many sessions work at once.
        num_gpus, num_cpus: of each, as Ray takes them.
        force: whether a store that is there is replaced.
        progress: is called with how many inputs are done; None for how many there are.

    Raises:
        InputError: as in `retrograph.scan`, Ray is not installed, or there is no such column.
    """
    ray_data()
    columns, sample = first_inputs(dataset, column, label)
    keywords = {"layers": layers, **settings}
    plan = plan_scan(model, sample, **keywords)
    pool = Actors(actors, num_gpus, num_cpus)
    given = (os.fspath(model), sample, keywords, columns.items)
    blocks = pool.map_blocks(dataset, _BATCHES * plan.scanner.batch, _BlockScanner, *given)
    inputs = {"path": "dataset", MEMORY: None}
    run = plan.scanner.run_values() | {"inputs": [inputs]}
    return _stored(_numbered(blocks), run, out, force=force, progress=progress)


def scan_files(
    model: str | os.PathLike[str],
    inputs: Input | Iterable[Input],
    *,
    layers: str | Sequence[str],
    out: str | os.PathLike[str],
    address: str | None = None,
    actors: int = 2,
    num_gpus: float = 0,
    num_cpus: float = 1,
    force: bool = False,
    progress: Progress | None = None,
    **settings: Any,
) -> Scan:
    """Scan files that all nodes can read: the same bytes as `retrograph.scan` gives.

    Args:
        model, inputs, layers, settings: as in `retrograph.scan`. What lies in archives is read by
            the driver, and goes through the cluster's memory.
        address: of a cluster, as `ray.init` takes it; one on this machine if None. Of no use where
            Ray is connected already.
        out, actors, num_gpus, num_cpus, force, progress: as in `scan`.

    Raises:
        InputError: as in `scan`, the model has several inputs, or the cluster cannot be reached.
    """
    values, keywords = as_list(inputs), {"layers": layers, **settings}
    plan = plan_scan(model, values, **keywords)
    scanner = plan.scanner
    if len(scanner.session.inputs) > 1:
        raise InputError(
            f"a model of several inputs is not scanned on Ray; give {parameter('part', '(1, 8)')} "
            "and the other parts instead"
        )
    connect(address)
    pending = (each for _, each in read_inputs(values, scanner.signature.kind))
    rows = _BATCHES * scanner.batch
    pickled = [{"pending": cloudpickle().dumps(block)} for block in _blocks(pending, rows)]
    dataset = ray_data().from_items(pickled, override_num_blocks=max(1, len(pickled)))
    pool, given = Actors(actors, num_gpus, num_cpus), (os.fspath(model), values, keywords, _read)
    return _stored(
        _states(pool.map(dataset, 1, _BlockScanner, *given)),
        scanner.run_values(),
        out,
        force=force,
        progress=progress,
    )


class _BlockScanner:
    """An actor: counts blocks with a session of its own."""

    def __init__(
        self,
        model: str,
        inputs: Sequence[Input],
        keywords: Mapping[str, Any],
        read: Callable[[Block, InputKind], Iterable[Item | BadInput]],
    ) -> None:
        self._scanner, self._read = plan_scan(model, inputs, **keywords).scanner, read

    def __call__(self, block: Block) -> dict[str, list[bytes]]:
        """The device and the state of a block."""
        state = self._scanner.count_items(self._read(block, self._scanner.signature.kind))
        return {"state": [pickle.dumps((self._scanner.session.device, state))]}


def _blocks(pending: Iterator[Pending], rows: int) -> Iterator[list[Pending]]:
    while block := list(islice(pending, rows)):
        yield block


def _read(block: Block, kind: InputKind) -> Iterator[Item | BadInput]:
    """The inputs of a block that are not decoded yet."""
    for pickled in block["pending"]:
        for pending in pickle.loads(pickled):
            yield pending.read()


def _states(blocks: Any) -> Iterator[tuple[str, State]]:
    for row in blocks.iter_rows():
        yield pickle.loads(row["state"])


def _numbered(blocks: Any) -> Iterator[tuple[str, State]]:
    """The states, with names for inputs that have none."""
    first = 0
    for device, state in _states(blocks):
        state.new = [
            (number, f"{UNNAMED} {first + number}" if name == UNNAMED else name, *more)
            for number, name, *more in state.new
        ]
        yield device, state
        first += state.done


def _stored(
    states: Iterable[tuple[str, State]],
    run: Mapping[str, Any],
    out: str | os.PathLike[str],
    *,
    force: bool,
    progress: Progress | None,
) -> Scan:
    """The scan of states, which are added in their order."""
    check_free(Path(out, FILE), force=force)
    iterator = iter(states)
    device, first = next(iterator, (None, None))
    if first is None:
        raise InputError("there are no inputs; give some")

    def followed() -> Iterator[State]:
        done = 0
        for other, state in chain([(device, first)], iterator):
            if other != device:
                raise InputError(
                    f"actors run on {device} and on {other}, which round otherwise; name one "
                    f"device, such as {parameter('device', 'cpu')}"
                )
            yield state
            done += state.done
            if progress is not None:
                progress(done, None)

    return Scan(store_of_states(followed(), {**run, "device": device}, out, force=force))
