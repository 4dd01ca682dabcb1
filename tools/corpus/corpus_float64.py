"""Derivatives of a corpus model by central differences in float64, on onnx.reference.

The model is brought to canonical form first: onnx.reference lacks some old operators (ImageScaler,
those of opset 7) and wants sorted nodes. That the canonical form computes what the source computes
is a test of its own. It is then cut off at the target, and every number in it made float64.

Quantised activations round, so their differences are 0 or a jump. There the model is made straight:
each Round adds what it added at the base point, and the Clip behind it passes on what changed where
the rounded number lay inside its limits. At the base point both models agree in every activation.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from onnx import (
    AttributeProto,
    GraphProto,
    ModelProto,
    NodeProto,
    TensorProto,
    helper,
    numpy_helper,
)

from corpus_conv import Conv
from retrograph.ir.graph import Graph, is_float

sys.path.append(str(Path(__file__).resolve().parents[1]))

from checkout import SHARED

sys.path.extend(SHARED)

from support.finite import reference

Array = np.ndarray[Any, Any]
Evaluate = Callable[[Array], Array]
Outputs = Mapping[str, Array]

STABLE = 1e-4
"""By how much a quotient may change with the step, relative to the length of the gradient."""
MOST_KINKS = 5

SINGLE = (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.BFLOAT16)
_TYPED = {"Cast": "to", "EyeLike": "dtype", "SequenceEmpty": "dtype"}
"""The attribute by which an operator names the type of its result."""


@dataclass(frozen=True)
class Comparison:
    """A gradient against central differences along random directions.

    Attributes:
        errors: of each directional derivative, relative to the length of the gradient, which is
            what a directional derivative is on average.
        kinks: the directions that were given up, since the quotient changed with the step.
        score: how far the score that came with the gradient is from the float64 model's,
            relative to the target's greatest magnitude.
    """

    errors: tuple[float, ...]
    kinks: int
    score: float

    @property
    def worst(self) -> float:
        return max(self.errors)


def compare(
    graph: Graph, source: str, target: str, feeds: Outputs, outputs: Outputs, directions: int
) -> Comparison:
    """What a built graph gave for its first item, against differences of the same unit.

    Args:
        graph: the canonical model.
        source, target: the explained input [N, ...] and the target.
        feeds: all inputs.
        outputs: those of the built graph, `attribution`, `score` and `unit`.
        directions: how many.
    """
    evaluate, x = float64_evaluator(graph, source, target, feeds), feeds[source]
    base, start = x.astype(np.float64), evaluate(x.astype(np.float64))
    unit, items = outputs["unit"][0], len(outputs["unit"])
    place = np.ravel_multi_index(tuple(unit), start.shape[-len(unit) :])
    other_items = slice(1 if items > 1 else len(base), None)

    def activation(of: Array) -> float:
        return float(of.reshape(items, -1)[0, place])

    gradient = outputs["attribution"].astype(np.float64)
    gradient[other_items] = 0
    length, height = float(np.linalg.norm(gradient)), float(np.abs(start).max())
    # So small that few ReLUs are crossed, and that of 16 digits of the activation 8 are left; where
    # one is crossed the next step is smaller.
    step = min(1e-6 * max(1.0, float(np.abs(base).max())), 1e-8 * height / length)
    rng = np.random.default_rng(0)
    errors: list[float] = []
    kinks = 0
    while len(errors) < directions:
        along = np.asarray(rng.standard_normal(base.shape))
        along[other_items] = 0
        wide, narrow = (
            (activation(evaluate(base + h * along)) - activation(evaluate(base - h * along)))
            / (2 * h)
            for h in (step, step / 4)
        )
        if abs(wide - narrow) > STABLE * length and kinks < MOST_KINKS:
            kinks += 1
            step /= 4
        else:
            errors.append(abs(narrow - float(np.sum(gradient * along))) / length)
    return Comparison(tuple(errors), kinks, abs(activation(start) - _first(outputs)) / height)


def _first(outputs: Outputs) -> float:
    return float(outputs["score"].reshape(-1)[0])


def run_in_float64(built: ModelProto, feeds: Outputs) -> dict[str, Array]:
    """Attribution, score and unit of a built graph that explains one input, in float64."""
    names = ["attribution", "score", "unit"]
    nodes, constants = Graph(built).needed(names)
    outputs = [v for v in built.graph.output if v.name in names]
    alone = helper.make_graph(nodes, "alone", built.graph.input, outputs, constants)
    model = helper.make_model(alone, opset_imports=built.opset_import, ir_version=built.ir_version)
    return reference(to_float64(model), Conv)(_in_float64(feeds))


def float64_evaluator(graph: Graph, source: str, target: str, feeds: Outputs) -> Evaluate:
    """A function from one input to the target in float64, the other inputs held."""
    model = straight(graph, target, feeds) if graph.straight_through else cut(graph, target)
    evaluate, held = reference(to_float64(model), Conv), _in_float64(feeds)
    return lambda value: evaluate({**held, source: value})[target]


def _in_float64(feeds: Outputs) -> dict[str, Array]:
    return {n: v.astype(np.float64) if is_float(v.dtype) else v for n, v in feeds.items()}


def cut(graph: Graph, *targets: str) -> ModelProto:
    """The part of a graph that some tensors are computed from, as a model that gives them."""
    nodes, constants = graph.needed(targets)
    outputs = [helper.make_tensor_value_info(name, _element(graph, name), None) for name in targets]
    cut_graph = helper.make_graph(nodes, "cut", graph.inputs, outputs, constants)
    imports = [helper.make_opsetid("", graph.opset)]
    return helper.make_model(cut_graph, opset_imports=imports, ir_version=9)


def _element(graph: Graph, name: str) -> int:
    tensor = graph.tensor(name)
    assert tensor is not None
    return int(helper.np_dtype_to_tensor_dtype(tensor.dtype))


def straight(graph: Graph, target: str, feeds: Outputs) -> ModelProto:
    """The model with the steps of its quantised activations straightened at an input."""
    model = cut(graph, target)
    rounds = [n for n in model.graph.node if n.name in graph.straight_through]
    clips = {n.input[0]: n for n in model.graph.node if n.op_type == "Clip"}
    names = [name for n in rounds for name in (n.input[0], n.output[0])]
    names += [clips[n.output[0]].output[0] for n in rounds if n.output[0] in clips]
    at = _activations(cut(graph, *dict.fromkeys(names)), feeds)
    nodes: list[NodeProto] = []
    for node in model.graph.node:
        before = node.input[0] if node.input else ""
        if node.name in graph.straight_through:
            shift = at[node.output[0]].astype(np.float64) - at[before]
            nodes += _affine(model, before, node.output[0], 1.0, shift)
        elif node.op_type == "Clip" and node in clips.values() and node.output[0] in at:
            y, rounded = at[node.output[0]].astype(np.float64), at[before].astype(np.float64)
            low, high = (_bound(graph, node, place) for place in (1, 2))
            inside = ((y > low) & (y < high)).astype(np.float64)
            nodes += _affine(model, before, node.output[0], inside, y - inside * rounded)
        else:
            nodes.append(node)
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    return model


def _bound(graph: Graph, clip: NodeProto, place: int) -> float:
    """A bound of a Clip; infinite where it has none."""
    name = clip.input[place] if place < len(clip.input) else ""
    if not name:
        return -np.inf if place == 1 else np.inf
    value = graph.value(name)
    assert value is not None
    return float(value)


def _activations(model: ModelProto, feeds: Outputs) -> dict[str, Array]:
    """The model's outputs in ONNX Runtime, optimisations off."""
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, dict(feeds)), strict=True))


def _affine(
    model: ModelProto, x: str, y: str, factor: Array | float, shift: Array
) -> list[NodeProto]:
    """y = factor * x + shift"""
    constants = {f"{y}/factor": np.asarray(factor, np.float64), f"{y}/shift": shift}
    model.graph.initializer.extend(
        numpy_helper.from_array(value, name) for name, value in constants.items()
    )
    return [
        helper.make_node("Mul", [x, f"{y}/factor"], [f"{y}/product"]),
        helper.make_node("Add", [f"{y}/product", f"{y}/shift"], [y]),
    ]


def to_float64(model: ModelProto) -> ModelProto:
    """A copy of a model in which every floating-point number is float64."""
    return widened(model, TensorProto.DOUBLE)


def widened(model: ModelProto, element: int) -> ModelProto:
    """A copy of a model in which every floating-point number is of a wider element type."""
    copy = ModelProto()
    copy.CopyFrom(model)
    _decode_weights(copy.graph)
    _Widening(element).graph(copy.graph)
    return copy


def _decode_weights(graph: GraphProto) -> None:
    """The constant of each DequantizeLinear; onnx.reference knows none before opset 19."""
    arrays = {t.name: numpy_helper.to_array(t) for t in graph.initializer}
    for node in [n for n in graph.node if n.op_type == "DequantizeLinear"]:
        if not arrays.keys() >= set(node.input):
            continue
        weight, scale, zero = (arrays[name].astype(np.float64) for name in node.input)
        shape = [1] * weight.ndim
        if scale.ndim:
            shape[next((a.i for a in node.attribute if a.name == "axis"), 1)] = -1
        value = (weight - zero.reshape(shape)) * scale.reshape(shape)
        graph.initializer.append(numpy_helper.from_array(value, node.output[0]))
        graph.node.remove(node)


class _Widening:
    """Rewrites a graph in place."""

    def __init__(self, element: int) -> None:
        self.element = element
        self.dtype = helper.tensor_dtype_to_np_dtype(element)

    def graph(self, graph: GraphProto) -> None:
        for tensor in graph.initializer:
            self.tensor(tensor)
        for value in (*graph.input, *graph.output):
            if value.type.tensor_type.elem_type in SINGLE:
                value.type.tensor_type.elem_type = self.element
        del graph.value_info[:]
        for node in graph.node:
            self.node(node)

    def node(self, node: NodeProto) -> None:
        for attribute in node.attribute:
            typed = attribute.name == _TYPED.get(node.op_type)
            if attribute.type == AttributeProto.TENSOR:
                self.tensor(attribute.t)
            elif attribute.type == AttributeProto.GRAPH:
                self.graph(attribute.g)
            elif typed and attribute.i in SINGLE:
                attribute.i = self.element
        if node.op_type == "ConstantOfShape" and not node.attribute:
            zero = numpy_helper.from_array(np.zeros(1, self.dtype))
            node.attribute.append(helper.make_attribute("value", zero))
        if node.op_type == "Constant" and node.attribute[0].name in ("value_float", "value_floats"):
            value = np.asarray(helper.get_attribute_value(node.attribute[0]), self.dtype)
            del node.attribute[:]
            node.attribute.append(helper.make_attribute("value", numpy_helper.from_array(value)))

    def tensor(self, tensor: TensorProto) -> None:
        if tensor.data_type in SINGLE:
            wide = numpy_helper.to_array(tensor).astype(self.dtype)
            tensor.CopyFrom(numpy_helper.from_array(wide, tensor.name))
