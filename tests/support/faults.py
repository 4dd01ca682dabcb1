"""Faults as exporters, converters and optimisers make them, put into a model at a chosen place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import ml_dtypes
import numpy as np
import onnx
from onnx import ModelProto, NodeProto, helper, numpy_helper

Array = np.ndarray


@dataclass(frozen=True)
class Fault:
    """A kind of fault.

    Attributes:
        name: of the kind.
        fits: whether it can be made in a node.
        make: makes it, in place.
        kinds: the causes that name it rightly.
    """

    name: str
    fits: Callable[[Editor, NodeProto], bool]
    make: Callable[[Editor, NodeProto], None]
    kinds: frozenset[str]


class Editor:
    """A copy of a model that is being changed."""

    def __init__(self, model: ModelProto) -> None:
        self.model = ModelProto()
        self.model.CopyFrom(model)
        self.graph = self.model.graph

    def constant(self, name: str) -> Array | None:
        for tensor in self.graph.initializer:
            if tensor.name == name:
                return numpy_helper.to_array(tensor)
        return None

    def set_constant(self, name: str, value: Array) -> None:
        for tensor in self.graph.initializer:
            if tensor.name == name:
                tensor.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(value), name))
                return
        self.graph.initializer.append(numpy_helper.from_array(np.ascontiguousarray(value), name))

    def attribute(self, node: NodeProto, name: str, default: object) -> object:
        for attribute in node.attribute:
            if attribute.name == name:
                return helper.get_attribute_value(attribute)
        return default

    def set_attribute(self, node: NodeProto, name: str, value: object) -> None:
        kept = [a for a in node.attribute if a.name != name]
        del node.attribute[:]
        node.attribute.extend([*kept, helper.make_attribute(name, value)])

    def weight(self, node: NodeProto) -> Array | None:
        return self.constant(node.input[1]) if len(node.input) > 1 else None

    def bypass(self, node: NodeProto) -> None:
        """A node's readers read its input instead."""
        for other in self.graph.node:
            for place, name in enumerate(other.input):
                if name == node.output[0]:
                    other.input[place] = node.input[0]
        self.graph.node.remove(node)

    def bound(self, clip: NodeProto, low: float, high: float) -> None:
        """Give a Clip its bounds as its opset has them."""
        if max(o.version for o in self.model.opset_import if o.domain in ("", "ai.onnx")) < 11:
            self.set_attribute(clip, "min", float(low))
            self.set_attribute(clip, "max", float(high))
            return
        for end, value in (("low", low), ("high", high)):
            name = f"{clip.output[0]}_{end}"
            self.set_constant(name, np.float32(value))
            clip.input.append(name)

    def is_output(self, node: NodeProto) -> bool:
        return node.output[0] in {v.name for v in self.graph.output}


def _weighs(editor: Editor, node: NodeProto, ops: Sequence[str] = ("Conv", "Gemm")) -> bool:
    return node.op_type in ops and editor.weight(node) is not None


def _kernel(editor: Editor, node: NodeProto) -> bool:
    weight = editor.weight(node) if node.op_type == "Conv" else None
    return weight is not None and weight.ndim == 4 and weight.shape[2] == weight.shape[3] > 1


def _reweigh(change: Callable[[Array], Array]) -> Callable[[Editor, NodeProto], None]:
    def make(editor: Editor, node: NodeProto) -> None:
        weight = editor.weight(node)
        assert weight is not None
        editor.set_constant(node.input[1], change(weight).astype(weight.dtype))

    return make


def _pruned(weight: Array) -> Array:
    return np.where(np.abs(weight) < np.quantile(np.abs(weight), 0.4), 0, weight)


def _permuted(weight: Array) -> Array:
    return weight[np.roll(np.arange(len(weight)), 1)]


def _truncated(weight: Array) -> Array:
    flat = weight.reshape(-1).copy()
    flat[int(0.8 * flat.size) :] = 0
    return flat.reshape(weight.shape)


def _has_bias(editor: Editor, node: NodeProto) -> bool:
    bias = editor.constant(node.input[2]) if len(node.input) > 2 else None
    return node.op_type in ("Conv", "Gemm") and bias is not None and bool(bias.any())


def _lose_bias(editor: Editor, node: NodeProto) -> None:
    del node.input[2]


def _shift_pads(editor: Editor, node: NodeProto) -> None:
    pads = [*editor.attribute(node, "pads", [])]  # type: ignore[misc]
    half = len(pads) // 2
    moved = [0] * half + [pads[i] + pads[i + half] for i in range(half)]
    editor.set_attribute(node, "pads", moved)


def _padded(editor: Editor, node: NodeProto) -> bool:
    pads = editor.attribute(node, "pads", ())
    return node.op_type == "Conv" and bool(pads) and min(pads) > 0  # type: ignore[call-overload]


def _dilate(editor: Editor, node: NodeProto) -> None:
    pads = editor.attribute(node, "pads", ())
    editor.set_attribute(node, "dilations", [2, 2])
    editor.set_attribute(node, "pads", [2 * p for p in pads])  # type: ignore[attr-defined]


def _is_dilatable(editor: Editor, node: NodeProto) -> bool:
    weight = editor.weight(node) if node.op_type == "Conv" else None
    return _padded(editor, node) and weight is not None and weight.shape[2:] == (3, 3)


def _is(op: str) -> Callable[[Editor, NodeProto], bool]:
    return lambda editor, node: node.op_type == op


def _of_a_map(editor: Editor, node: NodeProto) -> bool:
    """Whether it is a Softmax that gives an output with positions."""
    ranks = {v.name: len(v.type.tensor_type.shape.dim) for v in editor.graph.output}
    return node.op_type == "Softmax" and ranks.get(node.output[0], 0) > 2


def _is_inner(op: str) -> Callable[[Editor, NodeProto], bool]:
    return lambda editor, node: node.op_type == op and not editor.is_output(node)


def _to_relu6(editor: Editor, node: NodeProto) -> None:
    node.op_type = "Clip"
    editor.bound(node, 0, 0.3)


def _one_changed(weight: Array) -> Array:
    changed = weight.copy()
    changed.reshape(-1)[weight.size // 2] += 3
    return changed


def _infinite(weight: Array) -> Array:
    changed = weight.copy()
    changed.reshape(-1)[weight.size // 2] = np.inf
    return changed


def _shift_bias(editor: Editor, node: NodeProto) -> None:
    bias = editor.constant(node.input[2])
    assert bias is not None
    editor.set_constant(
        node.input[2], (bias + np.linspace(-0.5, 0.7, len(bias))).astype(bias.dtype)
    )


def _add_relu(editor: Editor, node: NodeProto) -> None:
    name = node.output[0]
    node.output[0] = f"{name}_before"
    place = [n.output[0] for n in editor.graph.node].index(node.output[0])
    editor.graph.node.insert(place + 1, helper.make_node("Relu", [node.output[0]], [name]))


def _set(name: str, value: object) -> Callable[[Editor, NodeProto], None]:
    return lambda editor, node: editor.set_attribute(node, name, value)


FAULTS = (
    Fault(
        "kernel flipped",
        _kernel,
        _reweigh(lambda w: w[:, :, ::-1, ::-1]),
        frozenset({"kernel-flipped"}),
    ),
    Fault(
        "height and width swapped",
        _kernel,
        _reweigh(lambda w: w.swapaxes(2, 3)),
        frozenset({"kernel-turned"}),
    ),
    Fault(
        "input channels reversed",
        lambda e, n: _weighs(e, n) and e.weight(n).shape[1] > 2,  # type: ignore[union-attr]
        _reweigh(lambda w: w[:, ::-1]),
        frozenset({"channels-reversed"}),
    ),
    Fault("bias lost", _has_bias, _lose_bias, frozenset({"bias-lost"})),
    Fault("pads at one end", _padded, _shift_pads, frozenset({"pads"})),
    Fault("dilated", _is_dilatable, _dilate, frozenset({"dilations"})),
    Fault(
        "normalisation epsilon",
        _is("BatchNormalization"),
        _set("epsilon", 0.1),
        frozenset({"epsilon"}),
    ),
    Fault(
        "ReLU lost",
        _is_inner("Relu"),
        lambda e, n: e.bypass(n),
        frozenset({"operator-lost"}),
    ),
    Fault("ReLU bounded", _is("Relu"), _to_relu6, frozenset({"operator-replaced"})),
    Fault(
        "output channels permuted", _weighs, _reweigh(_permuted), frozenset({"channels-permuted"})
    ),
    Fault("pruned", _weighs, _reweigh(_pruned), frozenset({"weights-zeroed"})),
    Fault("truncated", _weighs, _reweigh(_truncated), frozenset({"weights-zeroed"})),
    Fault(
        "bfloat16",
        _weighs,
        _reweigh(lambda w: w.astype(ml_dtypes.bfloat16).astype(np.float32)),
        frozenset({"bfloat16"}),
    ),
    Fault(
        "scaled by channel",
        _weighs,
        _reweigh(lambda w: w * np.linspace(0.9, 1.1, len(w)).reshape(-1, *[1] * (w.ndim - 1))),
        frozenset({"scaled"}),
    ),
    Fault("slope", _is("LeakyRelu"), _set("alpha", 0.3), frozenset({"alpha"})),
    Fault("ceil_mode", _is("MaxPool"), _set("ceil_mode", 1), frozenset({"ceil_mode", "pads"})),
    Fault("softmax axis", _of_a_map, _set("axis", 2), frozenset({"axis"})),
    Fault(
        "float16 weights",
        _weighs,
        _reweigh(lambda w: w.astype(np.float16).astype(np.float32)),
        frozenset({"float16"}),
    ),
    Fault(
        "scaled",
        _weighs,
        _reweigh(lambda w: 1.1 * w),
        frozenset({"scaled"}),
    ),
    Fault(
        "kernel rotated",
        _kernel,
        _reweigh(lambda w: np.rot90(w, 1, (2, 3))),
        frozenset({"kernel-turned", "weights"}),
    ),
    Fault(
        "input channels permuted",
        lambda e, n: _weighs(e, n) and e.weight(n).shape[1] > 3,  # type: ignore[union-attr]
        _reweigh(lambda w: np.roll(w, 1, 1)),
        frozenset({"channels-permuted"}),
    ),
    Fault("one weight", _weighs, _reweigh(_one_changed), frozenset({"few-weights"})),
    Fault("bias shifted", _has_bias, _shift_bias, frozenset({"bias"})),
    Fault("infinite weight", _weighs, _reweigh(_infinite), frozenset({"nonfinite"})),
    Fault(
        "running mean lost",
        _is("BatchNormalization"),
        lambda e, n: e.set_constant(n.input[3], np.zeros_like(e.constant(n.input[3]))),
        frozenset({"constant-input_mean", "constant-mean"}),
    ),
    Fault(
        "running variance for its square root",
        _is("BatchNormalization"),
        lambda e, n: e.set_constant(n.input[4], np.sqrt(e.constant(n.input[4]))),
        frozenset({"constant-input_var", "constant-var"}),
    ),
    Fault(
        "normalisation lost",
        _is_inner("BatchNormalization"),
        lambda e, n: e.bypass(n),
        frozenset({"operator-lost"}),
    ),
    Fault("ReLU added", _is_inner("Conv"), _add_relu, frozenset({"operator-added"})),
    Fault(
        "average for maximum",
        _is("MaxPool"),
        lambda e, n: setattr(n, "op_type", "AveragePool"),
        frozenset({"operator-replaced"}),
    ),
    Fault(
        "sum for product",
        _is("Mul"),
        lambda e, n: setattr(n, "op_type", "Add"),
        frozenset({"operator-replaced"}),
    ),
    Fault(
        "Tanh for Sigmoid",
        _is("Sigmoid"),
        lambda e, n: setattr(n, "op_type", "Tanh"),
        frozenset({"operator-replaced"}),
    ),
)


def places(model: ModelProto, fault: Fault) -> list[int]:
    """The numbers of the nodes in which the fault can be made."""
    editor = Editor(model)
    return [i for i, node in enumerate(model.graph.node) if fault.fits(editor, node)]


def with_fault(model: ModelProto, fault: Fault, place: int) -> ModelProto:
    """A copy of the model with the fault in the node of that number."""
    editor = Editor(model)
    fault.make(editor, editor.graph.node[place])
    onnx.checker.check_model(editor.model)
    return editor.model
