"""How long `retrograph audit` takes, and how much memory: pairs of files of large networks.

Each case is a process of its own, as users start it:

    python tools/bench/bench_audit.py --threads 2
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnx
from onnx import ModelProto, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, quantize_static
from PIL import Image

from audit_networks import mobilenet_v2, resnet50

_SIDE = 224


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--pictures", type=int, default=8)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--only", default="", help="of the cases those with this in their name")
    args = parser.parse_args()
    with TemporaryDirectory() as name:
        folder = Path(name)
        pictures = _pictures(folder, args.pictures)
        print(f"{'':34}  seconds  CPU seconds  peak MB  says")
        for title, a, b in _cases(folder, args.only):
            wall, cpu, peak, says = _run([a, b, *pictures], args.threads)
            print(f"{title:34}  {wall:7.1f}  {cpu:11.1f}  {peak:7.0f}  {says}", flush=True)


def _pictures(folder: Path, count: int) -> list[Path]:
    """Pictures of smooth noise."""
    rng = np.random.default_rng(0)
    files = [folder / f"{number}.png" for number in range(count)]
    for file in files:
        coarse = Image.fromarray(rng.integers(0, 256, (14, 14, 3), np.uint8))
        coarse.resize((_SIDE, _SIDE), Image.Resampling.BICUBIC).save(file)
    return files


def _cases(folder: Path, only: str) -> Iterator[tuple[str, Path, Path]]:
    """Title and both files of each case."""
    for name, make in (("ResNet-50", resnet50), ("MobileNetV2", mobilenet_v2)):
        titles = [f"{name}, {kind}" for kind in ("folded", "a kernel shifted", "int8")]
        if not any(only in title for title in titles):
            continue
        plain, folded = folder / f"{name}.onnx", folder / f"{name}.folded.onnx"
        onnx.save(make(folded=False), plain)
        onnx.save(make(folded=True), folded)
        for title, change in zip(titles, (_same, _shifted, _in_int8), strict=True):
            if only in title:
                yield title, plain, change(folded)


def _same(file: Path) -> Path:
    return file


def _shifted(file: Path) -> Path:
    """A convolution in the middle padded at one end alone."""
    model = onnx.load(file)
    node = _padded(model)[len(_padded(model)) // 2]
    pads = next(a for a in node.attribute if a.name == "pads")
    pads.ints[:] = [0, 0, *(2 * end for end in pads.ints[2:])]
    out = file.with_suffix(".shifted.onnx")
    onnx.save(model, out)
    return out


def _padded(model: ModelProto) -> list[Any]:
    sizes = {t.name: numpy_helper.to_array(t).shape for t in model.graph.initializer}
    return [n for n in model.graph.node if n.op_type == "Conv" and sizes[n.input[1]][2:] == (3, 3)]


class _Noise(CalibrationDataReader):  # type: ignore[misc]
    """A batch of noise to calibrate on."""

    def __init__(self) -> None:
        values = np.random.default_rng(1).normal(size=(4, 3, _SIDE, _SIDE)).astype(np.float32)
        self._batches = iter([{"image": values}])

    def get_next(self) -> Mapping[str, Any] | None:
        return next(self._batches, None)


def _in_int8(file: Path) -> Path:
    out = file.with_suffix(".int8.onnx")
    quantize_static(file, out, _Noise(), quant_format=QuantFormat.QDQ, per_channel=True)
    return out


def _run(arguments: list[Path], threads: int) -> tuple[float, float, float, str]:
    """Wall-clock and CPU seconds, peak memory in MB, and the verdict, of a process by itself."""
    command = [sys.executable, "-m", "retrograph", "audit", *map(str, arguments)]
    command += ["--preprocess", "imagenet", "--threads", str(threads)]
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    said = process.stdout.read().splitlines()
    _, _, used = os.wait4(process.pid, 0)
    wall = time.perf_counter() - start
    verdict = said[0].rsplit(": ", 1)[-1] if said else "nothing"
    return wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1e3, verdict


if __name__ == "__main__":
    main()
