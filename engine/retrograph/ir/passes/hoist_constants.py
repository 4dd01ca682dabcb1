"""Constant nodes as initialisers."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import NodeProto, numpy_helper

from retrograph.errors import InputError
from retrograph.ir.graph import STANDARD_DOMAINS, Graph, attributes


def hoist(graph: Graph) -> bool:
    """Make an initialiser of every Constant node, whichever attribute holds its value.

    True if there was any.

    Raises:
        InputError: one has none.
    """
    kept = []
    for node in graph.nodes:
        if node.op_type != "Constant" or node.domain not in STANDARD_DOMAINS:
            kept.append(node)
            continue
        value = _constant(node)
        if value is None and not any(a.name == "sparse_value" for a in node.attribute):
            raise InputError(
                f"node '{node.name}' (Constant) has no value; the file is damaged: export it again"
            )
        if value is None:
            kept.append(node)
        else:
            graph.constants[node.output[0]] = value
    return graph.replace_nodes(kept)


def _constant(node: NodeProto) -> onnx.TensorProto | None:
    name = node.output[0]
    for attribute in node.attribute:
        if attribute.name == "value":
            tensor = onnx.TensorProto()
            tensor.CopyFrom(attribute.t)
            tensor.name = name
            return tensor
    dtypes: dict[str, type[np.generic]] = {
        "value_float": np.float32,
        "value_floats": np.float32,
        "value_int": np.int64,
        "value_ints": np.int64,
    }
    for key, value in attributes(node).items():
        if key in dtypes:
            return numpy_helper.from_array(np.asarray(value, dtypes[key]), name)
        if key in ("value_string", "value_strings"):
            return numpy_helper.from_array(np.asarray(value, object), name)
    return None
