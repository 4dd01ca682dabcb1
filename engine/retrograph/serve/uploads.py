"""Files that the page sends: bounded, and decoded in a process of their own, bounded too."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import weakref
from pathlib import Path, PurePosixPath
from threading import Lock
from typing import Final, TypeAlias
from urllib.parse import unquote

from retrograph.errors import InputError, RetrographError
from retrograph.output import safe_name
from retrograph.preprocess.sequences import is_fasta
from retrograph.preprocess.sounds import SOUND_SUFFIXES
from retrograph.preprocess.table import TABLES
from retrograph.serve.decoding import TOO_LARGE
from retrograph.serving.array_files import NPY, is_arrays
from retrograph.serving.refusals import Refused

Decoder: TypeAlias = "subprocess.Popen[str]"

SECONDS: Final = 30
"""In which a file has to be decoded."""
MOST_FILES: Final = 500
MOST_UNPACKED: Final = 2**28
"""Bytes of all arrays of an .npz."""
_LONGEST: Final = 100
"""The letters of a name that is shown."""
_TEXTS: Final = frozenset(TABLES) | {".fa"}
"""Files that are text, and read as it."""


class Uploads:
    """Takes files into a folder that goes when the server ends.

    Args:
        pixels: that a picture may have.

    Attributes:
        folder: where they lie.
    """

    def __init__(self, pixels: int) -> None:
        self._pixels, self._count = pixels, 0
        self._lock, self._waiting = Lock(), list[Decoder]()
        self.folder = tempfile.mkdtemp(prefix="retrograph-")
        self._end = weakref.finalize(self, _ended, self.folder, self._waiting)

    def take(self, name: str, data: bytes) -> tuple[str, Path]:
        """A file that was sent, decoded; what it is called, and where it lies.

        Args:
            name: what the page calls it, percent-encoded; no path is made of it.
            data: its bytes.

        Raises:
            InputError: it cannot be decoded.
            Refused: it is too large, or takes too long, or there were too many.
        """
        if not data:
            raise InputError("the file is empty; send another one")
        called = shown_name(name)
        if called.lower().endswith(".onnx"):
            raise InputError(
                f"{called} is a model, and a page takes inputs; name models at the start: "
                f"`retrograph serve {called}`"
            )
        if self._count >= MOST_FILES:
            raise Refused(507, f"{MOST_FILES} files were sent; start the server anew for more")
        self._count += 1
        suffix, folder = _suffix(called, data), Path(self.folder, str(self._count))
        folder.mkdir()
        stem = safe_name(PurePosixPath(called).stem)
        source = folder / f"{stem}{suffix or '.sent'}"
        source.write_bytes(data)
        if suffix in _TEXTS:
            return called, source
        decoded = folder / f"{stem}.png"
        try:
            self._decode(called, source, decoded)
        except RetrographError:
            source.unlink()
            raise
        if suffix:
            return called, source
        source.unlink()
        return called, decoded

    def prepare(self) -> None:
        """Start the process that decodes the next file: it takes a second to be ready."""
        with self._lock:
            if not self._waiting and self._end.alive:
                self._waiting.append(_started())

    def _decode(self, name: str, source: Path, target: Path) -> None:
        """Decode a file in a process of its own; a picture is written to the target.

        Raises:
            InputError: it cannot be decoded.
            Refused: it is too large, or takes too long.
        """
        with self._lock:
            decoder = self._waiting.pop() if self._waiting else _started()
        asked = json.dumps([str(source), str(target), name, self._pixels, MOST_UNPACKED])
        try:
            told, _ = decoder.communicate(f"{asked}\n", timeout=SECONDS)
        except subprocess.TimeoutExpired:
            raise Refused(
                422, f"{name} could not be decoded in {SECONDS} seconds; save it anew"
            ) from None
        finally:
            decoder.kill()
            decoder.communicate()
            self.prepare()
        if decoder.returncode == 0:
            return
        message = told.strip() or f"{name} cannot be decoded; save it anew in a common format"
        raise Refused(413, message) if decoder.returncode == TOO_LARGE else InputError(message)

    def close(self) -> None:
        """Remove the files, and end the process that waits for the next one."""
        with self._lock:  # no process is being started then, which would not be ended
            self._end()


def _ended(folder: str, waiting: list[Decoder]) -> None:
    """Remove a folder, and end the processes that wait."""
    for decoder in waiting:
        decoder.kill()
        decoder.communicate()
    waiting.clear()
    shutil.rmtree(folder, ignore_errors=True)


def shown_name(name: str) -> str:
    """What a file is called, without folders and what cannot be printed."""
    last = PurePosixPath(unquote(name).replace("\\", "/")).name
    return "".join(c for c in last if c.isprintable())[-_LONGEST:] or "sent"


def _suffix(name: str, data: bytes) -> str:
    """How a file is read; "" for a picture, which is written anew."""
    if is_arrays(data):
        return ".npy" if data.startswith(NPY) else ".npz"
    suffix = PurePosixPath(name).suffix.lower()
    if suffix in SOUND_SUFFIXES or suffix in TABLES:
        return suffix
    return ".fa" if is_fasta(Path(name)) and suffix != ".gz" else ""


def _started() -> Decoder:
    """A process that decodes a file."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
    return subprocess.Popen(
        [sys.executable, "-m", "retrograph.serve.decoding"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=environment,
    )
