"""A picture decoded in a process of its own: `python -m retrograph.serve.decoding`.

It waits for a line of JSON: the file, the file that is written, the name for messages, and how many
pixels it may have. What goes wrong is printed in a line; the exit code is 2, or 3 where it is too
large.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Final

from retrograph.errors import RetrographError
from retrograph.preprocess.opening import open_bytes, picture_size

TOO_LARGE: Final = 3
"""The exit code where a picture is too large."""
_MEMORY: Final = 4 * 2**30
_SECONDS: Final = 25
_FILE: Final = 2**30


def main() -> int:
    """Decode a picture; the exit code."""
    _bound()
    line = sys.stdin.readline()
    if not line:  # whoever started it has ended
        return 0
    source, target, name, pixels = json.loads(line)
    try:
        data = Path(source).read_bytes()
        width, height = picture_size(name, data)
        if width * height > pixels:
            print(
                f"{name} has {width} x {height} pixels, and at most {pixels} are taken; scale it "
                "down"
            )
            return TOO_LARGE
        open_bytes(name, data).image.save(target, "PNG", compress_level=1)
    except RetrographError as error:
        print(" ".join(str(error).split()))
        return 2
    except MemoryError:
        print(f"{name} takes too much memory to be decoded; scale it down")
        return TOO_LARGE
    return 0


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
