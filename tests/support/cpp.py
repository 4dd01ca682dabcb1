"""The C++ host built for tests, and what it needs for that."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import onnxruntime

from support.paths import ENGINE, ROOT

SOURCE = ENGINE / "cpp"
SECONDS = 600
HEADERS = (
    Path(os.environ.get("ONNXRUNTIME_INCLUDE_DIR", "/nowhere")),
    ROOT / ".hosts" / "onnxruntime",
    Path("/usr/include/onnxruntime"),
    Path("/usr/include/onnxruntime/core/session"),
)
"""Where ONNX Runtime's headers may be; `.ci/install` puts Debian's into .hosts."""


def headers() -> Path | None:
    """The folder of ONNX Runtime's headers; None where there is none."""
    return next((each for each in HEADERS if (each / "onnxruntime_cxx_api.h").exists()), None)


def library() -> Path | None:
    """The library in Python's wheel."""
    folder = Path(onnxruntime.__file__).parent / "capi"
    return next(iter(sorted(folder.glob("libonnxruntime.so.*"))), None)


def missing() -> str:
    """What the C++ host cannot be built without and is not there, in words; "" for nothing."""
    compilers = ("c++", "g++", "clang++")
    there = {
        "cmake": shutil.which("cmake"),
        "a C++ compiler": next(filter(None, map(shutil.which, compilers)), None),
        "ONNX Runtime's headers (.ci/install gets them)": headers(),
        "ONNX Runtime's library": library(),
        "stb (Debian: libstb-dev)": Path("/usr/include/stb/stb_image.h").exists(),
    }
    return ", ".join(name for name, found in there.items() if not found)


def called(
    *command: object, folder: Path | None = None, code: int | None = 0
) -> subprocess.CompletedProcess[str]:
    """Run a program; its exit code is to be `code`, or any for None."""
    words = [str(word) for word in command]
    ran = subprocess.run(
        words, cwd=folder, capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert code is None or ran.returncode == code, f"{words}\n{ran.stdout[-4000:]}{ran.stderr}"
    return ran


def build(source: Path, folder: Path, options: Sequence[str]) -> Path:
    """Configure and build a CMake project; its folder."""
    called("cmake", "-S", source, "-B", folder, "-DCMAKE_BUILD_TYPE=None", *options)
    called("cmake", "--build", folder, "-j", "2")
    return folder
