"""What the site needs besides docs/: the pages that lie elsewhere in the repository, and its links.

MkDocs calls `on_files` and `on_page_markdown`. A page of docs/ has the address of its path below
docs/, another one that of its path in the repository; a link between files of the repository is
rewritten to match, and one to a file that is no page becomes the file's name.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any, Final

from mkdocs.structure.files import File, Files

ROOT: Final = Path(__file__).resolve().parents[2]
ELSEWHERE: Final = (
    "METHODS.md",
    "OPERATORS.md",
    "PERFORMANCE.md",
    "QUANTISED.md",
    "SCAN.md",
    "CHANGELOG.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "sample_models/README.md",
    "engine/cpp/README.md",
    "engine/js/README.md",
    "engine/js/examples/browser/README.md",
    "tests/goldens/sanity/README.md",
)
_LINK: Final = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)")


def on_files(files: Files, config: Any) -> Files:
    """Add the pages that lie outside of docs/."""
    for path in ELSEWHERE:
        files.append(File.generated(config, path, abs_src_path=str(ROOT / path)))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Files) -> str:
    """Rewrite the links of a page."""
    address = page.file.src_uri
    path = address if address in ELSEWHERE else f"docs/{address}"
    return rewritten(markdown, path, files.src_uris)


def rewritten(markdown: str, path: str, addresses: Any) -> str:
    """The page with the site's links in place of the repository's.

    Args:
        markdown: the page.
        path: where it lies in the repository.
        addresses: those of the site's pages and pictures.
    """
    here = posixpath.dirname(_address(path))

    def link(match: re.Match[str]) -> str:
        picture, text, target = match.groups()
        if re.match(r"[a-z]+:|#", target):
            return match[0]
        file, _, anchor = target.partition("#")
        place = posixpath.normpath(posixpath.join(posixpath.dirname(path), file))
        there = _address(place)
        if there not in addresses:
            return text if (ROOT / place).exists() else match[0]
        target = posixpath.relpath(there, here or ".") + (f"#{anchor}" if anchor else "")
        return f"{picture}[{text}]({target})"

    return _LINK.sub(link, markdown)


def _address(path: str) -> str:
    """Where a file of the repository is found on the site."""
    return "index.md" if path == "README.md" else path.removeprefix("docs/")
