"""What a kind of server needs beside a built graph."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from retrograph.pipeline.export_targets.served import ServedGraph


@dataclass(frozen=True)
class Serving:
    """How a server is to run a graph.

    Attributes:
        name: the server's name for it.
        max_batch: how many items a run takes at most.
        instances: how many runs there may be at once.
        device: cpu or cuda.
    """

    name: str
    max_batch: int
    instances: int
    device: str


@dataclass(frozen=True)
class ExportTarget:
    """A kind of server.

    Attributes:
        name: as `export` takes it.
        about: what it is, in a few words.
        model_file: where the graph's file lies in the folder of a model.
        texts: the other files by their paths in that folder.
    """

    name: str
    about: str
    model_file: Path
    texts: Callable[[ServedGraph, Serving], Mapping[Path, str]]
