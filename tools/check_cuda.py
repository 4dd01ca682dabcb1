"""Is a built graph right and wholly on the GPU? Placement, correctness against the CPU, times.

    python tools/check_cuda.py [MODEL.onnx ...] [--json OUT] [--device openvino]

For each model and method one row: how many nodes ran on the device and which ones fell back to the
CPU, the largest difference of the attribution to the CPU's (relative to its maximum), and the
median time of a run with its inputs and outputs bound to the device: forward alone, explained, and
explained as a CUDA graph, where one can be captured, with its difference on inputs that were
not those it was recorded with. Without models: the golden networks and the
sample model of this repository. Needs onnxruntime-gpu; `--device` takes any other provider that
the installed ONNX Runtime has, cpu too.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from rich.console import Console
from rich.table import Table

from retrograph.errors import RetrographError
from retrograph.model import Model
from retrograph.runtime import PROVIDERS, suited
from retrograph.runtime.captured import Captured

ROOT = Path(__file__).resolve().parent.parent
METHODS = ("gradient", "guided", "deconvnet")
_EXACT = {"cuda": {"use_tf32": "0"}}
_NEAR = 1e-3


@dataclass(frozen=True)
class Row:
    """What was seen of one model under one method; times in milliseconds, None if there is none."""

    model: str
    method: str
    on_device: int
    on_cpu: dict[str, int]
    error: float
    forward_ms: float
    explain_ms: float
    graph_ms: float | None
    graph_error: float | None

    @property
    def is_right(self) -> bool:
        """Whether it agrees with the CPU, and all of it ran on the device."""
        return max(self.error, self.graph_error or 0.0) <= _NEAR and not self.on_cpu


def main() -> int:
    """Check every model, print the table, and fail where one is wrong or falls back."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*", type=Path)
    parser.add_argument("--device", default="cuda", choices=[*PROVIDERS])
    parser.add_argument("--json", type=Path, help="write the rows here too")
    parser.add_argument("--runs", type=int, default=20)
    args = parser.parse_args()
    if hasattr(ort, "preload_dlls"):
        ort.preload_dlls()
    if PROVIDERS[args.device] not in ort.get_available_providers():
        print(f"{PROVIDERS[args.device]} is not there: {ort.get_available_providers()}")
        return 2
    rows = []
    for path in args.models or _own_models():
        for method in METHODS:
            try:
                rows.append(_check(path, method, args.device, args.runs))
            except RetrographError as error:
                print(f"{path.name} {method}: {str(error).splitlines()[0]}")
    _print(rows)
    if args.json:
        args.json.write_text(json.dumps([asdict(row) for row in rows], indent=1))
    return 0 if all(row.is_right for row in rows) else 1


def _own_models() -> list[Path]:
    goldens = sorted((ROOT / "tests" / "goldens" / "networks").glob("*.onnx"))
    return [*goldens, ROOT / "sample_models" / "cifar10_cnn.onnx"]


def _check(path: Path, method: str, device: str, runs: int) -> Row:
    source = Model(path)
    built = source.build(source.request(method=method, device=suited(device)))
    feeds = _feeds(source)
    expected = _session(built, "cpu").run(["attribution"], feeds)[0]
    attribution, events = _profiled(built, device, feeds)
    places = Counter(e["args"]["provider"] for e in events)
    fallen = Counter(
        e["args"]["op_name"] for e in events if e["args"]["provider"] != PROVIDERS[device]
    )
    scale = float(np.abs(expected).max()) or 1.0
    return Row(
        model=path.stem,
        method=method,
        on_device=places[PROVIDERS[device]],
        on_cpu=dict(fallen),
        error=float(np.abs(attribution - expected).max()) / scale,
        forward_ms=_time(source.proto, device, feeds, runs),
        explain_ms=_time(built, device, feeds, runs),
        graph_ms=_graph_time(built, feeds, runs) if device == "cuda" else None,
        graph_error=_graph_error(built, feeds, expected) if device == "cuda" else None,
    )


def _feeds(source: Model) -> dict[str, Any]:
    """Random inputs; open dimensions are 1 in front and 64 behind."""
    random = np.random.default_rng(0)
    feeds = {}
    for tensor in source.inputs:
        shape = [
            d if isinstance(d, int) else (1 if axis == 0 else 64)
            for axis, d in enumerate(tensor.shape or ())
        ]
        feeds[tensor.name] = random.random(shape).astype(tensor.dtype)
    return feeds


def _session(
    model: onnx.ModelProto, device: str, profile: str | None = None, **provider: str
) -> Any:
    options = ort.SessionOptions()
    options.log_severity_level = 3
    if profile is not None:
        options.enable_profiling = True
        options.profile_file_prefix = profile
    providers = [(PROVIDERS[device], {**_EXACT.get(device, {}), **provider})]
    if device != "cpu":
        providers.append((PROVIDERS["cpu"], {}))
    return ort.InferenceSession(model.SerializeToString(), options, providers=providers)


def _profiled(
    model: onnx.ModelProto, device: str, feeds: dict[str, Any]
) -> tuple[Any, list[dict[str, Any]]]:
    """The attribution, and the profile's event of each node that ran."""
    with tempfile.TemporaryDirectory() as folder:
        session = _session(model, device, f"{folder}/run")
        attribution = session.run(["attribution"], feeds)[0]
        events = json.loads(Path(session.end_profiling()).read_text())
    nodes = [e for e in events if e.get("cat") == "Node" and "provider" in e.get("args", {})]
    return attribution, list({e["name"]: e for e in nodes}.values())


def _time(model: onnx.ModelProto, device: str, feeds: dict[str, Any], runs: int) -> float:
    """The median of a run in milliseconds, inputs and outputs bound to the device."""
    session = _session(model, device)
    place = "cuda" if device == "cuda" else "cpu"
    binding, _kept = _bound(session, feeds, place)
    for output in session.get_outputs():
        binding.bind_output(output.name, place)
    return _median(session, binding, runs)


def _graph_time(model: onnx.ModelProto, feeds: dict[str, Any], runs: int) -> float | None:
    """The same as a CUDA graph, for which every address stays; None where none can be captured."""
    shapes = _session(model, "cpu").run(None, feeds)
    try:
        session = _session(model, "cuda", enable_cuda_graph="1")
        binding, _kept = _bound(session, feeds, "cuda")
        for output, value in zip(session.get_outputs(), shapes, strict=True):
            held = ort.OrtValue.ortvalue_from_numpy(np.asarray(value), "cuda", 0)
            binding.bind_ortvalue_output(output.name, held)
            _kept.append(held)
        return _median(session, binding, runs)
    except Exception as error:  # whatever ONNX Runtime refuses a graph for
        print(f"no CUDA graph: {str(error).splitlines()[0]}")
        return None


def _graph_error(model: onnx.ModelProto, feeds: dict[str, Any], expected: Any) -> float | None:
    """The error of a CUDA graph recorded with other inputs; None if none can be recorded."""
    reversed_feeds = {name: value[..., ::-1] for name, value in feeds.items()}
    try:
        recorded = Captured(_session(model, "cuda", enable_cuda_graph="1"), ["attribution"], "cuda")
        for inputs in (reversed_feeds, reversed_feeds, feeds):
            (attribution,) = recorded.run(inputs)
    except Exception as error:  # whatever ONNX Runtime refuses a graph for
        print(f"no CUDA graph: {str(error).splitlines()[0]}")
        return None
    return float(np.abs(attribution - expected).max()) / (float(np.abs(expected).max()) or 1.0)


def _bound(session: Any, feeds: dict[str, Any], place: str) -> tuple[Any, list[Any]]:
    """A binding of the inputs, and their values, which must live as long: it holds addresses."""
    binding, read = session.io_binding(), []
    for name, value in feeds.items():
        read.append(ort.OrtValue.ortvalue_from_numpy(value, place, 0))
        binding.bind_ortvalue_input(name, read[-1])
    return binding, read


def _median(session: Any, binding: Any, runs: int) -> float:
    times = []
    for _ in range(runs + 3):
        start = time.perf_counter()
        session.run_with_iobinding(binding)
        binding.synchronize_outputs()
        times.append(time.perf_counter() - start)
    return statistics.median(times[3:]) * 1e3


def _print(rows: list[Row]) -> None:
    table = Table(box=None, header_style="bold")
    for heading in ("model", "method"):
        table.add_column(heading)
    for heading in (
        "on device",
        "error",
        "forward ms",
        "explain ms",
        "ratio",
        "graph ms",
        "graph error",
    ):
        table.add_column(heading, justify="right")
    table.add_column("on the CPU")
    for row in rows:
        table.add_row(
            row.model,
            row.method,
            str(row.on_device),
            f"{row.error:.1e}",
            f"{row.forward_ms:.2f}",
            f"{row.explain_ms:.2f}",
            f"{row.explain_ms / row.forward_ms:.1f}",
            "-" if row.graph_ms is None else f"{row.graph_ms:.2f}",
            "-" if row.graph_error is None else f"{row.graph_error:.1e}",
            ", ".join(f"{op} x{count}" for op, count in row.on_cpu.items()),
        )
    Console(width=160).print(table)


if __name__ == "__main__":
    sys.exit(main())
