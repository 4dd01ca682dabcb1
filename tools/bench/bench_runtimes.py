"""Explain / forward under several releases of ONNX Runtime, and whether a ratio has changed.

    python tools/bench/bench_runtimes.py --models a.onnx b.onnx --pythons PYTHON... --write R.json
    python tools/bench/bench_runtimes.py --models a.onnx b.onnx --pythons PYTHON --against R.json

Each release is an interpreter of its own with ONNX Runtime and NumPy; the graphs are built once,
by the one that runs this. With `--against` the exit code is 1 where a ratio is over 10 % away from
that of the newest release in the file.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnxruntime as ort

Ratios = dict[str, dict[str, float]]
"""By release and model."""

CHANGED = 0.1
"""The share by which a ratio is told to have changed."""


def worker(arguments: Sequence[str]) -> None:
    """Print the release, and the least milliseconds of both graphs, which take turns, warm.

    Of one thread its processor's time counts, so that other processes disturb little.
    """
    *files, threads, rounds = arguments
    runs = [_run(file, int(threads)) for file in files]
    clock = time.thread_time if threads == "1" else time.perf_counter
    times: list[list[float]] = [[] for _ in runs]
    for _ in range(int(rounds)):
        for run, taken in zip(runs, times, strict=True):
            run()  # the threads of the other session still spin
            start = clock()
            run()
            taken.append(1e3 * (clock() - start))
    forward, explain = map(min, times)
    print(json.dumps({"release": ort.__version__, "forward": forward, "explain": explain}))


def _run(file: str, threads: int) -> Any:
    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = threads
    options.enable_mem_pattern = False  # as in our own runtime
    session = ort.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    (spec,) = session.get_inputs()
    shape = [dim if isinstance(dim, int) else 1 for dim in spec.shape]
    feeds = {spec.name: np.random.default_rng(0).standard_normal(shape).astype(np.float32)}
    return lambda: session.run(None, feeds)


def measured(
    models: Sequence[Path], pythons: Sequence[str], threads: int, rounds: int
) -> tuple[Ratios, list[str]]:
    """The ratios, and a line for each pair of graphs that a release does not run."""
    import retrograph as rg

    ratios: Ratios = {}
    failed = []
    with TemporaryDirectory() as folder:
        for model in models:
            built = Path(folder) / f"{model.stem}.guided.onnx"
            rg.save(rg.build(model, method="guided"), built)
            for python in pythons:
                command = [python, __file__, "--worker", model, built, threads, rounds]
                done = subprocess.run([*map(str, command)], capture_output=True, text=True)
                if done.returncode:
                    failed.append(f"{python}: {model.name}: {done.stderr.strip()[-200:]}")
                    continue
                answer = json.loads(done.stdout)
                ratio = answer["explain"] / answer["forward"]
                ratios.setdefault(answer["release"], {})[model.stem] = round(ratio, 2)
    return ratios, failed


def table(ratios: Ratios) -> str:
    """A row for each release."""
    models = sorted({model for of_release in ratios.values() for model in of_release})
    lines = [f"| ONNX Runtime | {' | '.join(models)} |", f"|---|{'---:|' * len(models)}"]
    for release in sorted(ratios, key=_order):
        cells = [str(ratios[release].get(model, "")) for model in models]
        lines.append(f"| {release} | {' | '.join(cells)} |")
    return "\n".join(lines)


def changes(before: Ratios, now: Ratios) -> list[str]:
    """The ratios that are over a tenth away from those of the newest release before."""
    newest = max(before, key=_order)
    return [
        f"{model}: {ratio} under {release}, {before[newest][model]} under {newest}"
        for release, of_release in now.items()
        for model, ratio in of_release.items()
        if model in before[newest] and abs(ratio / before[newest][model] - 1) > CHANGED
    ]


def _order(release: str) -> tuple[int, ...]:
    return tuple(int(part) for part in release.split(".")[:3] if part.isdecimal())


def main(arguments: Sequence[str]) -> int:
    if arguments[:1] == ["--worker"]:
        worker(arguments[1:])
        return 0
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--models", type=Path, nargs="+", required=True)
    parser.add_argument("--pythons", nargs="+", default=[sys.executable])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--against", type=Path, help="ratios that were written before")
    parser.add_argument("--write", type=Path, help="where the ratios are kept")
    args = parser.parse_args(arguments)
    ratios, failed = measured(args.models, args.pythons, args.threads, args.rounds)
    print(table(ratios))
    for line in failed:
        print(f"not run: {line}")
    if args.write:
        args.write.write_text(json.dumps(ratios, indent=1) + "\n")
    stored: Mapping[str, Any] = json.loads(args.against.read_text()) if args.against else {}
    told = changes(dict(stored), ratios) if stored else []
    for line in told:
        print(f"changed: {line}")
    return 1 if told or failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
