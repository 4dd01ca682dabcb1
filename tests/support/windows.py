"""Small networks, and what the gradient of their units says of what they see."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from retrograph.explainer import build
from retrograph.ir.passes.canonicalize import canonicalize
from retrograph.receptive_field import Field, receptive_fields

Array = np.ndarray[Any, Any]
Window = tuple[tuple[int, int], ...]
Shape = Sequence[int | str | None]


class Net:
    """A graph that grows node by node; every method returns the new tensor's name.

    Weights are 1, so that no path from the input to a unit cancels another.
    """

    def __init__(self, *shape: int | str | None, opset: int = 19) -> None:
        self.inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, list(shape))]
        self.nodes: list[NodeProto] = []
        self.constants: list[TensorProto] = []
        self.opset = opset

    def op(self, kind: str, *inputs: str, outputs: int = 1, **attrs: Any) -> str:
        names = [f"t{len(self.nodes)}" + (f"_{i}" if i else "") for i in range(outputs)]
        self.nodes.append(helper.make_node(kind, list(inputs), names, **attrs))
        return names[0]

    def const(self, value: Any, dtype: Any = np.int64) -> str:
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value, dtype), name))
        return name

    def conv(self, x: str, channels: tuple[int, int], *kernel: int, **attrs: Any) -> str:
        """`channels`: of the output and of the input."""
        weight = self.const(np.ones((*channels, *kernel)), np.float32)
        return self.op("Conv", x, weight, **attrs)

    def model(self, *outputs: str) -> ModelProto:
        """What gives these tensors, or those of the last node."""
        infos = [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, None)
            for name in outputs or self.nodes[-1].output
        ]
        graph = helper.make_graph(self.nodes, "net", self.inputs, infos, self.constants)
        opsets = [helper.make_opsetid("", self.opset)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def fields(model: ModelProto) -> dict[str, Field]:
    graph = canonicalize(model)
    return receptive_fields(graph, graph.input_names())


def support(
    model: ModelProto | Path, target: str, shape: Sequence[int]
) -> Callable[[Array], Array]:
    """What gives, for the index of a unit without its batch axis, where its gradient is not 0."""
    built = build(model, method="gradient", layer=target, select="unit")
    options = ort.SessionOptions()
    options.log_severity_level = 4
    session = ort.InferenceSession(built.SerializeToString(), options, ["CPUExecutionProvider"])
    x = np.random.default_rng(0).uniform(0.5, 1.5, shape).astype(np.float32)
    half = {"tensor(float16)": np.float16, "tensor(double)": np.float64}
    feeds = {
        i.name: x.astype(half.get(i.type, np.float32))
        for i in session.get_inputs()
        if i.name != "select"
    }

    def run(unit: Array) -> Array:
        select = np.broadcast_to(unit, (shape[0], len(unit))).astype(np.int64)
        (found,) = session.run(["attribution"], {**feeds, "select": select})
        assert found.shape == tuple(shape)
        assert np.isfinite(found).all()
        return np.asarray(found != 0)

    return run


def box(mask: Array, axes: Sequence[int]) -> Window | None:
    """The bounding box (start, stop) of a mask along these axes; None where it is empty."""
    places = np.nonzero(mask)
    if not len(places[0]):
        return None
    return tuple((int(places[a].min()), int(places[a].max()) + 1) for a in axes)


def contains(outer: Window, inner: Window | None) -> bool:
    """Whether one window lies in another."""
    if inner is None:
        return True
    return all(a <= c and d <= b for (a, b), (c, d) in zip(outer, inner, strict=True))


def units(shape: Sequence[int], count: int, rng: random.Random) -> Iterable[Array]:
    """Some units of a tensor: its two corners, and others by chance."""
    yield np.zeros(len(shape), int)
    yield np.array(shape) - 1
    for _ in range(count - 2):
        yield np.array([rng.randrange(n) for n in shape])


def assert_seen(
    model: ModelProto, shape: Sequence[int], *, exact: bool = False, inner: bool = False
) -> None:
    """Every unit of the first output lies in its window.

    Args:
        exact: the window is the bounding box of the gradient.
        inner: and that only for units whose window does not reach the border.
    """
    graph = canonicalize(model)
    target = graph.output_names()[0]
    field = receptive_fields(graph, graph.input_names())[target]
    run = support(model, target, shape)
    sizes = [shape[a] for a in field.axes]
    compared = 0
    for unit in every_unit(model, target, shape):
        seen, window = box(run(unit), field.axes), field.window(list(unit), sizes)
        assert contains(window, seen), (str(field), unit, window, seen)
        if exact and not (inner and touches_border(field, unit, sizes)):
            assert seen == (window if all(a < b for a, b in window) else None), (str(field), unit)
            compared += 1
    assert compared or not exact


def every_unit(model: ModelProto, target: str, shape: Sequence[int]) -> Iterable[Array]:
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (value,) = session.run([target], {"x": np.ones(shape, np.float32)})
    indices = list(np.ndindex(value.shape[1:]))
    rng = random.Random(len(indices))
    return map(np.array, rng.sample(indices, min(len(indices), 40)))


def touches_border(field: Field, unit: Array, sizes: Sequence[int]) -> bool:
    """Whether a unit's window, before clipping, reaches out of the input."""
    for span, size in zip(field.spans, sizes, strict=True):
        if span is None:
            return True
        centre = 0 if span.axis is None else span.stride * int(unit[span.axis])
        if centre + span.first < 0 or centre + span.last > size - 1:
            return True
    return False


def fractions(*values: int) -> tuple[Fraction, ...]:
    return tuple(map(Fraction, values))
