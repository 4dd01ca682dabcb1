"""A built graph as a server sees it: its inputs and outputs, and whether requests share a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from onnx import ValueInfoProto

from retrograph.contract import Contract
from retrograph.errors import InputError, command, parameter
from retrograph.ir.analysis.batch_axis import keeps_rows_apart
from retrograph.model import Model


@dataclass(frozen=True)
class ServedTensor:
    """An input or output.

    Attributes:
        name: as the graph has it.
        element: the number that ONNX gives its element type.
        shape: its sizes; None where they are open.
    """

    name: str
    element: int
    shape: tuple[int | None, ...]


@dataclass(frozen=True)
class ServedGraph:
    """A built graph for a server.

    Attributes:
        contract: what it explains, and how.
        properties: its metadata.
        inputs, outputs: what it takes and gives; outputs that a server cannot part are left out.
        batches: whether items of several requests share a run: then the first axis of all tensors
            counts them.
        notes: why they do not, and what was left out; parameters marked as in errors.
    """

    contract: Contract
    properties: dict[str, str]
    inputs: tuple[ServedTensor, ...]
    outputs: tuple[ServedTensor, ...]
    batches: bool
    notes: tuple[str, ...]


def served(model: Model) -> ServedGraph:
    """What a server has to know of a built graph.

    Raises:
        InputError: it is not built, a tensor has no known rank, or an input is of rank 0.
    """
    contract = model.contract
    if contract is None:
        raise InputError(
            f"{model.name} is no graph that retrograph has built; build one from it first "
            f"({command('build')})"
        )
    constants = {tensor.name for tensor in model.proto.graph.initializer}
    inputs = [_tensor(v) for v in model.proto.graph.input if v.name not in constants]
    if alone := [tensor.name for tensor in inputs if not tensor.shape]:
        raise InputError(
            f"input '{alone[0]}' has no axes, as servers want them; export the model with its "
            "value as a constant, or as an input of shape [1]"
        )
    outputs = _outputs(model, contract)
    why = _single(model, contract, inputs, outputs)
    left_out = {} if why else _not_by_item(model, contract, outputs)
    left_out |= {t.name: "which has no axes, as servers want them" for t in outputs if not t.shape}
    notes = [why] if why else []
    notes += [f"'{name}' is not served, {reason}" for name, reason in left_out.items()]
    return ServedGraph(
        contract,
        {k: v for k, v in model.properties.items() if k.startswith("retrograph.")},
        tuple(inputs),
        tuple(tensor for tensor in outputs if tensor.name not in left_out),
        not why,
        tuple(notes),
    )


def _outputs(model: Model, contract: Contract) -> list[ServedTensor]:
    added = {*contract.added, contract.bias_relevance}
    tensors = []
    for info in model.proto.graph.output:
        try:
            tensors.append(_tensor(info))
        except InputError as error:
            if info.name in added:
                raise
            raise InputError(
                f"{error.message}; build the graph without the model's own outputs "
                f"({parameter('outputs', False)})"
            ) from None
    return tensors


def _tensor(info: ValueInfoProto) -> ServedTensor:
    kind = info.type.tensor_type
    if not info.type.HasField("tensor_type") or not kind.HasField("shape"):
        raise InputError(f"'{info.name}' is no tensor of a known rank; servers cannot take it")
    sizes = (d.dim_value if d.HasField("dim_value") else None for d in kind.shape.dim)
    return ServedTensor(info.name, kind.elem_type, tuple(sizes))


def _single(
    model: Model,
    contract: Contract,
    inputs: Sequence[ServedTensor],
    outputs: Sequence[ServedTensor],
) -> str:
    """Why no two requests share a run; "" where they do."""
    added = [tensor for tensor in outputs if tensor.name in contract.added]
    for tensor in (*inputs, *added):
        if tensor.name == contract.chooser and (contract.select, contract.many) == ("top", True):
            return f"requests do not share a run: '{tensor.name}' is one number for all items"
        if tensor.shape[:1] != (None,):
            return (
                f"requests do not share a run: '{tensor.name}' has no open batch axis; build with "
                f"{parameter('open_batch', True)} if its first axis counts items"
            )
    if not keeps_rows_apart(model.graph, contract.target, ()):
        return "requests do not share a run: the graph may mix the items of a batch"
    return ""


def _not_by_item(
    model: Model, contract: Contract, outputs: Sequence[ServedTensor]
) -> dict[str, str]:
    """Why some of the model's own outputs are not served: their first axis may count no items."""
    added = {*contract.added, contract.bias_relevance}
    own = [tensor for tensor in outputs if tensor.name not in added]
    return {
        tensor.name: "for it may not have an entry for each item"
        for tensor in own
        if tensor.shape[:1] != (None,) or not keeps_rows_apart(model.graph, tensor.name, ())
    }
