"""Files of a repository that are not there: what stands in their place names them."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from retrograph.errors import InputError

_LONGEST = 1024
"""Bytes that no pointer is longer than."""

_KINDS = {
    b"version https://git-lfs.github.com/spec/": ("Git LFS", "git lfs pull"),
    b"version https://hawser.github.com/spec/": ("Git LFS", "git lfs pull"),
    b"/annex/objects/": ("git-annex", "git annex get"),
}


def refuse_pointer(name: str, content: bytes) -> None:
    """Raises InputError where the bytes of a file are a pointer to it; `name` is for the message.

    The first 1,024 bytes are enough.
    """
    for beginning, (kind, command) in _KINDS.items():
        if len(content) <= _LONGEST and content.startswith(beginning):
            raise InputError(f"{name} is a {kind} pointer, not the file; run `{command}`")


def refuse_pointer_file(path: str | os.PathLike[str]) -> None:
    """Raises InputError where a file is a pointer; what cannot be read is left to its reader."""
    path = Path(path)
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode) or status.st_size > _LONGEST:
            return
        content = path.read_bytes()
    except (OSError, ValueError):  # a name may hold what no path can
        return
    refuse_pointer(str(path), content)
