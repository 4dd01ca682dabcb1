"""Each model as other tools write it again: simplified, optimised, at other opsets.

    python tools/checks/audit_variants.py OUT MODEL.onnx [...] [--only NAME]

Needs onnx, onnxruntime, onnxsim and onnxslim (an environment of its own). MODEL.onnx becomes
OUT/MODEL/source.onnx with a file beside it for each tool; why a tool gave none stands in
OUT/MODEL/failed.json. `check_audit.py` audits them.
"""

# mypy: disable-error-code="import-not-found,import-untyped"
from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import onnx
import onnxruntime as ort
from onnx import version_converter

OPSETS = (9, 13, 17, 21)
_SECONDS = 300

Make = Callable[[Path, Path], None]


def simplified(source: Path, target: Path) -> None:
    """By onnxsim."""
    import onnxsim

    model, _ = onnxsim.simplify(onnx.load(source))
    onnx.save(model, target)


def slimmed(source: Path, target: Path) -> None:
    """By onnxslim."""
    import onnxslim

    model = onnxslim.slim(onnx.load(source))
    assert model is not None
    onnx.save(model, target)


def optimised(source: Path, target: Path, level: str) -> None:
    """As ONNX Runtime optimises it and saves it."""
    options = ort.SessionOptions()
    options.graph_optimization_level = getattr(ort.GraphOptimizationLevel, f"ORT_ENABLE_{level}")
    options.optimized_model_filepath = str(target)
    options.log_severity_level = 4
    ort.InferenceSession(str(source), options, providers=["CPUExecutionProvider"])


def at_opset(source: Path, target: Path, opset: int) -> None:
    """By ONNX's version converter."""
    model = onnx.load(source)
    before = next(o.version for o in model.opset_import if o.domain in ("", "ai.onnx"))
    if before == opset:
        raise ValueError(f"it has opset {opset}")
    onnx.save(version_converter.convert_version(model, opset), target)


WAYS: dict[str, Make] = {
    "onnxsim": simplified,
    "onnxslim": slimmed,
    "ort basic": partial(optimised, level="BASIC"),
    "ort extended": partial(optimised, level="EXTENDED"),
    "ort all": partial(optimised, level="ALL"),
    **{f"opset {n}": partial(at_opset, opset=n) for n in OPSETS},
}


def main() -> int:
    """Write every variant of every model."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output", type=Path)
    parser.add_argument("models", nargs="+", type=Path)
    parser.add_argument("--only", choices=[*WAYS], help="one way, in this process")
    args = parser.parse_args()
    if args.only:
        WAYS[args.only](args.models[0], args.output)
        return 0
    for model in args.models:
        folder = args.output / model.stem
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "source.onnx").write_bytes(model.read_bytes())
        failed = {}
        for way in WAYS:
            why = _apart(folder / "source.onnx", folder / f"{way.replace(' ', '-')}.onnx", way)
            if why:
                failed[way] = why
        (folder / "failed.json").write_text(json.dumps(failed, indent=1) + "\n")
        print(f"{model.stem}: {len(WAYS) - len(failed)} of {len(WAYS)}", flush=True)
    return 0


def _apart(source: Path, target: Path, way: str) -> str:
    """Write a variant in a process of its own, which a tool may crash; why there is none."""
    command = [sys.executable, __file__, str(target), str(source), "--only", way]
    try:
        ran = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS)
    except subprocess.TimeoutExpired:
        return f"not done after {_SECONDS} s"
    if ran.returncode == 0 and target.exists():
        return ""
    target.unlink(missing_ok=True)
    lines = [line for line in ran.stderr.splitlines() if line.strip()]
    return lines[-1][:300] if lines else f"exit code {ran.returncode}"


if __name__ == "__main__":
    sys.exit(main())
