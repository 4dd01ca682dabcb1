"""Models that are damaged, or whose functions and bodies have no end."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import numpy as np
from onnx import FunctionProto, ModelProto, NodeProto, SparseTensorProto, TensorProto, helper
from onnx.numpy_helper import from_array

from support import nets
from support.hostile import ints, node, on_path

# --- local functions ---------------------------------------------------------------------------


def function(name: str, nodes: Sequence[NodeProto]) -> FunctionProto:
    return helper.make_function(
        "own", name, ["a"], ["z"], nodes, [helper.make_opsetid(d, v) for d, v in _IMPORTS]
    )


_IMPORTS = (("", 18), ("own", 1))


def calling(*functions: FunctionProto) -> ModelProto:
    """A network that calls the first of some local functions."""
    call = helper.make_node(functions[0].name, ["r"], ["y"], domain="own", name="call")
    model = on_path([call], [1, 4])
    model.opset_import.add(domain="own", version=1)
    model.functions.extend(functions)
    return model


def _call(name: str, a: str = "a", z: str = "z") -> NodeProto:
    return helper.make_node(name, [a], [z], domain="own")


def _in_if(body: Sequence[NodeProto], end: str) -> NodeProto:
    """An If with these nodes in a branch, which reads k."""
    out = [nets.info(end, [1, 4])]
    zeros = from_array(np.zeros((1, 4), np.float32))
    other_body = [helper.make_node("Constant", [], [end], value=zeros)]
    then, other = (helper.make_graph(nodes, "branch", [], out) for nodes in (body, other_body))
    return helper.make_node("If", ["k"], ["z"], then_branch=then, else_branch=other)


def exponential(levels: int) -> ModelProto:
    """Each function calls the next one twice."""
    made = [
        function(f"f{i}", [_call(f"f{i + 1}", "a", "b"), _call(f"f{i + 1}", "b", "z")])
        for i in range(levels)
    ]
    return calling(*made, function(f"f{levels}", [helper.make_node("Relu", ["a"], ["z"])]))


def _bodies_in_functions(levels: int) -> ModelProto:
    """Each function calls the next one in a branch of an If."""
    true = helper.make_node("Constant", [], ["k"], value=from_array(np.array(True)))
    made = [
        function(f"f{i}", [true, _in_if([_call(f"f{i + 1}", "a", "b")], "b")])
        for i in range(levels)
    ]
    return calling(*made, function(f"f{levels}", [helper.make_node("Relu", ["a"], ["z"])]))


def _heavy() -> ModelProto:
    """A weight of a megabyte, in a function that is called four thousand times."""
    weight = from_array(np.zeros(2**18, np.float32))
    leaf = [helper.make_node("Constant", [], ["w"], value=weight)]
    leaf += [helper.make_node("Identity", ["a"], ["z"])]
    names = ["a", *(f"t{i}" for i in range(3999)), "z"]
    calls = [_call("leaf", a, z) for a, z in itertools.pairwise(names)]
    return calling(function("many", calls), function("leaf", leaf))


FUNCTIONS: dict[str, tuple[Callable[[], ModelProto], str]] = {
    "calls itself": (lambda: calling(function("f", [_call("f")])), "'f' calls itself"),
    "call one another": (
        lambda: calling(function("f", [_call("g")]), function("g", [_call("f")])),
        "calls itself",
    ),
    "calls itself in a body": (
        lambda: calling(function("f", [_in_if([_call("f", "a", "b")], "b")])),
        "calls itself",
    ),
    "exponential": (lambda: exponential(40), "unfold to"),
    "bodies in functions": (lambda: _bodies_in_functions(16), "levels deep"),
    "a deep chain": (
        lambda: calling(*(function(f"f{i}", [_call(f"f{i + 1}")]) for i in range(2000))),
        "unfold to",
    ),
    "heavy": (_heavy, "unfold to"),
}


# --- graphs ------------------------------------------------------------------------------------


def nested(levels: int) -> ModelProto:
    """An If in an If in an If."""
    nodes = [helper.make_node("Relu", ["x"], ["z"], name="inmost")]
    for _ in range(levels):
        nodes = [_in_if(nodes, "z")]
    nodes[0].output[0] = "y"
    inputs = [nets.info("x", [1, 4]), nets.info("k", [], TensorProto.BOOL)]
    return nets.model(nodes, inputs, [nets.info("y", [1, 4])], opset=18)


def nested_bytes(levels: int) -> bytes:
    """Bodies in bodies, deeper than a parser may follow."""
    raw = b""
    for field in (7, *(1, 5, 6) * levels)[::-1]:
        raw = bytes([field << 3 | 2]) + _varint(len(raw)) + raw
    return raw


def _varint(number: int) -> bytes:
    low = number & 127
    return bytes([low]) if number < 128 else bytes([low | 128]) + _varint(number >> 7)


def _edited(edit: Callable[[ModelProto], object]) -> ModelProto:
    model = nets.cnn()
    edit(model)
    return model


def _cycle(model: ModelProto) -> None:
    model.graph.node[0].input[0] = "e"


def _own_input(model: ModelProto) -> None:
    model.graph.node[1].input[0] = "b"


def _dangling(model: ModelProto) -> None:
    model.graph.node[4].input[0] = "nowhere"


def _dangling_output(model: ModelProto) -> None:
    model.graph.output[0].name = "nowhere"


def _duplicate(model: ModelProto) -> None:
    model.graph.node[4].output[0] = "b"


def _duplicate_weights(model: ModelProto) -> None:
    model.graph.initializer.add().CopyFrom(model.graph.initializer[0])
    model.graph.initializer[-1].raw_data = bytes(len(model.graph.initializer[0].raw_data))


def _duplicate_input(model: ModelProto) -> None:
    model.graph.input.append(model.graph.input[0])


def _huge_dims(model: ModelProto) -> None:
    model.graph.initializer[0].dims[:] = [2**31, 2**31, 3, 3]


def _overflowing_dims(model: ModelProto) -> None:
    """The product is 648 modulo 2^64, the number of bytes that are there."""
    model.graph.initializer[0].dims[:] = [2**32, 2**32, 2**32, 2**32]


def _negative_dims(model: ModelProto) -> None:
    model.graph.initializer[0].dims[:] = [-6, -3, 3, 3]


def _many_axes(model: ModelProto) -> None:
    model.graph.initializer[1].dims[:] = [6] + [1] * 100_000


def _short(model: ModelProto) -> None:
    model.graph.initializer[0].raw_data = model.graph.initializer[0].raw_data[:-1]


def _long(model: ModelProto) -> None:
    model.graph.initializer[0].raw_data += b"\0" * 4


GRAPHS: dict[str, tuple[Callable[[], ModelProto], str]] = {
    "cycle": (lambda: _edited(_cycle), "cycle"),
    "own input": (lambda: _edited(_own_input), "cycle"),
    "dangling": (lambda: _edited(_dangling), "'nowhere', which nothing makes"),
    "dangling output": (lambda: _edited(_dangling_output), "nothing makes its output 'nowhere'"),
    "duplicate tensor": (lambda: _edited(_duplicate), "two things make 'b'"),
    "duplicate weights": (lambda: _edited(_duplicate_weights), "are named 'w1'"),
    "duplicate input": (lambda: _edited(_duplicate_input), "two things make 'x'"),
    "huge dimensions": (lambda: _edited(_huge_dims), "'w1'"),
    "overflowing dimensions": (lambda: _edited(_overflowing_dims), "'w1'"),
    "negative dimensions": (lambda: _edited(_negative_dims), "'w1'"),
    "a hundred thousand axes": (lambda: _edited(_many_axes), "'b1'"),
    "too few bytes": (lambda: _edited(_short), "'w1' hold"),
    "too many bytes": (lambda: _edited(_long), "'w1' hold"),
    "nested": (lambda: nested(9), "levels deep"),
    "no value": (
        lambda: on_path([node("Constant", "", "c"), node("Add", "r c", "y")], [1, 2]),
        "has no value",
    ),
    "no groups": (lambda: _slid("Conv", group=0), "has group of 0"),
    "no stride": (lambda: _slid("Conv", strides=[1, 0]), "has strides of 1, 0"),
    "stride back": (lambda: _slid("Conv", strides=[-1, 1]), "has strides of -1, 1"),
    "no dilation": (lambda: _slid("MaxPool", dilations=[0, 1]), "has dilations of 0, 1"),
}


def _slid(op: str, **attributes: object) -> ModelProto:
    weights = {"w": np.ones((2, 2, 1, 1), np.float32)} if op == "Conv" else {}
    given = attributes if op == "Conv" else {"kernel_shape": [2, 2], **attributes}
    return on_path([node(op, " ".join(["r", *weights]), "y", **given)], [1, 2, 6, 6], weights)


# --- sparse weights ----------------------------------------------------------------------------


def sparse(values: np.ndarray, indices: np.ndarray, dims: Sequence[int]) -> SparseTensorProto:
    stored = from_array(values.astype(np.float32), "w"), from_array(indices, "w_indices")
    return helper.make_sparse_tensor(*stored, dims)


def sparse_net(weight: SparseTensorProto) -> ModelProto:
    """x [N, 4] · w [4, 3], then a Relu."""
    model = nets.model(
        [node("MatMul", "x w", "m"), node("Relu", "m", "y")],
        [nets.info("x", ["N", 4])],
        [nets.info("y", ["N", 3])],
        opset=18,
    )
    model.graph.sparse_initializer.append(weight)
    return model


_TWO = np.ones(2)

SPARSE: dict[str, SparseTensorProto] = {
    "past the end": sparse(_TWO, ints(0, 12), [4, 3]),
    "before the start": sparse(_TWO, ints(-1, 3), [4, 3]),
    "past an axis": sparse(_TWO, np.array([[0, 3], [1, 0]]), [4, 3]),
    "before an axis": sparse(_TWO, np.array([[0, -1], [1, 0]]), [4, 3]),
    "too many axes": sparse(_TWO, np.array([[0, 1, 0], [1, 0, 0]]), [4, 3]),
    "fewer than values": sparse(_TWO, ints(0), [4, 3]),
    "of another type": sparse(_TWO, np.array([0.0, 1.0]), [4, 3]),
    "of a vast tensor": sparse(_TWO, ints(0, 1), [2**31, 2**31]),
    "of a negative shape": sparse(_TWO, ints(0, 1), [-4, -3]),
    "values of two axes": sparse(np.ones((2, 1)), ints(0, 1), [4, 3]),
}
