"""A graph built and written, its places checked before any work."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from retrograph.contract import Contract
from retrograph.errors import InputError, command, parameter
from retrograph.explainer import build
from retrograph.methods import Method
from retrograph.model import Source, opened, save
from retrograph.optimized import save_optimized
from retrograph.output import check_folder, check_free
from retrograph.preprocess import Preprocessing


@dataclass(frozen=True)
class BuiltFiles:
    """What was built and written.

    Attributes:
        output: the graph's file, as it was named.
        weights: the file of its weights, where they lie apart.
        size: of both, in bytes.
        nodes: how many the graph has.
        contract: what it explains, and how.
    """

    output: str
    weights: Path | None
    size: int
    nodes: int
    contract: Contract

    @property
    def notes(self) -> tuple[str, ...]:
        """What is to be known of the graph, and of those who run it without retrograph."""
        contract = self.contract
        axes = contract.axes.get(contract.shown, "")
        if contract.preprocessing or not {"H", "W"} <= {*axes}:
            return contract.notes
        return (
            *contract.notes,
            f"no {parameter('preprocessing')} is stored, so that other hosts take arrays and no "
            f"pictures; {command('preprocess')} tells which one is right",
        )

    def to_dict(self) -> dict[str, Any]:
        """What `retrograph build --json` prints: file, nodes and the metadata of the contract."""
        return {"file": self.output, "nodes": self.nodes, **self.contract.to_properties()}


def build_files(
    model: Source,
    output: str | os.PathLike[str],
    *,
    optimized: str | os.PathLike[str] | None = None,
    force: bool = False,
    method: str | Method = "guided",
    layer: str | None = None,
    select: str = "top",
    many: bool = False,
    wrt: str | Sequence[str] | None = None,
    preprocessing: Preprocessing | str | None = None,
    device: str = "cpu",
    outputs: bool = True,
    precision: str = "float32",
    straight_through: bool = True,
    open_batch: bool = False,
) -> BuiltFiles:
    """Build a graph and write it.

    Args:
        model: a path to an .onnx file, or a model in memory.
        output: the new file.
        optimized: another one, for the graph as ONNX Runtime optimises it for this machine.
        force: whether files that are there are replaced.
        method, layer, select, many, wrt, preprocessing, device, outputs, precision,
            straight_through, open_batch: as in `build`.

    Raises:
        InputError: what was given is wrong, or a file cannot be written.
        UnsupportedError: the graph cannot be built.
    """
    _check_places(Path(output), None if optimized is None else Path(optimized), model, force=force)
    built = build(
        opened(model),
        method=method,
        layer=layer,
        select=select,
        many=many,
        wrt=wrt,
        preprocessing=preprocessing,
        device=device,
        outputs=outputs,
        precision=precision,
        straight_through=straight_through,
        open_batch=open_batch,
    )
    files = save(built, output, force=force)
    if optimized is not None:
        save_optimized(built, optimized, force=force)
    contract = Contract.from_properties({p.key: p.value for p in built.metadata_props})
    assert contract is not None
    size = sum(file.stat().st_size for file in files)
    weights = files[1] if files[1:] else None
    return BuiltFiles(os.fspath(output), weights, size, len(built.graph.node), contract)


def _check_places(output: Path, optimized: Path | None, model: Source, *, force: bool) -> None:
    """Raises InputError where one of the files cannot be written, or both are the same."""
    _check_place("output", output, model, force=force)
    if optimized is None:
        return
    _check_place("optimized", optimized, model, force=force)
    if optimized.absolute() == output.absolute():
        raise InputError(
            f"{parameter('output')} and {parameter('optimized')} name the same file; give "
            "each its own name"
        )


def _check_place(name: str, out: Path, model: Source, *, force: bool) -> None:
    """Raises InputError where the file cannot be written."""
    if out.suffix != ".onnx":
        raise InputError(
            f"{parameter(name, out)}: a built graph is an ONNX file; give it the suffix .onnx"
        )
    check_free(out, force=force)
    if isinstance(model, (str, os.PathLike)) and _is_same(out, Path(model)):
        raise InputError(
            f"{parameter(name, out)} would replace the model itself; choose another name"
        )
    check_folder(out.parent)


def _is_same(one: Path, other: Path) -> bool:
    return one.exists() and other.exists() and one.samefile(other)
