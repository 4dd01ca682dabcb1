"""Damage to ONNX models: their bytes, nodes, attributes, shapes, opsets, weights and names."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias, TypeVar

import numpy as np
from onnx import (
    AttributeProto,
    GraphProto,
    ModelProto,
    NodeProto,
    TensorProto,
    ValueInfoProto,
    helper,
    numpy_helper,
)

import file_mutations as damage

Rng: TypeAlias = np.random.Generator
Edit: TypeAlias = Callable[[ModelProto, Rng], None]
Item = TypeVar("Item")

_NUMBERS = (-(2**63), -(2**31), -7, -1, 0, 1, 2, 3, 5, 64, 2**31 - 1, 2**40, 2**63 - 1)
_REALS = (0.0, -1.0, 1e-30, 1e30, float("inf"), float("nan"))
_OURS = ("attribution", "score", "unit", "select", "cotangent", "bias_relevance", "attribution.x")
_STRANGE = ("", "a b", "a/b", "é", "bwd/x", "x:0", "..", "N", "a\nb", "0")
_ONE_INPUT = "Relu Sigmoid Tanh Abs Neg Exp Sqrt Floor Softmax Identity Sign Erf Not Shape Flatten"
_OTHERS: Mapping[str, Sequence[str]] = {
    **{op: _ONE_INPUT.split() for op in _ONE_INPUT.split()},
    **dict.fromkeys(
        ("Add", "Sub", "Mul", "Div", "Pow"), ("Add", "Sub", "Mul", "Div", "Max", "Min")
    ),
    **dict.fromkeys(("MaxPool", "AveragePool", "LpPool"), ("MaxPool", "AveragePool", "LpPool")),
    "Conv": ("ConvTranspose", "MatMul", "Conv"),
    "Gemm": ("MatMul", "Conv"),
    "MatMul": ("Gemm", "Add"),
    "Concat": ("Add", "Sum", "Max"),
    "GlobalAveragePool": ("GlobalMaxPool", "ReduceMean", "Flatten"),
}


def _one(items: Sequence[Item], rng: Rng) -> Item:
    return items[int(rng.integers(len(items)))]


def _graphs(graph: GraphProto) -> Iterator[GraphProto]:
    """A graph and the bodies in it."""
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.type == AttributeProto.GRAPH:
                yield from _graphs(attribute.g)


def _node(model: ModelProto, rng: Rng) -> tuple[GraphProto, int]:
    """A node: its graph and place."""
    places = [(graph, i) for graph in _graphs(model.graph) for i in range(len(graph.node))]
    return _one(places, rng)


def _renamed(model: ModelProto, old: str, new: str) -> None:
    """A tensor of another name, wherever it is written."""
    for graph in _graphs(model.graph):
        for info in (*graph.input, *graph.output, *graph.value_info, *graph.initializer):
            info.name = new if info.name == old else info.name
        for node in graph.node:
            for ends in (node.input, node.output):
                ends[:] = [new if name == old else name for name in ends]


def without_node(model: ModelProto, rng: Rng) -> None:
    """A node is missing; its readers read its input instead, or nothing makes what they read."""
    graph, i = _node(model, rng)
    node = NodeProto()
    node.CopyFrom(graph.node[i])
    del graph.node[i]
    if node.input and node.output and rng.random() < 0.8:
        graph.node.insert(i, helper.make_node("Identity", node.input[:1], node.output[:1]))


def another_operator(model: ModelProto, rng: Rng) -> None:
    """A node has another operator."""
    graph, i = _node(model, rng)
    candidates = _OTHERS.get(graph.node[i].op_type, ("Identity", "Relu", "Nothing"))
    graph.node[i].op_type = _one(candidates, rng)


def another_order(model: ModelProto, rng: Rng) -> None:
    """A node stands elsewhere, or twice."""
    graph, i = _node(model, rng)
    node = NodeProto()
    node.CopyFrom(graph.node[i])
    if rng.random() < 0.7:
        del graph.node[i]
    graph.node.insert(int(rng.integers(len(graph.node) + 1)), node)


def another_input(model: ModelProto, rng: Rng) -> None:
    """A node reads another tensor, fewer, or in another order."""
    graph, i = _node(model, rng)
    node = graph.node[i]
    tensors = [name for n in graph.node for name in n.output] + [t.name for t in graph.initializer]
    match int(rng.integers(4)):
        case 0:
            node.input[:] = list(node.input)[::-1]
        case 1:
            del node.input[-1:]
        case 2:
            node.input.append(_one([*tensors, ""], rng))
        case _ if node.input:
            node.input[int(rng.integers(len(node.input)))] = _one([*tensors, ""], rng)


def more_between(model: ModelProto, rng: Rng) -> None:
    """Another node is inserted behind a node."""
    graph, i = _node(model, rng)
    if not graph.node[i].output:
        return
    name = graph.node[i].output[0]
    graph.node[i].output[0] = f"{name}/before"
    pool: dict[str, Any] = {"kernel_shape": [2, 2], "strides": [2, 2], "pads": [1, 1, 1, 1]}
    added = _one(
        [
            helper.make_node("Dropout", [f"{name}/before"], [name, f"{name}/mask"]),
            helper.make_node("MaxPool", [f"{name}/before"], [name], ceil_mode=1, **pool),
            helper.make_node("Squeeze", [f"{name}/before"], [name]),
            helper.make_node("Softmax", [f"{name}/before"], [name]),
            helper.make_node("Identity", [f"{name}/before"], [name], domain="ai.onnx"),
            helper.make_node("Custom", [f"{name}/before"], [name], domain="own"),
        ],
        rng,
    )
    graph.node.insert(i + 1, added)


def attribute(model: ModelProto, rng: Rng) -> None:
    """An attribute is missing, extreme, of another name or of another length."""
    choices = [(n, a) for g in _graphs(model.graph) for n in g.node for a in n.attribute]
    if not choices:
        return
    node, chosen = _one(choices, rng)
    match int(rng.integers(5)):
        case 0:
            node.attribute.remove(chosen)
        case 1:
            chosen.name = _one(("axis", "axes", "pads", "strides", "auto_pad", "mode"), rng)
        case 2:
            del chosen.ints[-1:]
            if chosen.type == AttributeProto.STRING:
                chosen.s = _one((b"SAME_UPPER", b"nearest", b"\xff", b""), rng)
        case _:
            _other_value(chosen, rng)


def _other_value(chosen: AttributeProto, rng: Rng) -> None:
    """A number of an attribute becomes another, mostly a neighbour."""
    extreme = rng.random() < 0.3
    if chosen.type == AttributeProto.INT:
        chosen.i = _one(_NUMBERS, rng) if extreme else chosen.i + _one((-1, 1), rng)
    elif chosen.type == AttributeProto.FLOAT:
        chosen.f = _one(_REALS, rng) if extreme else chosen.f * 2
    elif chosen.ints:
        place = int(rng.integers(len(chosen.ints)))
        near = chosen.ints[place] + _one((-1, 1), rng)
        chosen.ints[place] = _one(_NUMBERS, rng) if extreme else near


def _misshape(info: ValueInfoProto, rng: Rng) -> None:
    shape = info.type.tensor_type.shape
    match int(rng.integers(4)):
        case 0:
            info.type.tensor_type.ClearField("shape")
        case 1:
            shape.dim.add(dim_value=1)
        case 2:
            del shape.dim[-1:]
        case _ if shape.dim:
            dim = shape.dim[int(rng.integers(len(shape.dim)))]
            if rng.random() < 0.3:
                dim.dim_param = _one(("N", "H", ""), rng)
            else:
                dim.dim_value = _one((1, 2, 3, 7, 20, *_NUMBERS), rng)


def output_shape(model: ModelProto, rng: Rng) -> None:
    """An output is declared of another shape."""
    _misshape(_one([v for g in _graphs(model.graph) for v in g.output], rng), rng)


def input_shape(model: ModelProto, rng: Rng) -> None:
    """An input is declared of another shape."""
    infos = [v for g in _graphs(model.graph) for v in g.input]
    if infos:
        _misshape(_one(infos, rng), rng)


def inner_shape(model: ModelProto, rng: Rng) -> None:
    """Tensors inside are declared of shapes that they do not have."""
    for _ in range(3):
        graph, i = _node(model, rng)
        for name in graph.node[i].output[:1]:
            dims = [_one((1, 2, 3, 9), rng) for _ in range(int(rng.integers(5)))]
            info = helper.make_tensor_value_info(name, TensorProto.FLOAT, dims)
            graph.value_info.append(info)


def element_type(model: ModelProto, rng: Rng) -> None:
    """An input, output or weight is of another element type."""
    kind = _one((1, 6, 7, 9, 10, 11, 16, 99), rng)
    infos = [v for g in _graphs(model.graph) for v in (*g.input, *g.output)]
    if rng.random() < 0.5 and model.graph.initializer:
        _one(model.graph.initializer, rng).data_type = kind
    else:
        _one(infos, rng).type.tensor_type.elem_type = kind


def opset(model: ModelProto, rng: Rng) -> None:
    """Another opset or IR version, or none."""
    match int(rng.integers(4)):
        case 0:
            del model.opset_import[:]
        case 1:
            model.ir_version = _one((0, 3, 4, 8, 10, 13, 99), rng)
        case _:
            _one(model.opset_import, rng).version = _one((0, 1, 6, 8, 10, 12, 17, 22, 25, 99), rng)


def weight(model: ModelProto, rng: Rng) -> None:
    """A weight is missing, an input, of another shape, cut, or holds extreme numbers."""
    weights = model.graph.initializer
    if not weights:
        return
    chosen = _one(weights, rng)
    match int(rng.integers(6)):
        case 0:
            weights.remove(chosen)
        case 1:
            info = helper.make_tensor_value_info(chosen.name, chosen.data_type, chosen.dims)
            model.graph.input.append(info)
            if rng.random() < 0.5:
                weights.remove(chosen)
        case 2:
            chosen.dims[:] = list(chosen.dims)[::-1]
        case 3:
            chosen.raw_data = chosen.raw_data[: len(chosen.raw_data) // 2]
        case 4:
            chosen.dims[:] = [_one(_NUMBERS, rng) for _ in chosen.dims]
        case _:
            value = numpy_helper.to_array(chosen).copy()
            value[rng.random(value.shape) < 0.1] = _one(
                _REALS if value.dtype.kind == "f" else (0, 1), rng
            )
            chosen.CopyFrom(numpy_helper.from_array(value, chosen.name))


def name_of_ours(model: ModelProto, rng: Rng) -> None:
    """Tensors have names that a built graph gives."""
    graph = model.graph
    tensors = [name for node in graph.node for name in node.output if name]
    ends = [v.name for v in (*graph.input, *graph.output)]
    for new in rng.permutation(_OURS)[:3]:
        old = _one(ends if rng.random() < 0.7 else tensors, rng)
        _renamed(model, old, str(new))
        tensors, ends = ([str(new) if n == old else n for n in names] for names in (tensors, ends))


def strange_name(model: ModelProto, rng: Rng) -> None:
    """A tensor, a node or a dimension has a strange name, or that of another."""
    graph, i = _node(model, rng)
    node, new = graph.node[i], _one(_STRANGE, rng)
    tensors = [name for n in graph.node for name in n.output if name]
    match int(rng.integers(4)):
        case 0:
            node.name = new
        case 1 if node.output:
            _renamed(model, node.output[0], new)
        case 2 if node.output:
            node.output[0] = _one(tensors, rng)
        case _:
            _renamed(model, _one(model.graph.input, rng).name, new)


def more_outputs(model: ModelProto, rng: Rng) -> None:
    """A tensor inside, or an input, is an output too, or an output is missing."""
    graph = model.graph
    tensors = [name for node in graph.node for name in node.output if name]
    if rng.random() < 0.3:
        del graph.output[int(rng.integers(len(graph.output)))]
    name = _one([*tensors, graph.input[0].name], rng)
    graph.output.append(ValueInfoProto(name=name))
    if rng.random() < 0.7:
        graph.output[-1].type.tensor_type.elem_type = TensorProto.FLOAT


STRUCTURE: Mapping[str, Sequence[Edit]] = {
    "nodes": (without_node, another_operator, another_order, another_input, more_between),
    "attributes": (attribute,),
    "shapes": (output_shape, input_shape, inner_shape, element_type),
    "opsets": (opset,),
    "weights": (weight,),
    "names": (name_of_ours, strange_name, more_outputs),
}
"""What is edited, by the kind of it."""

_SOUND = ("nodes", "shapes", "names", "attributes")

KINDS = (*_SOUND, "weights", "opsets", *_SOUND, "bytes", "cut")
"""In turns; what may leave a model sound is tried more often."""


def mutated(raw: bytes, kind: str, rng: Rng) -> tuple[bytes, str]:
    """A damaged file, and by which edit; one or, rarely, several of its kind."""
    if kind == "bytes":
        edit = _one([e for e in damage.BYTES if e is not damage.cut], rng)
        return edit(raw, rng), edit.__name__
    if kind == "cut":
        return damage.cut(raw, rng), "cut"
    model = ModelProto()
    model.ParseFromString(raw)
    names = []
    for _ in range(1 if rng.random() < 0.8 else 3):
        change = _one(STRUCTURE[kind], rng)
        try:
            change(model, rng)
        except (ValueError, TypeError, IndexError):  # a second edit of what the first has left
            continue
        names.append(change.__name__)
    return model.SerializeToString(), ", ".join(names)
