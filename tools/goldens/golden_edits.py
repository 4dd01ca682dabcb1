"""Rewrites of exported graphs: the same function in other spellings, and a clean-up.

Every spelling must keep the network's outputs, and it shares the network's golden attributions:
whatever stands for ReLU or ReLU6 takes their rules, and whatever stands for hard swish or hard
sigmoid takes its ordinary derivative, although its parts look like a ReLU6.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

Spelling = Callable[["Writer", str, str], None]


def strip(message: Any) -> None:
    """Drop documentation and metadata of a protobuf: exporters put paths of the machine there."""
    for descriptor, value in message.ListFields():
        if descriptor.name in ("doc_string", "metadata_props"):
            message.ClearField(descriptor.name)
        elif descriptor.message_type is not None:
            for item in value if isinstance(value, Sequence) else [value]:
                strip(item)


class Writer:
    """Collects the nodes that replace one node, and the constants of the whole graph."""

    def __init__(self, model: ModelProto) -> None:
        self.model = model
        self.nodes: list[NodeProto] = []
        self.count = sum(node.name.startswith("edit_") for node in model.graph.node)

    def constant(self, value: float) -> str:
        name = f"edit_constant_{value:g}"
        if all(t.name != name for t in self.model.graph.initializer):
            tensor = numpy_helper.from_array(np.array(value, np.float32), name)
            self.model.graph.initializer.append(tensor)
        return name

    def op(self, kind: str, *inputs: str, out: str = "", **attributes: Any) -> str:
        self.count += 1
        out = out or f"edit_{self.count}_{kind}"
        node = helper.make_node(kind, list(inputs), [out], f"edit_{self.count}", **attributes)
        self.nodes.append(node)
        return out


def respell(model: ModelProto, kind: str, spellings: Sequence[Spelling]) -> ModelProto:
    """Replace the nodes of one kind, in graph order, by the spellings taken in turn."""
    model = ModelProto.FromString(model.SerializeToString())
    writer = Writer(model)
    respelled = 0
    for node in model.graph.node:
        if node.op_type == kind:
            spellings[respelled % len(spellings)](writer, node.input[0], node.output[0])
            respelled += 1
        else:
            writer.nodes.append(node)
    if respelled < len(spellings):
        raise ValueError(f"{respelled} nodes {kind} cannot show {len(spellings)} spellings")
    used = {name for node in writer.nodes for name in node.input}
    nodes = [n for n in writer.nodes if n.op_type != "Constant" or n.output[0] in used]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    return model


# --- ReLU ---------------------------------------------------------------------------------------


def relu(w: Writer, x: str, y: str) -> None:
    w.op("Relu", x, out=y)


def relu_max(w: Writer, x: str, y: str) -> None:
    w.op("Max", x, w.constant(0), out=y)


def relu_where(w: Writer, x: str, y: str) -> None:
    zero = w.constant(0)
    w.op("Where", w.op("Greater", x, zero), x, zero, out=y)


def relu_cast(w: Writer, x: str, y: str) -> None:
    mask = w.op("Cast", w.op("Greater", x, w.constant(0)), to=TensorProto.FLOAT)
    w.op("Mul", x, mask, out=y)


def relu_thresholded(w: Writer, x: str, y: str) -> None:
    w.op("ThresholdedRelu", x, out=y, alpha=0.0)


def relu_clip(w: Writer, x: str, y: str) -> None:
    w.op("Clip", x, w.constant(0), out=y)


def relu_max_swapped(w: Writer, x: str, y: str) -> None:
    w.op("Max", w.constant(0), x, out=y)


RELU: list[Spelling] = [
    relu_max,
    relu_where,
    relu_cast,
    relu_thresholded,
    relu_clip,
    relu,
    relu_max_swapped,
]

# --- ReLU6 --------------------------------------------------------------------------------------


def relu6_min_max(w: Writer, x: str, y: str) -> None:
    w.op("Min", w.op("Max", x, w.constant(0)), w.constant(6), out=y)


def relu6_max_min(w: Writer, x: str, y: str) -> None:
    w.op("Max", w.constant(0), w.op("Min", w.constant(6), x), out=y)


def relu6_relu_min(w: Writer, x: str, y: str) -> None:
    w.op("Min", w.op("Relu", x), w.constant(6), out=y)


def relu6_relu_clip(w: Writer, x: str, y: str) -> None:
    w.op("Clip", w.op("Relu", x), "", w.constant(6), out=y)


RELU6: list[Spelling] = [relu6_relu_min, relu6_max_min, relu6_relu_clip, relu6_min_max]

# --- hard swish and hard sigmoid ------------------------------------------------------------------


def hard_sigmoid_clip(w: Writer, x: str, y: str) -> None:
    shifted = w.op("Add", x, w.constant(3))
    w.op("Div", w.op("Clip", shifted, w.constant(0), w.constant(6)), w.constant(6), out=y)


def hard_swish_clip(w: Writer, x: str, y: str) -> None:
    shifted = w.op("Add", x, w.constant(3))
    product = w.op("Mul", x, w.op("Clip", shifted, w.constant(0), w.constant(6)))
    w.op("Div", product, w.constant(6), out=y)


def hard_sigmoid_min_max(w: Writer, x: str, y: str) -> None:
    raised = w.op("Max", w.op("Add", w.constant(3), x), w.constant(0))
    w.op("Mul", w.op("Min", raised, w.constant(6)), w.constant(1 / 6), out=y)


def hard_swish_min_max(w: Writer, x: str, y: str) -> None:
    hard_sigmoid_min_max(w, x, f"{y}_gate")
    w.op("Mul", f"{y}_gate", x, out=y)


# --- local response normalisation -----------------------------------------------------------------


def fold_lrn(model: ModelProto, scope: str, size: int, **attributes: Any) -> ModelProto:
    """Replace the nodes whose names start with `scope` by one LRN node."""
    model = ModelProto.FromString(model.SerializeToString())
    inner = [n for n in model.graph.node if n.name.startswith(scope)]
    computed = {name for n in inner for name in n.output}
    outer = [n for n in model.graph.node if not n.name.startswith(scope)]
    needed = {name for n in outer for name in n.input}
    fixed = {t.name for t in model.graph.initializer}
    fixed |= {name for n in outer if n.op_type == "Constant" for name in n.output}
    sources = {name for n in inner for name in n.input} - computed - fixed
    results = computed & needed
    if len(sources) != 1 or len(results) != 1:
        raise ValueError(f"{scope} is not one function of one tensor: {sources} to {results}")
    (source,), (result,) = sources, results
    lrn = helper.make_node("LRN", [source], [result], scope, size=size, **attributes)
    outer = [n for n in outer if n.op_type != "Constant" or n.output[0] in needed]
    place = next(i for i, n in enumerate(outer) if result in n.input)
    del model.graph.node[:]
    model.graph.node.extend([*outer[:place], lrn, *outer[place:]])
    return model
