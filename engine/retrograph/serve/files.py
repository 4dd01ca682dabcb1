"""The files of the page: those of the package's folder `static`, and no others."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Final

from starlette.responses import Response

from retrograph.serving.refusals import Refused

FOLDER: Final = Path(__file__).parent / "static"
_MEDIA: Final = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".json": "application/json",
    ".txt": "text/plain; charset=utf-8",
    ".woff2": "font/woff2",
}


@lru_cache(maxsize=1)
def page_files() -> dict[str, Path]:
    """The files by their paths below the page's address; "" is the page itself."""
    files = {
        path.relative_to(FOLDER).as_posix(): path
        for path in sorted(FOLDER.rglob("*"))
        if path.is_file() and path.suffix in _MEDIA
    }
    return {**files, "": FOLDER / "index.html"}


def page_file(path: str) -> tuple[bytes, str]:
    """A file and its media type.

    Raises:
        Refused: there is none.
    """
    file = page_files().get(path)
    if file is None:
        raise Refused(404, "there is no such file")
    return file.read_bytes(), _MEDIA[file.suffix]


def file_response(path: str) -> Response:
    """A file as it is answered.

    Raises:
        Refused: there is none.
    """
    content, media = page_file(path)
    return Response(content, headers={"cache-control": "no-cache", "content-type": media})
