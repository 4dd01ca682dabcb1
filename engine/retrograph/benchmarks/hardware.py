"""What a time was taken on: the machine, its versions, its load, its speed."""

from __future__ import annotations

import os
import platform
import re
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import numpy as np

from retrograph._version import __version__
from retrograph.benchmarks.runner import Runner
from retrograph.ir.compose.matmul_model import product

_SIZE = 1024
_TRIES = 12
_PACKAGES = ("onnxruntime", "onnxruntime-gpu", "onnx", "numpy")


@dataclass(frozen=True)
class Machine:
    """What a time was taken on.

    Attributes:
        cpu: the model of the processor.
        cores: how many this process may use.
        memory_gb: of the machine; 0 where it is not known.
        system: the operating system.
        gpu: the model of the GPU, or "".
        versions: of Python and packages, by name.
    """

    cpu: str
    cores: int
    memory_gb: float
    system: str
    gpu: str
    versions: dict[str, str]


def machine(packages: Sequence[str] = (), gpu: str = "") -> Machine:
    """This machine, with the versions of those packages that are installed.

    Args:
        packages: more than those that retrograph itself runs on.
        gpu: its model, if one is used.
    """
    versions = {"python": platform.python_version(), "retrograph": __version__}
    for name in (*_PACKAGES, *packages):
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return Machine(_cpu(), cores(), _memory(), platform.platform(terse=True), gpu, versions)


def cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def load() -> float | None:
    """How many processes wanted a core in the last minute; None where the system does not tell."""
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None


def peak_memory() -> float | None:
    """The most memory that this process has held, in MB; None where the system does not tell."""
    status = Path("/proc/self/status")
    if status.exists():  # getrusage counts what the process that started this one held, too
        kilobytes = re.search(r"VmHWM:\s+(\d+) kB", status.read_text(encoding="ascii"))
        if kilobytes:
            return int(kilobytes[1]) * 1024 / 1e6
    try:
        import resource
    except ImportError:
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def matrix_rate(threads: int | None, device: str = "cpu") -> float:
    """Multiply-adds a second in a large float32 matrix product, the best of some tries."""
    x = np.random.default_rng(1).standard_normal((_SIZE, _SIZE)).astype(np.float32)
    run = Runner(product(_SIZE), {"x": x}, ["y"], device, threads)
    best = float("inf")
    for _ in range(_TRIES):
        start = time.perf_counter()
        run()
        best = min(best, time.perf_counter() - start)
    return _SIZE**3 / best


def _cpu() -> str:
    file = Path("/proc/cpuinfo")
    if file.exists():
        for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _memory() -> float:
    names = getattr(os, "sysconf_names", {})
    if "SC_PHYS_PAGES" not in names:
        return 0.0
    return round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9, 1)
