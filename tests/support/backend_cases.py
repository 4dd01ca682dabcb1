"""ONNX's own backend test suite, as the installed package ships it, made ready for gradients.

A case is a model with inputs and the outputs that ONNX says are right. Sequences and optionals at
the ends of a model are replaced by their tensors, so that what is inside can be differentiated.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import ModelProto, ValueInfoProto, helper, numpy_helper
from onnx.backend.test.case.node import collect_testcases

Array = np.ndarray[Any, Any]

DATA = Path(onnx.__file__).parent / "backend" / "test" / "data"
STORED = ("simple", "pytorch-converted", "pytorch-operator")


@dataclass(frozen=True)
class BackendCase:
    """One case of the suite.

    Attributes:
        name: as ONNX calls it.
        kind: node, or the folder it is stored in.
        model: with tensors only at its ends.
        feeds: an array for each input.
        expected: what ONNX says of each output; None where it does not say.
    """

    name: str
    kind: str
    model: ModelProto
    feeds: dict[str, Array]
    expected: dict[str, Array | None]

    @property
    def ops(self) -> set[str]:
        """The operators of the main graph."""
        return {node.op_type for node in self.model.graph.node}


@cache
def backend_cases() -> tuple[BackendCase, ...]:
    """The whole suite but for the large models, in a fixed order."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        nodes = [
            _case(c.name, "node", c.model, *c.data_sets[0])
            for c in collect_testcases(None)
            if c.model is not None and c.data_sets is not None
        ]
    return (*nodes, *(case for kind in STORED for case in _stored(kind)))


def light_models() -> list[Path]:
    """The large models without weights: each computes its weights from a seed."""
    return sorted((DATA / "light").glob("*.onnx"))


def _stored(kind: str) -> Iterator[BackendCase]:
    for folder in sorted((DATA / kind).iterdir()):
        model = onnx.load(folder / "model.onnx")
        inputs, outputs = (
            [_load(folder / "test_data_set_0" / f"{end}_{i}.pb", v) for i, v in enumerate(infos)]
            for end, infos in (("input", _fed(model)), ("output", model.graph.output))
        )
        yield _case(folder.name, kind, model, inputs, outputs)


def _fed(model: ModelProto) -> list[ValueInfoProto]:
    stored = {t.name for t in model.graph.initializer}
    return [v for v in model.graph.input if v.name not in stored]


def _load(file: Path, info: ValueInfoProto) -> Any:
    kind = info.type.WhichOneof("value")
    if kind == "sequence_type":
        return numpy_helper.to_list(onnx.SequenceProto.FromString(file.read_bytes()))
    if kind == "optional_type":
        return numpy_helper.to_optional(onnx.OptionalProto.FromString(file.read_bytes()))
    return numpy_helper.to_array(onnx.TensorProto.FromString(file.read_bytes()))


def _case(name: str, kind: str, model: ModelProto, inputs: Any, outputs: Any) -> BackendCase:
    copy = ModelProto()
    copy.CopyFrom(model)
    feeds: dict[str, Array] = {}
    expected: dict[str, Array | None] = {}
    for info, value in zip(_fed(model), inputs, strict=False):
        feeds |= _input(copy, info, _plain(value))
    for info, value in zip(model.graph.output, outputs, strict=True):
        expected |= _output(copy, info, _plain(value))
    return BackendCase(name, kind, copy, feeds, expected)


def _plain(value: Any) -> Any:
    return numpy_helper.to_array(value) if isinstance(value, onnx.TensorProto) else value


def _input(model: ModelProto, info: ValueInfoProto, value: Any) -> dict[str, Array]:
    """The feeds of an input; a sequence or optional is made inside, of tensors."""
    if info.type.WhichOneof("value") == "tensor_type":
        return {info.name: np.asarray(value)}
    model.graph.input.remove(next(v for v in model.graph.input if v.name == info.name))
    if value is None:
        made = helper.make_node("Optional", [], [info.name], type=info.type.optional_type.elem_type)
        model.graph.node.insert(0, made)
        return {}
    elements = value if isinstance(value, list) else [value]
    feeds = {f"{info.name}_{i}": np.asarray(element) for i, element in enumerate(elements)}
    model.graph.input.extend(_info(name, array) for name, array in feeds.items())
    for node in reversed(_made(info, list(feeds), isinstance(value, list))):
        model.graph.node.insert(0, node)
    return feeds


def _made(info: ValueInfoProto, parts: list[str], sequence: bool) -> list[onnx.NodeProto]:
    optional = info.type.WhichOneof("value") == "optional_type"
    inner = f"{info.name}_inner" if optional and sequence else info.name
    construct = "SequenceConstruct" if parts else "SequenceEmpty"
    nodes = [helper.make_node(construct, parts, [inner])] if sequence else []
    if optional:
        nodes.append(helper.make_node("Optional", [inner] if sequence else parts, [info.name]))
    return nodes


def _output(model: ModelProto, info: ValueInfoProto, value: Any) -> dict[str, Array | None]:
    """What is expected of an output; of a sequence or optional, of each tensor in it."""
    if info.type.WhichOneof("value") == "tensor_type":
        return {info.name: None if value is None else np.asarray(value)}
    model.graph.output.remove(next(v for v in model.graph.output if v.name == info.name))
    name = info.name
    if info.type.WhichOneof("value") == "optional_type":
        name = f"{info.name}_element"
        model.graph.node.append(helper.make_node("OptionalGetElement", [info.name], [name]))
        if value is not None and not isinstance(value, list):
            model.graph.output.append(_info(name, np.asarray(value)))
            return {name: np.asarray(value)}
    found: dict[str, Array | None] = {}
    for i, element in enumerate(value or ()):
        place = numpy_helper.from_array(np.array(i, np.int64), f"{info.name}_place_{i}")
        model.graph.initializer.append(place)
        part = f"{info.name}_{i}"
        model.graph.node.append(helper.make_node("SequenceAt", [name, place.name], [part]))
        model.graph.output.append(_info(part, np.asarray(element)))
        found[part] = np.asarray(element)
    return found


def _info(name: str, value: Array) -> ValueInfoProto:
    element = helper.np_dtype_to_tensor_dtype(value.dtype)
    return helper.make_tensor_value_info(name, element, list(value.shape))
