"""Several audits in a folder: a page with the matrix of verdicts, and a folder for each audit."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path

from retrograph.auditing.files_result import FileAudits
from retrograph.auditing.folder import PAGE, check_audit_folder, save_folder
from retrograph.auditing.result import Audit
from retrograph.errors import spelled
from retrograph.output import make_folder, safe_name, write_whole
from retrograph.results.base import json_text


def folders_of(names: Sequence[str]) -> list[str]:
    """A folder's name for each audit, none twice."""
    found: list[str] = []
    for name in names:
        base = safe_name(name)
        same = sum(each == base or each.startswith(f"{base}-") for each in found)
        found.append(f"{base}-{same + 1}" if same else base)
    return found


def save_files(audits: FileAudits, path: str | os.PathLike[str], *, force: bool = False) -> Path:
    """Write audits: a single one as `save_folder` does, several below a page that lists them.

    Args:
        audits: what `retrograph.audit_files` gives.
        path: the folder, made if it is not there.
        force: whether audits that are there are replaced.

    Returns:
        The page.

    Raises:
        InputError: it holds an audit and `force` is not set, or it cannot be written.
    """
    if len(audits.told) == 1:
        return save_folder(audits.told[0], path, force=force)
    folder = check_audit_folder(path, force=force)
    make_folder(folder)
    names = folders_of([each.b for each in audits.told])
    for name, each in zip(names, audits.told, strict=True):
        save_folder(each, folder / name, force=force)
    write_whole(folder / "audit.json", (json_text(audits.to_dict()) + "\n").encode())
    write_whole(folder / PAGE, index_page(audits, names).encode())
    return folder / PAGE


def index_page(audits: FileAudits, folders: Sequence[str]) -> str:
    """The page: every audit with its verdict and sentence, and the matrix of the files.

    Args:
        audits: several of them.
        folders: of each, relative to the page.
    """
    body = "\n".join([*_list(audits, folders), *_matrix(audits), *_notes(audits)])
    style = (files("retrograph.auditing") / "page.css").read_text(encoding="utf-8")
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{escape(audits.summary())}</title><style>{style}</style></head>\n"
        f"<body>\n{body}\n</body></html>\n"
    )


def _list(audits: FileAudits, folders: Sequence[str]) -> Iterator[str]:
    yield f"<h1>Are these files still <code>{escape(audits.names[0])}</code>?</h1>"
    for folder, each in zip(folders, audits.told, strict=True):
        yield (
            f'<p><span class="verdict {kind_of(each)}">{escape(each.says)}</span> '
            f'<a href="{escape(folder, quote=True)}/{PAGE}">{escape(each.b)}</a></p>'
            f"<p>{escape(spelled(each.sentence).replace('`', ''))}</p>"
        )


def _matrix(audits: FileAudits) -> Iterator[str]:
    if len(audits.names) < 3:
        return
    yield "<h2>All against each other</h2>"
    heads = "".join(f"<th>{escape(name)}</th>" for name in audits.names)
    yield f'<div class="scroll"><table><tr><th></th>{heads}</tr>'
    for name, row in zip(audits.names, audits.matrix(), strict=True):
        cells = "".join(f"<td>{escape(says)}</td>" for says in row)
        yield f"<tr><th>{escape(name)}</th>{cells}</tr>"
    yield "</table></div>"


def _notes(audits: FileAudits) -> Iterator[str]:
    for note in audits.notes:
        yield f"<p>{escape(spelled(note))}</p>"


def kind_of(audit: Audit) -> str:
    """The class of a verdict in the page's style: "" for good ones."""
    severity = audit.verdict.severity
    return "bad" if severity > 1 else "less" if severity else ""
