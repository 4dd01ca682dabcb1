"""What stands in a graph for an input of whole numbers (passes/integer_inputs.py)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, ValueInfoProto, helper

from retrograph.ir.rename import rename


@dataclass(frozen=True)
class Entry:
    """How an input of whole numbers becomes the floating-point tensor that stands for it.

    Attributes:
        info: the input as the file declares it.
        dtype: its type.
        tensor: what stands for it in the file.
        parameters: the scale and the zero point of a DequantizeLinear; of a Cast none.
        whole: the tensor of the graph that holds the whole numbers.
    """

    info: ValueInfoProto
    dtype: np.dtype[Any]
    tensor: str
    parameters: tuple[str, ...]
    whole: str

    @property
    def step(self) -> str:
        """The operator that makes the floating-point numbers."""
        return "DequantizeLinear" if self.parameters else "Cast"

    @property
    def note(self) -> str:
        """What a user should know of it."""
        return (
            f"input '{self.info.name}' holds {self.dtype}: '{self.tensor}', which {self.step} "
            "makes of it, stands for it; the attribution is float32 in the input's shape"
        )

    def begin(self, model: ModelProto, made: str) -> bool:
        """Let a model that is written from the graph take the whole numbers, in place.

        Args:
            made: what the floating-point tensor is called in it.

        Returns:
            Whether the model takes this input.
        """
        written, name = model.graph, self.info.name
        given = next((v for v in written.input if v.name == name), None)
        if given is None:
            return False
        nodes = [node for node in written.node if self.whole not in node.output]
        del written.node[:]
        written.node.extend(nodes)
        rename(model, {name: made, self.whole: name})
        written.node.insert(0, self._step(self.step, TensorProto.FLOAT, name, made))
        given.CopyFrom(self.info)
        return True

    def back(self) -> NodeProto:
        """From floating point to the whole numbers."""
        op = "QuantizeLinear" if self.parameters else "Cast"
        element = helper.np_dtype_to_tensor_dtype(self.dtype)
        return self._step(op, element, self.info.name, self.whole)

    def _step(self, op: str, element: int, source: str, output: str) -> NodeProto:
        node = helper.make_node(op, [source, *self.parameters], [output], name=output)
        if op == "Cast":
            node.attribute.append(helper.make_attribute("to", element))
        return node
