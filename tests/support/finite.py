"""Evaluators that retrograph did not write, and derivatives by central differences."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import onnxruntime as ort
from onnx import ModelProto
from onnx.reference import ReferenceEvaluator
from onnx.reference.op_run import OpRun

from tables.definitions import DEFINITIONS
from tables.definitions_control import CONTROL
from tables.definitions_functions import FUNCTIONS
from tables.definitions_recurrent import RECURRENT
from tables.definitions_sampling import SAMPLING
from tables.definitions_simple import SIMPLE

Array = np.ndarray[Any, Any]
Feeds = Mapping[str, Array]
Evaluator = Callable[[Feeds], dict[str, Array]]

STEP = 1e-5


def directional(
    forward: Callable[[Feeds], Array], feeds: Feeds, direction: Feeds, cotangent: Array
) -> float:
    """<cotangent, J direction> by a central difference."""

    def moved(sign: float) -> Array:
        return forward(
            {k: v + sign * STEP * direction[k] if k in direction else v for k, v in feeds.items()}
        )

    return float(np.sum(cotangent * (moved(1.0) - moved(-1.0)))) / (2 * STEP)


def reference(model: ModelProto, *more: type[OpRun]) -> Evaluator:
    """The model in onnx.reference, with the operators that it gets wrong put right, and more."""
    known = [*DEFINITIONS, *CONTROL, *FUNCTIONS, *RECURRENT, *SAMPLING, *SIMPLE]
    evaluator = ReferenceEvaluator(model, new_ops=[*known, *more])
    names = [v.name for v in model.graph.output]

    def run(feeds: Feeds) -> dict[str, Array]:
        with np.errstate(over="ignore"):  # a step is a slope too steep for some of its inputs
            return dict(zip(names, evaluator.run(None, dict(feeds)), strict=True))

    return run


def runtime(model: ModelProto, optimised: bool = True) -> Evaluator:
    """The model in ONNX Runtime on the CPU, graph optimisations at their default or off."""
    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    if not optimised:
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    names = [v.name for v in session.get_outputs()]

    def run(feeds: Feeds) -> dict[str, Array]:
        return dict(zip(names, session.run(None, dict(feeds)), strict=True))

    return run
