"""The backward pass with the size of what comes down to each tensor as outputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from onnx import ModelProto, NodeProto, ValueInfoProto, helper

from retrograph.backward import Request
from retrograph.ir.emit import FLOAT32, Emitter
from retrograph.ir.graph import Graph, Tensor, reads, value_info
from retrograph.ir.passes import pad_axes
from retrograph.ir.path import path
from retrograph.ir.patterns.activations import swishes
from retrograph.methods import Method
from retrograph.methods.smooth import ReluMethod
from retrograph.vjp import vjp
from retrograph.vjp.engine.walk import Walk, blocked, defined


@dataclass(frozen=True)
class Trace:
    """A graph whose outputs tell what comes down to each tensor on the way.

    Attributes:
        model: takes the model's inputs and the cotangent of the target.
        graph: what is walked.
        cotangent: that input's name.
        peaks: the output for each tensor: the largest size of its cotangent, a single number.
        cotangents, values: the outputs for the tensors that are shown whole.
        nodes: on the way, in forward order.
        walks: whether the rules are those of the method; else they are ordinary derivatives.
    """

    model: ModelProto
    graph: Graph
    cotangent: str
    peaks: dict[str, str]
    cotangents: dict[str, str]
    values: dict[str, str]
    nodes: tuple[NodeProto, ...]
    walks: bool


def build_trace(request: Request, shown: Sequence[str] = ()) -> Trace:
    """The backward pass of a request by the rules of its method, if these are rules of a walk.

    Args:
        request: its target's unit is given by a cotangent.
        shown: the tensors whose cotangents and values are outputs, too.
    """
    graph = defined(request.graph, request.sources, [request.target]).copy()
    graph.outputs = []
    way = path(graph, request.sources, [request.target], blocked(graph).keys())
    target = graph.tensor(request.target)
    assert target is not None
    e = Emitter(graph, request.device)
    seed = Tensor(e.fresh("trace/cotangent"), target.dtype, target.shape)
    method = request.method.settled(graph, way, request.sources, request.target)
    walks = type(method).descend in (Method.descend, ReluMethod.descend)
    rule = method.rule if walks else (lambda _: vjp)
    walk = Walk(e, graph, way, rule, composites=swishes(graph))
    walk.run([(request.target, seed)])
    outputs: dict[str, Tensor] = {}
    peaks, cotangents, values = dict[str, str](), dict[str, str](), dict[str, str]()
    with e.scope("trace"):
        for name in sorted(way.tensors):
            tensor = graph.tensor(name)
            ct = None if tensor is None else walk.cotangent(tensor)
            if tensor is None or ct is None:
                continue
            peaks[name] = e.fresh("trace/peak")
            outputs[peaks[name]] = _peak(e, ct)
            if name in shown:
                cotangents[name] = e.fresh("trace/cotangent")
                outputs[cotangents[name]] = e.cast(ct, FLOAT32)
        for name in shown:
            tensor = graph.tensor(name)
            if tensor is not None and tensor.is_float:
                values[name] = e.fresh("trace/value")
                outputs[values[name]] = e.cast(tensor, FLOAT32)
    model = _model(graph, e, outputs, seed)
    return Trace(model, graph, seed.name, peaks, cotangents, values, way.nodes, walks)


def _peak(e: Emitter, ct: Tensor) -> Tensor:
    """The largest size of a cotangent, []"""
    size = e.cast(e.emit("Abs", ct), FLOAT32)
    return replace(e.emit("ReduceMax", size, keepdims=0), shape=())


def _model(graph: Graph, e: Emitter, outputs: Mapping[str, Tensor], seed: Tensor) -> ModelProto:
    computed = e.finish(dict(outputs))
    read = {name for node in computed.nodes for name in reads(node)}
    needed = read | {name for node in graph.needed(read)[0] for name in reads(node)}
    graph.inputs = [info for info in graph.inputs if info.name in needed]
    infos = [_info(name, tensor) for name, tensor in outputs.items()]
    extra = replace(computed, inputs=[value_info(seed)], outputs=infos, reads=[*read])
    model = graph.to_model(extra)
    pad_axes.name_all(model.graph, graph)
    return model


def _info(name: str, tensor: Tensor) -> ValueInfoProto:
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(FLOAT32))
    return helper.make_tensor_value_info(name, kind, [] if tensor.shape == () else None)
