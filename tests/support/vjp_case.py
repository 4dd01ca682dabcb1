"""One row of the table of VJP cases: a small model and how to feed it."""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import ml_dtypes
import numpy as np
from onnx import ModelProto, helper, numpy_helper, parser

Array = np.ndarray[Any, Any]
DType = np.dtype[Any]
Value = Array | Sequence[Any] | float

FLOAT16, FLOAT32, FLOAT64 = (np.dtype(t) for t in (np.float16, np.float32, np.float64))
BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
BATCH = 3
OPEN = {"H": 7, "W": 6, "L": 9, "D": 4, "C": 4}
"""What the open dimensions of a case are when it runs; N is the batch."""

_TEXT = {FLOAT16: "float16", BFLOAT16: "bfloat16", FLOAT32: "float", FLOAT64: "double"}


@dataclass(frozen=True)
class Case:
    """A model whose output `y` is explained with respect to all its floating-point inputs.

    Attributes:
        name: unique in the table.
        body: nodes in ONNX's textual form; TYPE stands for the element type as a number, REAL for
            it as a word.
        opset: of the model.
        inputs: (type, dimensions) of each graph input; the type "" is the floating type.
        constants: initialisers; a tuple is the shape of random numbers; a float or a list of floats
            takes the model's type; an array is taken as it is.
        low, high: where the inputs' values lie; they are all different, and none is 0.
        values: inputs that are given number by number.
        canonical: why the finite differences run through the canonical form and not through the
            model itself, where onnx.reference lacks an operator or gets it wrong. ONNX Runtime then
            tells that the two are the same.
        no_runtime: why ONNX Runtime cannot run the model, if it cannot.
        no_float16: the same for the model in float16.
        sizes: what open dimensions are, where not as in OPEN.
    """

    name: str
    body: str
    opset: int
    inputs: Mapping[str, tuple[str, tuple[str, ...]]]
    constants: Mapping[str, Value]
    low: float
    high: float
    values: Mapping[str, Array]
    canonical: str
    no_runtime: str
    no_float16: str
    sizes: Mapping[str, int]

    @property
    def ops(self) -> set[str]:
        return set(re.findall(r"(\w+)\s*(?:<.*?>)?\s*\(", self.body))

    @property
    def sources(self) -> list[str]:
        return [name for name, (kind, _) in self.inputs.items() if not kind]

    @property
    def batched(self) -> bool:
        """Whether the batch leads in every explained input."""
        return all(self._leads(name) for name in self.sources)

    @property
    def many(self) -> bool:
        """Whether several units can be explained at once: the batch leads in every input."""
        return all(self._leads(name) for name in self.inputs)

    def _leads(self, name: str) -> bool:
        return self.inputs[name][1][:1] == ("N",)

    def model(self, dtype: DType = FLOAT32, opset: int | None = None) -> ModelProto:
        text, opset = _TEXT[dtype], opset or self.opset
        inputs = ", ".join(
            f"{kind or text}{_dims(dims)} {name}" for name, (kind, dims) in self.inputs.items()
        )
        header = f'<ir_version: {8 if opset < 19 else 10}, opset_import: ["": {opset}]>'
        number = str(helper.np_dtype_to_tensor_dtype(dtype))
        body = self.body.replace("TYPE", number).replace("REAL", text)
        model = parser.parse_model(f"{header} case ({inputs}) => ({text}[] y) {{ {body} }}")
        for name, given in self.constants.items():
            value = _constant(f"{self.name}/{name}", given, dtype)
            model.graph.initializer.append(numpy_helper.from_array(value, name))
        return model

    def feeds(self, dtype: DType = FLOAT32) -> dict[str, Array]:
        """Inputs for a batch of three where the batch is open."""
        random = np.random.default_rng(zlib.crc32(self.name.encode()))
        feeds = {}
        for name, (kind, dims) in self.inputs.items():
            shape = [self._size(dim) for dim in dims]
            if kind:
                feeds[name] = self.values[name]
                continue
            count = int(np.prod(shape))
            spread = (random.permutation(count) + random.uniform(0.3, 0.45)) / count
            drawn = self.low + (self.high - self.low) * spread.reshape(shape)
            feeds[name] = np.asarray(self.values.get(name, drawn), dtype)
        return feeds

    def _size(self, dim: str) -> int:
        known = {"N": BATCH, **OPEN, **self.sizes}
        return known[dim] if dim in known else int(dim)

    def rows(self, feeds: Mapping[str, Array], items: slice) -> dict[str, Array]:
        """The feeds of some items of the batch."""
        return {name: v[items] if self._leads(name) else v for name, v in feeds.items()}


def _constant(name: str, given: Value, dtype: DType) -> Array:
    if isinstance(given, np.ndarray):
        return given
    if isinstance(given, tuple):
        random = np.random.default_rng(zlib.crc32(name.encode()))
        drawn = random.uniform(0.2, 1.0, given) * random.choice([-1, 1], given)
        return np.asarray(drawn, dtype)
    value = np.asarray(given)
    return value.astype(dtype) if np.issubdtype(value.dtype, np.floating) else value


def case(
    name: str,
    body: str,
    *,
    opset: int = 18,
    low: float = -2.0,
    high: float = 2.0,
    values: Mapping[str, Any] | None = None,
    canonical: str = "",
    no_runtime: str = "",
    no_float16: str = "",
    sizes: Mapping[str, int] | None = None,
    **tensors: str | Value,
) -> Case:
    """A row: an input for each text among `tensors` ("N,3,H,W" or "int64 2"), else a constant."""
    inputs = {k: _input(v) for k, v in tensors.items() if isinstance(v, str)}
    return Case(
        name=name,
        body=body,
        opset=opset,
        inputs=inputs,
        constants={k: v for k, v in tensors.items() if not isinstance(v, str)},
        low=low,
        high=high,
        values={k: np.asarray(v) for k, v in (values or {}).items()},
        canonical=canonical,
        no_runtime=no_runtime,
        no_float16=no_float16,
        sizes=sizes or {},
    )


def _dims(dims: tuple[str, ...]) -> str:
    """As ONNX's textual form has it; without brackets a type is that of a scalar."""
    return f"[{','.join(dims)}]" if dims else ""


def _input(text: str) -> tuple[str, tuple[str, ...]]:
    *kind, dims = text.split(" ")
    return "".join(kind), tuple(d for d in dims.split(",") if d)
