"""The forward pass up to some layers, with a few numbers for each of their channels as outputs.

Whatever a layer's size, what a run gives is [N, C]: so a data set can be searched for what makes
channels fire without its activations ever leaving the device.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from onnx import ModelProto, ValueInfoProto, helper

from retrograph.errors import InputError
from retrograph.ir.analysis.batch_axis import follow_batch
from retrograph.ir.analysis.channel_axis import channel_axis
from retrograph.ir.emit import FLOAT32, FLOAT64, INT64, Emitter
from retrograph.ir.graph import Graph, Shape, Tensor, reads
from retrograph.ir.passes import pad_axes
from retrograph.vjp.engine.walk import defined

COUNTED = ("peak", "place", "mean", "share", "sizes")


@dataclass(frozen=True)
class Probe:
    """What a probe graph counts of one layer.

    Attributes:
        tensor: the layer's name.
        item: the shape of one item; (1,) where it is a single number.
        channel_axis: which axis of an item counts channels.
        channels: how many there are, C.
        batched: whether the leading axis is the batch; else the whole tensor is one item.
        outputs: the names of the outputs, by what they hold: `peak` [N, C], the greatest
            activation of each channel; `place` int64 [N, C], where it is first, as a flat position
            over the other axes of an item; `mean` [N, C] over all positions; `share` [N, C] of
            the positions whose activation is above 0; `sizes` int64 [r], the shape of an item.
            Activations are float32, of layers of float64 float64.
    """

    tensor: str
    item: Shape
    channel_axis: int
    channels: int
    batched: bool
    outputs: dict[str, str]


def build_probe(
    graph: Graph, sources: Sequence[str], tensors: Sequence[str]
) -> tuple[ModelProto, tuple[Probe, ...]]:
    """A model of the inputs that some layers need, with the outputs of a `Probe` for each.

    Args:
        graph: canonical.
        sources: the floating-point inputs.
        tensors: the layers' names.

    Raises:
        InputError: how many channels a layer has is not known.
    """
    batch = follow_batch(defined(graph, sources, tensors))
    probes, outputs, infos = [], dict[str, Tensor](), list[ValueInfoProto]()
    e = Emitter(graph)
    for number, name in enumerate(tensors):
        tensor = graph.tensor(name)
        assert tensor is not None
        names = {key: e.fresh(f"probe/{number}/{key}") for key in COUNTED}
        probe = _probe(graph, tensor, batch.rows(tensor) == 1, names)
        probes.append(probe)
        for key, value in _counted(e, tensor, probe).items():
            outputs[names[key]] = value
            infos.append(_info(probe, key, value, tensor))
    computed = e.finish(outputs)
    read = {name for node in computed.nodes for name in reads(node)}
    twin = graph.copy()
    twin.outputs = []
    needed = read | {name for node in twin.needed(read)[0] for name in reads(node)}
    twin.inputs = [info for info in graph.inputs if info.name in needed]
    model = twin.to_model(replace(computed, outputs=infos, reads=[*read]))
    pad_axes.name_all(model.graph, graph)
    return model, tuple(probes)


def _probe(graph: Graph, tensor: Tensor, batched: bool, outputs: dict[str, str]) -> Probe:
    if tensor.shape is None:
        raise InputError(
            f"the rank of '{tensor.name}' is not known; export the model with static shapes, or "
            "choose another layer"
        )
    item = (tensor.shape[1:] if batched else tensor.shape) or (1,)
    axis = channel_axis(graph, tensor.name, len(item))
    channels = item[axis]
    if not isinstance(channels, int):
        raise InputError(
            f"how many channels '{tensor.name}' has is not known; export the model with static "
            "shapes, or choose another layer"
        )
    return Probe(tensor.name, item, axis, channels, batched, outputs)


def _counted(e: Emitter, tensor: Tensor, probe: Probe) -> dict[str, Tensor]:
    """The numbers of one layer."""
    with e.scope("probe"):
        x = tensor if tensor.dtype in (FLOAT32, FLOAT64) else e.cast(tensor, FLOAT32)
        planes, axis = _planes(e, x, probe)
        place = e.emit("ArgMax", planes, dtype=INT64, axis=axis, keepdims=1)
        peak = e.emit("GatherElements", planes, place, axis=axis)
        positive = e.cast(e.greater(x, 0), FLOAT32)
        alone = tensor.rank == int(probe.batched)
        return {
            "peak": e.squeeze(peak, [axis]),
            "place": e.squeeze(place, [axis]),
            "mean": _mean(e, x, probe),
            "share": _mean(e, positive, probe),
            "sizes": e.ints([1]) if alone else e.sizes(tensor, int(probe.batched)),
        }


def _planes(e: Emitter, x: Tensor, probe: Probe) -> tuple[Tensor, int]:
    """[N, C, M] or [N, M, C], and the axis of the positions."""
    lead, own, rank = 0 if probe.batched else 1, int(probe.batched), len(probe.item)
    if probe.channel_axis == 0:
        return e.reshape(x, [lead, probe.channels, -1]), 2
    if probe.channel_axis < rank - 1:
        others = [i + own for i in range(rank) if i != probe.channel_axis]
        x = e.transpose(x, [*range(own), *others, probe.channel_axis + own])
    return e.reshape(x, [lead, -1, probe.channels]), 1


def _mean(e: Emitter, x: Tensor, probe: Probe) -> Tensor:
    """Of each channel over its positions, [N, C]: axis by axis, which rounds less than at once."""
    for axis in reversed(range(len(probe.item))):
        if axis != probe.channel_axis:
            x = e.emit("ReduceMean", x, e.ints([axis + int(probe.batched)]), keepdims=0)
    return e.reshape(x, [0 if probe.batched else 1, probe.channels])


def _info(probe: Probe, key: str, value: Tensor, tensor: Tensor) -> ValueInfoProto:
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(value.dtype))
    items = (tensor.shape or (1,))[0] if probe.batched else 1
    shape: Shape = (len(probe.item),) if key == "sizes" else (items, probe.channels)
    return helper.make_tensor_value_info(probe.outputs[key], kind, list(shape))
