"""A service asked by thousands of requests that schemathesis makes from its OpenAPI document.

    python tools/checks/check_service.py                     20 examples of each operation
    python tools/checks/check_service.py --examples 200

Each answer must have a status and a body that the document names, none may be 500, and what the
document does not allow must be refused. schemathesis is taken from the environment that runs this
(`pip install schemathesis`).
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final
from urllib.request import urlopen

ROOT: Final = Path(__file__).resolve().parents[2]
SAMPLE: Final = ROOT / "sample_models" / "cifar10_cnn.onnx"
_CHECKS: Final = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "unsupported_method",
    "allow_header_conformance",
)


def main() -> int:
    """Run it; 1 if an answer is none that the document names."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--examples", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    paths = os.pathsep.join([str(ROOT / "engine"), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": paths}
    service = subprocess.Popen(
        [sys.executable, "-m", "retrograph", "serve", "--api", f"net={SAMPLE}", "--port", "0"],
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )
    try:
        assert service.stdout is not None
        where = service.stdout.readline().strip().rpartition(" ")[2]
        with tempfile.TemporaryDirectory() as folder:  # what it keeps for its next run
            words = _words(where, args.examples, args.seed)
            done = subprocess.run(words, cwd=folder, env=environment, check=False)
        return done.returncode or (0 if _has_explained(where) else 1)
    finally:
        service.terminate()
        service.communicate(timeout=60)


def _words(where: str, examples: int, seed: int) -> list[str]:
    """The command of schemathesis."""
    words = [sys.executable, "-m", "schemathesis.cli", "run", f"{where}/openapi.json"]
    words += ["--checks", ",".join(_CHECKS), "--max-examples", str(examples), "--seed", str(seed)]
    return [*words, "--phases", "examples,coverage,fuzzing"]


def _has_explained(where: str) -> bool:
    """Whether some requests were answered by an explanation; how many had which status is told."""
    with urlopen(f"{where}/metrics", timeout=60) as answer:
        text = answer.read().decode()
    counts = re.findall(r'requests_total{path="/v1/explain",status="(\d+)"} (\d+)', text)
    print("/v1/explain:", ", ".join(f"{status} x {count}" for status, count in counts))
    return "200" in dict(counts)


if __name__ == "__main__":
    sys.exit(main())
