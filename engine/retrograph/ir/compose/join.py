"""Two models made one: what a generator gives is what a model takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from onnx import ModelProto, compose, helper, numpy_helper

from retrograph.errors import InputError
from retrograph.ir.graph import Array, Graph
from retrograph.ir.passes import pad_axes

_CHANGED = {"GridSample": 20, "GroupNormalization": 21}
"""Operators whose meaning, or the words for it, changed in an opset from 18 on."""


@dataclass(frozen=True)
class Adapter:
    """What stands between the two, in this order; None is left out.

    Attributes:
        shape: the shape of an item, where it comes as a row of numbers.
        perm: the order of an item's axes, batch counted.
        order: the order of the channels, along the axis `channel`.
        channel: the axis of the channels, batch counted, behind `perm`.
        gain, offset: x * gain + offset, broadcast against an item.
    """

    shape: tuple[int, ...] | None = None
    perm: tuple[int, ...] | None = None
    order: tuple[int, ...] | None = None
    channel: int = 1
    gain: Array | None = None
    offset: Array | None = None


def join(
    generator: Graph, output: str, model: Graph, source: str, adapter: Adapter
) -> tuple[ModelProto, str]:
    """A model that computes a model behind a generator, from the generator's inputs.

    Args:
        generator, model: canonical; each keeps its own names, the generator's with a prefix.
        output: of the generator.
        source: the model's input, which becomes an inner tensor and an output of this name.
        adapter: how the one becomes the other.

    Returns:
        The model and the prefix of the generator's names.

    Raises:
        InputError: the two are written for opsets that do not go together.
    """
    opset = max(generator.opset, model.opset)
    for graph in (generator, model):
        _check_opset(graph, opset)
    behind = model.to_model()
    pad_axes.name_all(behind.graph, model)
    before = generator.to_model()
    pad_axes.name_all(before.graph, generator)
    prefix = _free_prefix(model)
    before = compose.add_prefix(before, prefix, rename_functions=False)
    made = f"{prefix}{output}"
    _connect(before, made, behind, source, adapter, prefix)
    return _merged(before, behind, source, opset), prefix


def _check_opset(graph: Graph, opset: int) -> None:
    for node in graph.nodes:
        since = _CHANGED.get(node.op_type)
        if since is not None and graph.opset < since <= opset:
            raise InputError(
                f"'{node.name}' ({node.op_type}) is written for opset {graph.opset} and the other "
                f"model for {opset}, where it means something else; export both at one opset"
            )


def _free_prefix(model: Graph) -> str:
    names = {*model.producer, *model.constants, *model.input_names()}
    names |= {node.name for node in model.nodes}
    prefix = "generator/"
    while any(name.startswith(prefix) for name in names):
        prefix = f"_{prefix}"
    return prefix


def _connect(
    before: ModelProto, made: str, behind: ModelProto, source: str, adapter: Adapter, prefix: str
) -> None:
    """Add the nodes between the two, the last of which writes the model's input."""
    elements = {v.name: v.type.tensor_type.elem_type for v in behind.graph.input}
    own = {v.name: v.type.tensor_type.elem_type for v in before.graph.output}
    steps: list[tuple[str, dict[str, Array], dict[str, Any]]] = []
    if own[made] != elements[source]:
        steps.append(("Cast", {}, {"to": elements[source]}))
    if adapter.shape is not None:
        steps.append(("Reshape", {"shape": np.array([0, *adapter.shape], np.int64)}, {}))
    if adapter.perm is not None:
        steps.append(("Transpose", {}, {"perm": list(adapter.perm)}))
    if adapter.order is not None:
        order = np.array(adapter.order, np.int64)
        steps.append(("Gather", {"order": order}, {"axis": adapter.channel}))
    dtype = helper.tensor_dtype_to_np_dtype(elements[source])
    for op, value in (("Mul", adapter.gain), ("Add", adapter.offset)):
        if value is not None:
            steps.append((op, {op.lower(): value.astype(dtype)}, {}))
    _chain(before, made, source, steps or [("Identity", {}, {})], f"{prefix}adapter")


def _chain(
    model: ModelProto,
    start: str,
    end: str,
    steps: Sequence[tuple[str, dict[str, Array], dict[str, Any]]],
    scope: str,
) -> None:
    name = start
    for i, (op, constants, attributes) in enumerate(steps):
        output = end if i == len(steps) - 1 else f"{scope}/{op}"
        inputs = [name]
        for key, value in constants.items():
            inputs.append(f"{scope}/{key}")
            model.graph.initializer.append(numpy_helper.from_array(value, inputs[-1]))
        node = helper.make_node(op, inputs, [output], name=f"{scope}/{op}", **attributes)
        model.graph.node.append(node)
        name = output


def _merged(before: ModelProto, behind: ModelProto, source: str, opset: int) -> ModelProto:
    joined = ModelProto()
    joined.ir_version = max(before.ir_version, behind.ir_version)
    domains = {o.domain: o.version for m in (before, behind) for o in m.opset_import if o.domain}
    others = [helper.make_opsetid(domain, version) for domain, version in domains.items()]
    joined.opset_import.extend([helper.make_opsetid("", opset), *others])
    graph = joined.graph
    graph.name = behind.graph.name
    for part in (before.graph, behind.graph):
        graph.node.extend(part.node)
        graph.initializer.extend(part.initializer)
        graph.sparse_initializer.extend(part.sparse_initializer)
    given = next(v for v in behind.graph.input if v.name == source)
    graph.input.extend(before.graph.input)
    graph.input.extend(v for v in behind.graph.input if v.name != source)
    graph.output.extend([*behind.graph.output, given])
    return joined
