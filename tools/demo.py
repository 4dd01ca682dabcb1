"""Explain a real photograph with the sample model: what `make demo` runs.

The photographs come with scikit-image (CC0); the model is ours (sample_models/README.md).
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import skimage

ROOT = Path(__file__).resolve().parent.parent
MODEL = ROOT / "sample_models" / "cifar10_cnn.onnx"
OUT = ROOT / "demo_out"


def demo() -> int:
    """Explain a cat's photograph by three methods; the exit code is the command line's."""
    photograph = Path(skimage.__file__).parent / "data" / "chelsea.png"
    picture = OUT / "cat.png"
    OUT.mkdir(exist_ok=True)
    options = ["--method", "gradient,deconvnet,guided", "-o", str(picture), "--force"]
    command = f"retrograph explain {MODEL.name} {photograph.name} {' '.join(options[:2])}"
    print(f"{command}\n", flush=True)
    program = [sys.executable, "-m", "retrograph", "explain", str(MODEL), str(photograph), *options]
    code = subprocess.run(program, check=False).returncode
    if code == 0:
        print(f"\nThe picture: {picture}")
    return code


if __name__ == "__main__":
    sys.exit(demo())
