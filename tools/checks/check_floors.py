"""The suite on other versions of ONNX Runtime, an environment each, as many at once as cores.

    python tools/checks/check_floors.py 1.20 1.24 1.28            the main paths
    python tools/checks/check_floors.py 1.24 --tests tests        the whole suite
    python tools/checks/check_floors.py 1.24 --tests tests --part 0/3     a third of it
    python tools/checks/check_floors.py lowest                    all dependencies at their floors

Each has the last patch of that runtime and what that release requires, and everything else from
the environment that runs this. "lowest" has the lowest version of every dependency that
pyproject.toml lets in.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sysconfig
import tempfile
import venv
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MAIN = (
    "tests/vjp/test_tiling.py",
    "tests/runtime/test_bound.py",
    "tests/synthesis/test_maximize_code.py",
)
"""Pools and windows at edges on every path, graphs in loops, and ascents by them."""

LOWEST = "lowest"
QUANTISING = "sympy"
"""What onnxruntime.quantization imports: 1.25 does, and does not require it."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the tests on each version; 1 if any fails."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("versions", nargs="+", metavar="MINOR", help="such as 1.24; or lowest")
    parser.add_argument("--tests", nargs="+", default=[*MAIN], help="what pytest is given")
    parser.add_argument("--part", metavar="I/N", default="0/1", help="a part of them (suite_part)")
    args = parser.parse_args(argv)
    tests = ["-p", "suite_part", "--part", args.part, *args.tests]
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(os.cpu_count()) as pool:
        running = [pool.submit(_tested, Path(folder) / v, v, tests) for v in args.versions]
        runs = [each.result() for each in running]
    return int(any(each.returncode for each in runs))


def _tested(folder: Path, version: str, tests: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run the tests on a version, and print what they say when they are done."""
    wanted = floors() if version == LOWEST else [f"onnxruntime=={version}.*"]
    python = _environment(folder, wanted)
    command = [str(python), "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests]
    path = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    run = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": path},
        check=False,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    print(f"{', '.join(wanted)}\n{run.stdout}", flush=True)
    return run


def floors() -> list[str]:
    """The lowest version of each dependency, and of the runtime, as pip takes it."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    dependencies = re.search(r"^dependencies = \[(.*?)^\]", text, re.DOTALL | re.MULTILINE)
    runtime = re.search(r"^cpu = \[(.*?)\]", text, re.MULTILINE)
    assert dependencies is not None
    assert runtime is not None
    declared = re.findall(r'"([\w-]+)>=([\d.]+)"', dependencies[1] + runtime[1])
    return [f"{name}=={version}" for name, version in declared]


def _environment(folder: Path, wanted: Sequence[str]) -> Path:
    """The Python of a new environment with these packages; the rest is that of ours."""
    venv.create(folder, with_pip=False, symlinks=os.name != "nt")
    packages = Path(sysconfig.get_path("purelib", vars={"base": str(folder)}))
    # addsitedir reads the .pth files there too, by which an editable install is found.
    ours = f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n"
    (packages / "zz_ours.pth").write_text(ours, encoding="utf-8")
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    install = [str(python), "-m", "pip", "install", "--quiet", *wanted, QUANTISING]
    subprocess.run(install, check=True)
    return python


if __name__ == "__main__":
    raise SystemExit(main())
