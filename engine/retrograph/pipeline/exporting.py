"""A built graph put where a model server looks for it, with what the server wants to know."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from retrograph.errors import InputError, parameter, spelled
from retrograph.ir.builder import Device
from retrograph.keywords import check_counts, checked_keywords, chosen
from retrograph.model import Model, Source, opened, save
from retrograph.output import check_new_folder, safe_name, unwritten
from retrograph.pipeline.export_targets import TARGETS, ExportTarget
from retrograph.pipeline.export_targets.base import Serving
from retrograph.pipeline.export_targets.served import ServedGraph, served

PLACES: tuple[Device, ...] = ("cpu", "cuda")
"""Where a server may run a graph."""


@dataclass(frozen=True)
class Exported:
    """What was exported, and where it lies.

    Attributes:
        to: the kind of server.
        name: the server's name for the graph.
        folder: of the graph, in the server's repository.
        files: all that were written, the graph first.
        inputs, outputs: the names of what is served.
        max_batch: how many items of several requests share a run; 0 where none do.
        notes: why none do, and what is not served; parameters marked as in errors.
    """

    to: str
    name: str
    folder: Path
    files: tuple[Path, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    max_batch: int
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """What `retrograph export --json` prints."""
        return {
            "to": self.to,
            "name": self.name,
            "folder": str(self.folder),
            "files": [str(file) for file in self.files],
            "max_batch": self.max_batch,
            "inputs": list(self.inputs),
            "outputs": list(self.outputs),
            "notes": [spelled(note) for note in self.notes],
        }


@checked_keywords
def export(
    model: Source,
    out: str | os.PathLike[str],
    *,
    to: str = "triton",
    name: str | None = None,
    max_batch: int = 64,
    instances: int = 1,
    device: str = "cpu",
    force: bool = False,
) -> Exported:
    """Put a built graph where a model server looks for it.

    Args:
        model: a graph that `build` has written, or gives.
        out: the server's folder of models; the graph gets a folder in it, and others stay.
        to: the kind of server: triton.
        name: what the server calls it; its file's name without ".onnx" if None.
        max_batch: how many items of several requests share a run at most.
        instances: how many runs there may be at once.
        device: cpu or cuda, where the server runs it.
        force: whether a folder of that name is replaced.

    Raises:
        InputError: the graph is not built, what was given is wrong, or files cannot be written.
    """
    check_counts(max_batch=max_batch, instances=instances)
    if to not in TARGETS:
        raise InputError(f"unknown server '{to}'; export to one of: {', '.join(TARGETS)}")
    chosen("device", device, PLACES)
    source = opened(model)
    called = _model_name(source, name)
    folder = Path(out) / called
    if folder.exists() and not force:
        raise InputError(
            f"{folder} exists; give {parameter('force', True)} to replace it, or another "
            f"{parameter('name')}"
        )
    check_new_folder(folder.parent)
    graph, serving = served(source), Serving(called, max_batch, instances, device)
    files = _write(source, graph, serving, TARGETS[to], folder)
    return Exported(
        to=to,
        name=called,
        folder=folder,
        files=files,
        inputs=tuple(tensor.name for tensor in graph.inputs),
        outputs=tuple(tensor.name for tensor in graph.outputs),
        max_batch=max_batch if graph.batches else 0,
        notes=graph.notes,
    )


def _model_name(model: Model, name: str | None) -> str:
    """The name of the folder, which the server takes for the model's."""
    called = model.name.removesuffix(".onnx") if name is None else name
    if not called or (name is not None and safe_name(name) != name) or called.startswith("."):
        raise InputError(
            f"{parameter('name', name)}: a model's name is the name of its folder; give letters, "
            "digits, '_', '.' and '-'"
        )
    return safe_name(called)


def _write(
    model: Model, graph: ServedGraph, serving: Serving, target: ExportTarget, folder: Path
) -> tuple[Path, ...]:
    """Write a model's folder, the whole of it or nothing; return its files.

    Raises:
        InputError: it cannot be written.
    """
    texts = target.texts(graph, serving)
    part = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    try:
        (part / target.model_file).parent.mkdir(parents=True)
        files = save(model.proto, part / target.model_file)
        for file, text in texts.items():
            (part / file).write_text(text, encoding="utf-8", newline="\n")
        if folder.exists():
            shutil.rmtree(folder)
        part.rename(folder)
    except InputError as error:
        raise InputError(error.message.replace(str(part), str(folder))) from None
    except OSError as error:
        raise unwritten(folder, error) from None
    finally:
        shutil.rmtree(part, ignore_errors=True)
    written = [file.relative_to(part) for file in files] + [*texts]
    return tuple(folder / file for file in written)
