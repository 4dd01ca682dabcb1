"""Triton's onnxruntime backend for tests, in its Python: it takes exported models as they are.

The server of the nvidia-pytriton wheel has the Python backend alone.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import triton_python_backend_utils as triton


class TritonPythonModel:
    """One model; the server makes one for each of its instances."""

    def initialize(self, args: dict[str, str]) -> None:
        """Open the graph, with the options that the model's parameters name."""
        config = json.loads(args["model_config"])
        self.batches = config["max_batch_size"] > 0
        self.inputs = [tensor["name"] for tensor in config["input"]]
        self.outputs = [tensor["name"] for tensor in config["output"]]
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        parameters = {k: v["string_value"] for k, v in config["parameters"].items()}
        options.enable_mem_pattern = parameters.get("enable_mem_pattern", "1") != "0"
        # For a Python-based backend the repository is the backend's folder of the model itself.
        folder = Path(args["model_repository"], args["model_version"])
        file = folder / config["default_model_filename"]
        self.session = onnxruntime.InferenceSession(str(file), options)

    def execute(self, requests: list[Any]) -> list[Any]:
        """Run what the server has put together: one run for all, or one for each."""
        groups = [requests] if self.batches else [[request] for request in requests]
        return [answer for group in groups for answer in self._run(group)]

    def _run(self, requests: list[Any]) -> list[Any]:
        feeds = {
            name: [triton.get_input_tensor_by_name(r, name).as_numpy() for r in requests]
            for name in self.inputs
        }
        counts = [len(array) if array.ndim else 1 for array in feeds[self.inputs[0]]]
        whole = {
            name: np.concatenate(parts) if self.batches else parts[0]
            for name, parts in feeds.items()
        }
        results = self.session.run(self.outputs, whole)
        if not self.batches:
            return [self._answer(results)]
        ends = np.cumsum(counts)[:-1]
        parts = zip(*(np.split(array, ends) for array in results), strict=True)
        return [self._answer(each) for each in parts]

    def _answer(self, arrays: Any) -> Any:
        pairs = zip(self.outputs, arrays, strict=True)
        tensors = [triton.Tensor(name, np.ascontiguousarray(array)) for name, array in pairs]
        return triton.InferenceResponse(tensors)
