"""Graphs in ONNX Runtime, inputs and outputs bound to the device: the forward pass, and ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort

from bench_ask import Array, Ask, Run, Spec

_PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}


def is_there(device: str) -> bool:
    """Whether the installed ONNX Runtime has the device."""
    return _PROVIDERS[device] in ort.get_available_providers()


def graph_run(
    file: Path, x: Array, more: Mapping[str, Array], outputs: Sequence[str], spec: Spec
) -> Run:
    """A graph with its inputs in place; its first wanted output counts as the attribution.

    Args:
        file: the graph.
        x: its picture.
        more: its other inputs, by name.
        outputs: the wanted ones; all if none is named.
        spec: the case.
    """
    session = _session(file, spec)
    binding = session.io_binding()
    read = []  # held here, for a binding holds but addresses
    for graph_input in session.get_inputs():
        value = more.get(graph_input.name, x)
        fitting = value.astype(np.float16) if graph_input.type == "tensor(float16)" else value
        held = ort.OrtValue.ortvalue_from_numpy(np.ascontiguousarray(fitting), spec.device, 0)
        binding.bind_ortvalue_input(graph_input.name, held)
        read.append(held)
    for name in outputs or [output.name for output in session.get_outputs()]:
        binding.bind_output(name, spec.device)

    def call() -> Any:
        session.run_with_iobinding(binding)
        binding.synchronize_outputs()
        return binding, read

    def values(answer: Any) -> Array:
        return np.array(answer[0].copy_outputs_to_cpu()[0], np.float32)

    return Run(call, values, "guided")


def _session(file: Path, spec: Spec) -> Any:
    options = ort.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = spec.threads
    options.enable_mem_pattern = False  # as in our own runtime
    if spec.device == "cpu":
        return ort.InferenceSession(file, options, providers=[_PROVIDERS["cpu"]])
    if hasattr(ort, "preload_dlls"):
        ort.preload_dlls()
    cuda = (_PROVIDERS["cuda"], {"use_tf32": int(spec.precision == "tf32")})
    return ort.InferenceSession(file, options, providers=[cuda, _PROVIDERS["cpu"]])


def selection(ask: Ask) -> Array:
    """The input `select` of our graphs for what is asked."""
    if ask.spec.question == "layer":
        return np.tile(np.array(ask.unit, np.int64), (len(ask.x), 1))
    return ask.classes[..., None] if ask.spec.question == "classes" else ask.classes
