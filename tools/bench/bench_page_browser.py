"""How fast the page of `retrograph serve` is in Chromium: the first paint, and clicks.

    python tools/bench/bench_page_browser.py sample_models/cifar10_cnn.onnx photo.jpg
    python tools/bench/bench_page_browser.py resnet50.onnx photo.jpg --layer relu22 --clicks 500

opens the page in a Chromium that already runs, and clicks one tile of the layer after the other. It
prints the time from the start of the command to the page's first paint and to its first picture,
the median and the slowest of the clicks, each from the click to the painted attribution, and the
memory of the server and of the page before and after. It needs Node and `make js`.
"""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import sys
from urllib.parse import urlencode

from page_run import ROOT, environment, page_options, serving


def main() -> int:
    """Measure; the exit code."""
    parser = page_options(__doc__ or "")
    args = parser.parse_args()
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        parser.error("chromium is missing; install it")
    query = "" if args.layer is None else f"?{urlencode({'layer': args.layer})}"
    done = subprocess.run(
        ["node", "test/measure_view.js", chromium, str(args.clicks), query, *serving(args)],
        cwd=ROOT / "engine" / "js",
        env=environment(),
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
