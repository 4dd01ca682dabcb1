"""How fast the page of `retrograph serve` is in Chromium: the first paint, and clicks.

    python tools/bench/bench_page_browser.py sample_models/cifar10_cnn.onnx photo.jpg
    python tools/bench/bench_page_browser.py resnet50.onnx photo.jpg --layer relu22 --clicks 500

opens the page in a Chromium that already runs, and clicks one tile of the layer after the other. It
prints the time from the start of the command to the page's first paint and to its first picture,
the median and the slowest of the clicks, each from the click to the painted attribution, and the
memory of the server and of the page before and after. It needs Node and `make js`.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

ROOT: Final = Path(__file__).resolve().parents[2]


def main() -> int:
    """Measure; the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("model")
    parser.add_argument("picture")
    parser.add_argument("--layer", help="the class scores if left out")
    parser.add_argument("--clicks", type=int, default=20)
    parser.add_argument("--threads", default="2")
    args = parser.parse_args()
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        parser.error("chromium is missing; install it")
    query = "" if args.layer is None else f"?{urlencode({'layer': args.layer})}"
    files = [str(Path(file).absolute()) for file in (args.model, args.picture)]
    served = [sys.executable, "-m", "retrograph", "serve", *files]
    served += ["--device", "cpu", "--threads", args.threads]
    paths = os.pathsep.join([str(ROOT / "engine"), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        ["node", "test/measure_view.js", chromium, str(args.clicks), query, *served],
        cwd=ROOT / "engine" / "js",
        env={**os.environ, "PYTHONPATH": paths},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    told = json.loads(done.stdout)
    times, memory, heap = told["clicks"], told["memory"], told["heap"]
    print(f"start to first paint: {told['paint']:.2f} s, to the first picture {told['filled']:.2f}")
    print(
        f"click: median {statistics.median(times):.0f} ms, slowest {max(times):.0f} ms of "
        f"{len(times)}"
    )
    print(f"server: {memory[0]:.0f} MiB before, {memory[1]:.0f} MiB after")
    print(f"page: {heap[0]:.1f} MiB before, {heap[1]:.1f} MiB after")
    return 0


if __name__ == "__main__":
    sys.exit(main())
