"""An audit in a folder: the page, the record, the maps, and each region as a bug report."""

from __future__ import annotations

import os
from pathlib import Path

from retrograph.auditing.page import audit_page
from retrograph.auditing.result import Audit
from retrograph.errors import InputError, parameter
from retrograph.ir.io.store import save
from retrograph.output import check_new_folder, make_folder, save_arrays, write_whole
from retrograph.results.base import json_text

PAGE = "index.html"


def check_audit_folder(path: str | os.PathLike[str], *, force: bool = False) -> Path:
    """The folder that an audit is to be written to.

    Raises:
        InputError: it holds an audit and `force` is not set, or it cannot be made.
    """
    folder = Path(path)
    check_new_folder(folder)
    if (folder / PAGE).exists() and not force:
        raise InputError(
            f"{folder / PAGE} exists; give {parameter('force', True)} to replace it, or another "
            "folder"
        )
    return folder


def save_folder(audit: Audit, path: str | os.PathLike[str], *, force: bool = False) -> Path:
    """Write an audit: index.html, audit.json, maps.npz, and regionN.a.onnx, .b.onnx and .npz.

    Args:
        audit: what `retrograph.audit` gives.
        path: the folder, made if it is not there.
        force: whether an audit that is there is replaced.

    Returns:
        The page.

    Raises:
        InputError: it holds an audit and `force` is not set, or it cannot be written.
    """
    folder = check_audit_folder(path, force=force)
    make_folder(folder)
    if audit.maps:
        save_arrays(audit.arrays(), folder / "maps.npz")
    for number, found in enumerate(audit.findings, 1):
        if found.case is not None:
            save(found.case.a, folder / f"region{number}.a.onnx", force=True)
            save(found.case.b, folder / f"region{number}.b.onnx", force=True)
            save_arrays(found.case.arrays, folder / f"region{number}.npz")
    write_whole(folder / "audit.json", (json_text(audit.to_dict()) + "\n").encode())
    write_whole(folder / PAGE, audit_page(audit).encode())
    return folder / PAGE
