"""The class names that a ZipMap puts beside probabilities."""

from __future__ import annotations

from onnx import ModelProto


def zipped_labels(model: ModelProto) -> tuple[str, ...]:
    """The names in the first ZipMap of a model's main graph that has some; () where none has."""
    for node in model.graph.node:
        if node.op_type == "ZipMap":
            for attribute in node.attribute:
                if attribute.name == "classlabels_strings" and attribute.strings:
                    return tuple(name.decode("utf-8", "replace") for name in attribute.strings)
    return ()
