"""Models that are made to take a program down: small files, from which vast work would follow."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, helper

from support import nets


def node(op: str, inputs: str, outputs: str, **attributes: Any) -> NodeProto:
    """An operator as of nets.node; an input that is left out is written "-"."""
    made = nets.node(op, inputs, outputs, **attributes)
    made.input[:] = ["" if name == "-" else name for name in made.input]
    return made


Constants = dict[str, np.ndarray]
HUGE = 2**40


def ints(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


def beside(nodes: Sequence[NodeProto], end: str, constants: Constants) -> ModelProto:
    """A network of a Relu, and beside it what ends in a tensor whose sum is added."""
    return nets.model(
        [
            node("Relu", "x", "r"),
            *nodes,
            node("Cast", end, "floats", to=TensorProto.FLOAT),
            node("ReduceSum", "floats", "sum", keepdims=0),
            node("Add", "r sum", "y"),
        ],
        [nets.info("x", ["N", 4])],
        [nets.info("y", ["N", 4])],
        constants,
        opset=18,
    )


def on_path(
    nodes: Sequence[NodeProto], dims: nets.Dims, constants: Constants | None = None
) -> ModelProto:
    """A network of a Relu and what leads from r to y, made flat."""
    inputs = [nets.info("x", dims)]
    nodes = [node("Relu", "x", "r"), *nodes, node("Flatten", "y", "flat")]
    return nets.model(nodes, inputs, [nets.info("flat", [None, None])], constants, opset=18)


def _averaged(dims: Sequence[int]) -> ModelProto:
    """A network whose units see windows of a picture."""
    nodes = [node("Relu", "x", "r"), node("AveragePool", "r", "y", kernel_shape=[2, 2])]
    ends = [*dims[:2], dims[2] - 1, dims[3] - 1]
    return nets.model(nodes, [nets.info("x", dims)], [nets.info("y", ends)], {}, opset=18)


def _bomb(op: str, inputs: str, constants: Constants, **attributes: Any) -> ModelProto:
    return beside([node(op, inputs, "big", **attributes)], "big", constants)


def _doubling(op: str, start: np.ndarray, **attributes: Any) -> ModelProto:
    """A tensor joined with itself forty times."""
    nodes = [node(op, f"t{i} t{i}", f"t{i + 1}", **attributes) for i in range(40)]
    return beside(nodes, "t40", {"t0": start})


def _chain(op: str, second: np.ndarray, count: int = 60) -> ModelProto:
    nodes = [node(op, f"t{i} k", f"t{i + 1}") for i in range(count)]
    return beside(nodes, f"t{count}", {"t0": ints(3), "k": second})


def _shapes_of_shapes() -> ModelProto:
    """Sizes that double from node to node, as shape inference follows them."""
    nodes = [node("Shape", "x", "t0")]
    nodes += [node("Concat", f"t{i} t{i}", f"t{i + 1}", axis=0) for i in range(40)]
    return beside(nodes, "t40", {})


def _endless_loop() -> ModelProto:
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["go"], ["still"]),
            helper.make_node("Concat", ["state", "state"], ["next"], axis=0),
        ],
        "body",
        [
            nets.info("i", [], TensorProto.INT64),
            nets.info("go", [], TensorProto.BOOL),
            nets.info("state", None, TensorProto.INT64),
        ],
        [nets.info("still", [], TensorProto.BOOL), nets.info("next", None, TensorProto.INT64)],
    )
    constants = {"count": np.array(2**62), "yes": np.array(True), "t0": ints(1)}
    return beside([node("Loop", "count yes t0", "big", body=body)], "big", constants)


def _cast_in_a_body() -> ModelProto:
    tile = [node("Tile", "one to", "big"), node("Cast", "big", "whole", to=TensorProto.INT64)]
    body = helper.make_graph(tile, "body", [], [nets.info("whole", None, TensorProto.INT64)])
    branches = {"then_branch": body, "else_branch": body}
    return beside([node("If", "yes", "picked", **branches)], "picked", _YES)


_YES = {"yes": np.array(True), "one": np.ones(1, np.float32), "to": np.array([HUGE])}
_ONE = {"one": np.ones(1, np.float32)}
_PICTURE = {"one": np.ones((1, 1, 1, 1), np.float32)}
_LARGE = np.array([1, 1, 2**20, 2**20])

BOMBS: dict[str, Callable[[], ModelProto]] = {
    "Tile": lambda: _bomb("Tile", "one to", _ONE | {"to": ints(HUGE)}),
    "Tile of nothing": lambda: _bomb(
        "Tile", "none to", {"none": np.ones((0, 1), np.float32), "to": ints(1, HUGE)}
    ),
    "ConstantOfShape": lambda: _bomb("ConstantOfShape", "to", {"to": ints(HUGE)}),
    "ConstantOfShape overflows": lambda: _bomb("ConstantOfShape", "to", {"to": ints(2**62, 4)}),
    "Expand": lambda: _bomb("Expand", "one to", _ONE | {"to": ints(2**20, 2**20)}),
    "Range": lambda: _bomb(
        "Range", "a b c", {"a": np.array(0), "b": np.array(HUGE), "c": np.array(1)}
    ),
    "Range of tiny steps": lambda: _bomb(
        "Range", "a b c", {"a": np.array(0.0), "b": np.array(1.0), "c": np.array(1e-12)}
    ),
    "Resize by sizes": lambda: _bomb("Resize", "one - - to", _PICTURE | {"to": _LARGE}),
    "Resize by scales": lambda: _bomb(
        "Resize", "one - to", _PICTURE | {"to": _LARGE.astype(np.float32)}
    ),
    "Pad": lambda: _bomb("Pad", "one to", _ONE | {"to": ints(HUGE, 0)}),
    "Pad and cut": lambda: _bomb("Pad", "one to", _ONE | {"to": ints(HUGE, -HUGE)}),
    "OneHot": lambda: _bomb(
        "OneHot", "i n v", {"i": ints(1), "n": ints(HUGE), "v": np.array([0.0, 1.0])}
    ),
    "Einsum": lambda: _bomb(
        "Einsum", "one one", {"one": np.ones(4000, np.float32)}, equation="a,b->ab"
    ),
    "outer product": lambda: beside(
        [
            node("MatMul", "column row", "m0"),
            *(node("MatMul", f"m{i} m{i}", f"m{i + 1}") for i in range(20)),
        ],
        "m20",
        {"column": np.ones((4000, 1), np.float32), "row": np.ones((1, 4000), np.float32)},
    ),
    "Concat doubles": lambda: _doubling("Concat", ints(1), axis=0),
    "Shape and Concat double": _shapes_of_shapes,
    "Gather of all by all": lambda: _doubling("Gather", np.zeros((8, 8), np.int64), axis=0),
    "numbers square": lambda: _doubling("Mul", ints(3)),
    "Pow of Pow": lambda: _chain("Pow", ints(3)),
    "BitShift": lambda: beside(
        [node("BitShift", "a b", "shifted", direction="LEFT")],
        "shifted",
        {"a": np.uint64([1]), "b": np.uint64([2**63])},
    ),
    "axes without end": lambda: beside(
        [node("Unsqueeze", f"t{i} k", f"t{i + 1}") for i in range(400)],
        "t400",
        {"t0": np.array(1), "k": np.arange(4000)},
    ),
    "BlackmanWindow": lambda: _bomb("BlackmanWindow", "n", {"n": np.array(HUGE)}),
    "MelWeightMatrix": lambda: _bomb(
        "MelWeightMatrix",
        "n n n low high",
        {"n": np.array(2**30), "low": np.float32(0), "high": np.float32(1e4)},
    ),
    "DFT": lambda: _bomb(
        "DFT", "one n", {"one": np.ones((1, 1, 1), np.float32), "n": np.array(HUGE)}, axis=1
    ),
    "RandomNormal": lambda: _bomb("RandomNormal", "", {}, shape=[HUGE]),
    "Multinomial": lambda: _bomb(
        "Multinomial", "one", {"one": np.ones((1, 1), np.float32)}, sample_size=2**31 - 1
    ),
    "MaxPool of pads": lambda: _bomb(
        "MaxPool", "one", _PICTURE, kernel_shape=[2**31, 2**31], pads=[2**31 - 1] * 4
    ),
    "Conv dilated": lambda: _bomb("Conv", "one one", _PICTURE, dilations=[HUGE, HUGE]),
    "Loop": _endless_loop,
    "Cast in a body": _cast_in_a_body,
    "AveragePool on the path": lambda: on_path(
        [node("AveragePool", "r", "y", kernel_shape=[60_000, 60_000])], [1, 1, "H", "W"]
    ),
    "LpPool on the path": lambda: on_path(
        [node("LpPool", "r", "y", kernel_shape=[60_000, 60_000])], [1, 1, "H", "W"]
    ),
    "MaxPool on the path": lambda: on_path(
        [node("MaxPool", "r", "y", kernel_shape=[60_000, 60_000], pads=[59_999] * 4)],
        [1, 1, "H", "W"],
    ),
    "AveragePool of steps": lambda: on_path(
        [node("AveragePool", "r", "y", kernel_shape=[3], pads=[1, 1])], [1, 1, HUGE]
    ),
    "LRN on the path": lambda: on_path([node("LRN", "r", "y", size=2**62 + 1)], [1, 3, 4, 4]),
    "Tile on the path": lambda: on_path(
        [node("Tile", "r to", "y")], [1, 4], {"to": ints(HUGE, HUGE)}
    ),
    "Pad on the path": lambda: on_path(
        [node("Pad", "r to", "y")], [1, 4], {"to": ints(0, HUGE, 0, HUGE)}
    ),
    "Resize on the path": lambda: on_path(
        [node("Resize", "r - - to", "y", mode="cubic")], [1, 1, 1, 1], {"to": _LARGE}
    ),
    "DepthToSpace on the path": lambda: on_path(
        [node("DepthToSpace", "r", "y", blocksize=2**31)], [1, 4, 2, 2]
    ),
    "RoiAlign on the path": lambda: on_path(
        [
            node(
                "RoiAlign",
                "r rois items",
                "y",
                output_height=2**31,
                output_width=2**31,
                sampling_ratio=2**31,
            )
        ],
        [1, 1, 8, 8],
        {"rois": np.ones((1, 4), np.float32), "items": ints(0)},
    ),
    "MaxRoiPool on the path": lambda: on_path(
        [node("MaxRoiPool", "r rois", "y", pooled_shape=[2**31, 2**31])],
        [1, 1, 8, 8],
        {"rois": np.ones((1, 5), np.float32)},
    ),
    "STFT on the path": lambda: on_path(
        [node("STFT", "r step - size", "y")],
        [1, HUGE, 1],
        {"step": np.array(1), "size": np.array(2**39)},
    ),
    "DFT on the path": lambda: on_path(
        [node("DFT", "r size", "y", axis=1)], [1, 64, 1], {"size": np.array(HUGE + 7)}
    ),
    "Det on the path": lambda: on_path([node("Det", "r", "y")], [1, 5000, 5000]),
    "Conv of vast strides": lambda: on_path(
        [node("Conv", "r w", "y", strides=[1, 2**40])],
        [1, 16, 9, 9],
        {"w": np.ones((16, 16, 1, 1), np.float32)},
    ),
    "Conv of vast channels": lambda: on_path(
        [node("Conv", "r w", "y", group=2**40)],
        [1, 2**40, 9, 9],
        {"w": np.ones((16, 1, 1, 1), np.float32)},
    ),
    "GroupNormalization of vast groups": lambda: on_path(
        [node("GroupNormalization", "r w w", "y", num_groups=2**40)],
        [1, 4, 9, 9],
        {"w": np.ones(4, np.float32)},
    ),
    "DFT of vast parts": lambda: on_path(
        [node("DFT", "r", "y", axis=1)],
        [1, 8, 2**31],
    ),
    "Gather from a vast vector": lambda: on_path(
        [node("Flatten", "r", "f"), node("Squeeze", "f a", "s"), node("Gather", "s i", "y")],
        [1, HUGE],
        {"a": ints(0), "i": np.array([3])},
    ),
    "windows in a vast picture": lambda: _averaged([1, 1, 8, 2**33]),
    "windows of vast channels": lambda: _averaged([1, HUGE, 8, 8]),
    "Split on the path": lambda: on_path(
        [node("Split", "r", "y", axis=1, num_outputs=HUGE)], [1, HUGE]
    ),
}
