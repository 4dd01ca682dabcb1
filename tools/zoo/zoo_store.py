"""Where the zoo keeps a model: NAME.onnx beside NAME.npz, what its own framework says of it.

The arrays: `x` the input, `scores` what is explained (before a softmax), and under a method's name
the attribution of each item's highest score, by the framework's own automatic differentiation.
Only NumPy is needed here, so that every framework's environment can import it.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
METHODS = ("gradient", "deconvnet", "guided")


class Zoo:
    """A folder of models."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def path(self, name: str) -> Path:
        """Where the model of that name is written."""
        return self.folder / f"{name}.onnx"

    def store(
        self,
        name: str,
        x: Any,
        scores: Any,
        attributions: Mapping[str, Any],
        opset: int | str,
    ) -> None:
        """Keep what the framework says of a model."""
        said = {"x": x, "scores": scores, **attributions, "opset": str(opset)}
        arrays: dict[str, Any] = {k: np.asarray(v) for k, v in said.items()}
        np.savez(self.folder / f"{name}.npz", **arrays)


def picture(*shape: int, seed: int = 0) -> Array:
    """A random input with some structure: noise, smoothed a little along the last two axes."""
    x = np.random.default_rng(seed).standard_normal(shape)
    for axis in range(max(1, len(shape) - 3), len(shape)):
        x = x + 0.5 * np.roll(x, 1, axis)
    return x.astype(np.float32)


def main(doc: str, makers: Mapping[str, Callable[[Zoo], None]]) -> int:
    """Run the makers that the command line asks for; one that fails is named and passed over."""
    parser = argparse.ArgumentParser(description=doc.splitlines()[0])
    parser.add_argument("output", type=Path)
    parser.add_argument("--only", help="names to make, separated by commas (parts will do)")
    parser.add_argument("--new", action="store_true", help="only those that are not there yet")
    parser.add_argument("--apart", action="store_true", help="each in a process of its own")
    args = parser.parse_args()
    zoo, failed = Zoo(args.output), 0
    wanted = args.only.split(",") if args.only else [""]
    for name, make in makers.items():
        if not any(part == f"={name}" or part in name for part in wanted):
            continue
        if args.new and (args.output / f"{name}.npz").exists():
            continue
        if args.apart:
            command = [sys.executable, sys.argv[0], str(args.output), "--only", f"={name}"]
            failed += subprocess.run(command).returncode != 0
            continue
        start = time.perf_counter()
        try:
            make(zoo)
        except (Exception, SystemExit) as error:  # an exporter raises whatever it meets
            failed += 1
            traceback.print_exc(limit=-3)
            print(f"{name}: {type(error).__name__}: {str(error).splitlines()[:1]}", flush=True)
        else:
            print(f"{name}: {time.perf_counter() - start:.0f} s", flush=True)
    print(f"{failed} failed", file=sys.stderr)
    return 1 if failed else 0
