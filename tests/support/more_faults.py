"""More faults: attributes of many operators, weights in other orders, operators replaced."""

from __future__ import annotations

from collections.abc import Callable

import ml_dtypes
import numpy as np
from onnx import NodeProto, helper

from support.faults import (
    Array,
    Editor,
    Fault,
    _has_bias,
    _is,
    _is_inner,
    _kernel,
    _reweigh,
    _set,
    _weighs,
)


def _inputs(editor: Editor, node: NodeProto, least: int) -> bool:
    weight = editor.weight(node)
    return _weighs(editor, node) and weight is not None and weight.shape[1] >= least


def _weighs_much(editor: Editor, node: NodeProto) -> bool:
    """Of few weights nobody can tell a grid, or a bound that many of them reach."""
    weight = editor.weight(node)
    return _weighs(editor, node) and weight is not None and weight.size >= 64


def _transposed(editor: Editor, node: NodeProto) -> bool:
    weight = editor.weight(node)
    return _weighs(editor, node) and weight is not None and weight.shape[0] == weight.shape[1] > 1


def _other_order(weight: Array) -> Array:
    """The layout of another framework under the sizes of this one."""
    return np.moveaxis(weight, 0, -1).reshape(weight.shape)


def _in_int8(weight: Array) -> Array:
    step = np.abs(weight).max() / 127
    return np.round(weight / step) * step


def _clipped(weight: Array) -> Array:
    most = np.quantile(np.abs(weight), 0.8)
    return np.clip(weight, -most, most)


def _channel_gone(weight: Array) -> Array:
    changed = weight.copy()
    changed[len(weight) // 2] = 0
    return changed


def _shuffled(weight: Array) -> Array:
    return weight[np.random.default_rng(3).permutation(len(weight))]


def _bias(change: Callable[[Array], Array]) -> Callable[[Editor, NodeProto], None]:
    def make(editor: Editor, node: NodeProto) -> None:
        bias = editor.constant(node.input[2])
        assert bias is not None
        editor.set_constant(node.input[2], change(bias).astype(bias.dtype))

    return make


def _constant(place: int, value: Callable[[Array], Array]) -> Callable[[Editor, NodeProto], None]:
    def make(editor: Editor, node: NodeProto) -> None:
        old = editor.constant(node.input[place])
        assert old is not None
        name = f"{node.output[0]}_{place}_changed"
        editor.set_constant(name, value(old).astype(old.dtype))
        node.input[place] = name

    return make


def _reads_constant(op: str, place: int) -> Callable[[Editor, NodeProto], bool]:
    return lambda editor, node: (
        node.op_type == op
        and len(node.input) > place
        and editor.constant(node.input[place]) is not None
    )


def _as(op: str) -> Callable[[Editor, NodeProto], None]:
    def make(editor: Editor, node: NodeProto) -> None:
        node.op_type = op
        del node.attribute[:]

    return make


def _behind(op: str, **attributes: object) -> Callable[[Editor, NodeProto], None]:
    """An operator is put behind the node."""

    def make(editor: Editor, node: NodeProto) -> None:
        name = node.output[0]
        node.output[0] = f"{name}_before"
        place = [n.output[0] for n in editor.graph.node].index(node.output[0])
        added = helper.make_node(op, [node.output[0]], [name], **attributes)
        editor.graph.node.insert(place + 1, added)

    return make


def _saturating(editor: Editor, node: NodeProto) -> None:
    name = node.output[0]
    _behind("Clip")(editor, node)
    clip = next(n for n in editor.graph.node if n.output[0] == name)
    editor.bound(clip, -0.5, 0.5)


def _swap(editor: Editor, node: NodeProto) -> None:
    node.input[0], node.input[1] = node.input[1], node.input[0]


def _swappable(editor: Editor, node: NodeProto) -> bool:
    return (
        node.op_type in ("Sub", "Div", "Concat")
        and len(node.input) == 2
        and not (
            node.op_type == "Div"
            and editor.constant(node.input[1]) is not None
            and editor.constant(node.input[1]).ndim == 0
        )
    )


def _first_operand(editor: Editor, node: NodeProto) -> bool:
    return node.op_type == "Add" and editor.constant(node.input[1]) is None


def _tanh_gelu(editor: Editor, node: NodeProto) -> None:
    """The Erf of a GELU by the usual tanh: erf(x/sqrt 2) = tanh(sqrt(2/pi) (x + 0.044715 x^3))."""
    x, name = node.input[0], node.output[0]
    editor.set_constant(f"{name}_k", np.float32(2 * 0.044715))
    editor.set_constant(f"{name}_c", np.float32(2 / np.sqrt(np.pi)))
    editor.set_constant(f"{name}_3", np.float32(3))
    place = [n.output[0] for n in editor.graph.node].index(name)
    steps = [
        helper.make_node("Pow", [x, f"{name}_3"], [f"{name}_p"]),
        helper.make_node("Mul", [f"{name}_p", f"{name}_k"], [f"{name}_q"]),
        helper.make_node("Add", [x, f"{name}_q"], [f"{name}_s"]),
        helper.make_node("Mul", [f"{name}_s", f"{name}_c"], [f"{name}_t"]),
    ]
    node.op_type = "Tanh"
    node.input[0] = f"{name}_t"
    for step in reversed(steps):
        editor.graph.node.insert(place, step)


def _one_lost(bias: Array) -> Array:
    changed = bias.copy()
    changed[len(bias) // 2] = 0
    return changed


def _in_int4(weight: Array) -> Array:
    step = np.abs(weight).max() / 7
    return np.round(weight / step) * step


def _skippable(editor: Editor, node: NodeProto) -> list[int]:
    """The inputs of a join that an activation gives."""
    made = {n.output[0]: n for n in editor.graph.node}
    ops = ("BatchNormalization", "Elu", "Relu")
    found = range(len(node.input)) if node.op_type in ("Add", "Concat") else ()
    return [i for i in found if node.input[i] in made and made[node.input[i]].op_type in ops]


def _skip(editor: Editor, node: NodeProto) -> None:
    """A join reads what goes into the activation that it read."""
    place = _skippable(editor, node)[0]
    made = {n.output[0]: n for n in editor.graph.node}
    node.input[place] = made[node.input[place]].input[0]


def _kernel_reads(editor: Editor, node: NodeProto) -> bool:
    """Whether a convolution reads a node's map, in an opset whose Slice has inputs."""
    if max(o.version for o in editor.model.opset_import if o.domain in ("", "ai.onnx")) < 10:
        return False
    return any(n.op_type == "Conv" and n.input[0] == node.output[0] for n in editor.graph.node)


def _mirror(editor: Editor, node: NodeProto) -> None:
    """The map behind a node from right to left."""
    name = node.output[0]
    _behind("Slice")(editor, node)
    mirror = next(n for n in editor.graph.node if n.output[0] == name)
    for key, value in (("start", -1), ("end", -1000), ("axis", 3), ("step", -1)):
        editor.set_constant(f"{name}_{key}", np.array([value]))
        mirror.input.append(f"{name}_{key}")


def _kinds(*names: str) -> frozenset[str]:
    return frozenset(names)


MORE_FAULTS = (
    Fault("sign lost", _weighs, _reweigh(lambda w: -w), _kinds("scaled")),
    Fault("mirrored", _kernel, _reweigh(lambda w: w[..., ::-1]), _kinds("kernel-flipped")),
    Fault(
        "inputs and outputs swapped",
        _transposed,
        _reweigh(lambda w: w.swapaxes(0, 1)),
        _kinds("channels-swapped"),
    ),
    Fault(
        "another framework's layout",
        lambda e, n: _inputs(e, n, 2),
        _reweigh(_other_order),
        _kinds("reordered", "channels-swapped"),
    ),
    Fault("rounded to int8", _weighs_much, _reweigh(_in_int8), _kinds("int8")),
    Fault("weights clipped", _weighs_much, _reweigh(_clipped), _kinds("weights-clipped")),
    Fault("a channel lost", _weighs, _reweigh(_channel_gone), _kinds("weights-zeroed")),
    Fault("output channels shuffled", _weighs, _reweigh(_shuffled), _kinds("channels-permuted")),
    Fault("bias in another order", _has_bias, _bias(lambda b: np.roll(b, 1)), _kinds("bias")),
    Fault("bias scaled", _has_bias, _bias(lambda b: 3 * b), _kinds("bias")),
    Fault("bias NaN", _has_bias, _bias(lambda b: b * np.nan), _kinds("nonfinite")),
    Fault(
        "strides",
        lambda e, n: n.op_type == "Conv" and list(e.attribute(n, "strides", [1, 1])) == [2, 2],
        _set("strides", [1, 1]),
        _kinds("strides"),
    ),
    Fault(
        "count_include_pad",
        _is("AveragePool"),
        _set("count_include_pad", 1),
        _kinds("count_include_pad"),
    ),
    Fault("alpha of Elu", _is("Elu"), _set("alpha", 1.3), _kinds("alpha")),
    Fault("alpha of HardSigmoid", _is("HardSigmoid"), _set("alpha", 1 / 6), _kinds("alpha")),
    Fault("slope of PRelu", _is("PRelu"), _constant(1, lambda s: s / 2), _kinds("constant-slope")),
    Fault("Resize nearest", _is("Resize"), _set("mode", "nearest"), _kinds("mode")),
    Fault(
        "Resize corners aligned",
        _is("Resize"),
        _set("coordinate_transformation_mode", "align_corners"),
        _kinds("coordinate_transformation_mode"),
    ),
    Fault(
        "Pad value",
        _reads_constant("Pad", 2),
        _constant(2, lambda v: v * 0),
        _kinds("constant-constant_value"),
    ),
    Fault("Pad mode", _is("Pad"), _set("mode", "reflect"), _kinds("mode")),
    Fault("pixels out of channels", _is("DepthToSpace"), _set("mode", "CRD"), _kinds("mode")),
    Fault(
        "epsilon of InstanceNormalization",
        _is("InstanceNormalization"),
        _set("epsilon", 0.1),
        _kinds("epsilon"),
    ),
    Fault(
        "InstanceNormalization lost",
        _is_inner("InstanceNormalization"),
        lambda e, n: e.bypass(n),
        _kinds("operator-lost"),
    ),
    Fault("LRN size", _is("LRN"), _set("size", 5), _kinds("size")),
    Fault(
        "alpha of Gemm",
        lambda e, n: n.op_type == "Gemm" and e.attribute(n, "alpha", 1.0) == 0.5,
        _set("alpha", 1.0),
        _kinds("alpha", "scaled"),
    ),
    Fault(
        "HardSigmoid for Sigmoid", _is("Sigmoid"), _as("HardSigmoid"), _kinds("operator-replaced")
    ),
    Fault("ReLU leaks", _is("Relu"), _as("LeakyRelu"), _kinds("operator-replaced")),
    Fault("GELU by tanh", _is("Erf"), _tanh_gelu, _kinds("operator-replaced", "gelu")),
    Fault("saturating", _is_inner("Conv"), _saturating, _kinds("operator-added", "saturation")),
    Fault("sum lost", _first_operand, lambda e, n: e.bypass(n), _kinds("operator-lost")),
    Fault("maximum for sum", _first_operand, _as("Max"), _kinds("operator-replaced")),
    Fault(
        "operands swapped",
        _swappable,
        _swap,
        _kinds("operands-swapped", "values-permuted", "values-scaled", "values-function"),
    ),
    Fault("sigmoid added", _is_inner("Conv"), _behind("Sigmoid"), _kinds("operator-added")),
    Fault("Softmax twice", _is("Softmax"), _behind("Softmax", axis=1), _kinds("operator-added")),
    Fault(
        "Softmax lost",
        _is("Softmax"),
        lambda e, n: setattr(n, "op_type", "Identity") or n.ClearField("attribute"),
        _kinds("operator-lost"),
    ),
    Fault(
        "maximum for average",
        _is("GlobalAveragePool"),
        _as("GlobalMaxPool"),
        _kinds("operator-replaced"),
    ),
    Fault(
        "an activation skipped",
        lambda e, n: bool(_skippable(e, n)),
        _skip,
        _kinds("inputs", "operator-lost"),
    ),
    Fault("kernel moved", _kernel, _reweigh(lambda w: np.roll(w, 1, 3)), _kinds("kernel-moved")),
    Fault(
        "rounded to float8",
        _weighs_much,
        _reweigh(lambda w: w.astype(ml_dtypes.float8_e4m3fn).astype(np.float32)),
        _kinds("float8"),
    ),
    Fault("rounded to int4", _weighs_much, _reweigh(_in_int4), _kinds("int4")),
    Fault("bias of one channel lost", _has_bias, _bias(_one_lost), _kinds("bias")),
    Fault(
        "mirrored map",
        lambda e, n: n.op_type in ("Conv", "Relu") and _kernel_reads(e, n),
        _mirror,
        _kinds("operator-added", "values-permuted", "moved"),
    ),
)
