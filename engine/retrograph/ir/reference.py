"""Small models run by ONNX's own evaluator, where no runtime is wanted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from onnx import ModelProto


def reference_outputs(model: ModelProto, feeds: Mapping[str, Any]) -> Sequence[Any]:
    """The outputs of a model.

    Args:
        model: is small.
        feeds: a value for each of its inputs, by name.

    Raises:
        Exception: the evaluator raises whatever its NumPy code meets.
    """
    from onnx.reference import ReferenceEvaluator  # takes long to import, and is seldom needed

    outputs = ReferenceEvaluator(model).run(None, dict(feeds))
    assert isinstance(outputs, Sequence)
    return outputs
