"""A file decoded in a process of its own: `python -m retrograph.serve.decoding`.

It waits for a line of JSON: the file, the picture that is written, the name for messages, how many
pixels a picture may have, and how many bytes the arrays of an .npz. Arrays and sounds are decoded
to see that they can be, and nothing is written. What goes wrong is printed in a line; the exit code
is 2, or 3 where it is too large.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Final

from retrograph.errors import RetrographError
from retrograph.preprocess.opening import open_bytes, picture_size
from retrograph.preprocess.sounds import WaveformSize, is_sound, read_waveform
from retrograph.serving.array_files import is_arrays, read_arrays
from retrograph.serving.refusals import Refused

TOO_LARGE: Final = 3
"""The exit code where a file is too large."""
_MEMORY: Final = 4 * 2**30
_SECONDS: Final = 25
_FILE: Final = 2**30


def main() -> int:
    """Decode a file; the exit code."""
    _bound()
    line = sys.stdin.readline()
    if not line:  # whoever started it has ended
        return 0
    source, target, name, pixels, most = json.loads(line)
    try:
        _decode(Path(source), Path(target), name, pixels, most)
    except Refused as refused:
        print(refused)
        return TOO_LARGE
    except RetrographError as error:
        print(" ".join(str(error).split()))
        return 2
    except MemoryError:
        print(f"{name} takes too much memory to be decoded; scale it down")
        return TOO_LARGE
    return 0


def _decode(source: Path, target: Path, name: str, pixels: int, most: int) -> None:
    """Decode a file; a picture is written to the target.

    Raises:
        InputError: it cannot be decoded.
        Refused: it is too large.
    """
    data = source.read_bytes()
    if is_arrays(data):
        read_arrays(name, data, most)
        return
    if is_sound(source):
        read_waveform(name, data, WaveformSize(channels=1, length=None, rate=None))
        return
    width, height = picture_size(name, data)
    if width * height > pixels:
        raise Refused(
            413,
            f"{name} has {width} x {height} pixels, and at most {pixels} are taken; scale it down",
        )
    open_bytes(name, data).image.save(target, "PNG", compress_level=1)


def _bound() -> None:
    """Bound memory, time and the size of files, where the system can."""
    try:
        import resource
    except ImportError:
        return
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (_SECONDS, _SECONDS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (_FILE, _FILE))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    sys.exit(main())
