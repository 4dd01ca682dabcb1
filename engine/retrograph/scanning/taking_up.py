"""A scan that was begun or finished is taken up, if it is the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from retrograph.errors import InputError, parameter
from retrograph.output import make_folder
from retrograph.scanning.unfinished import Unfinished, begun_path


def take_up(
    target: Path,
    run: Mapping[str, Any],
    finished_run: Callable[[Path], Mapping[str, Any]],
    *,
    force: bool,
) -> Unfinished | None:
    """The scan that was begun towards a file, or a new one; None where it is finished.

    Args:
        target: the file; its folder is made.
        run: what is to be scanned and how.
        finished_run: what a finished file says of the same.
        force: start anew whatever is there.

    Raises:
        InputError: what is there is of another scan.
    """
    make_folder(target.parent)
    if target.exists() and not begun_path(target).exists() and not force:
        _check_same(target.parent, "a finished scan", finished_run(target), run)
        return None
    if force:
        Unfinished.discard(target)
    work = Unfinished(target)
    begun = work.run
    if begun is None:
        work.begin(run)
        return work
    try:
        _check_same(target.parent, "an unfinished scan", begun, run)
    except InputError:
        work.close()
        raise
    return work


def _check_same(
    folder: Path, what: str, there: Mapping[str, Any], wanted: Mapping[str, Any]
) -> None:
    """Raises InputError where the scan that is there is of something else; names the first."""
    other = difference(there, wanted)
    if other is not None:
        raise InputError(
            f"{folder} holds {what} with {other}; "
            f"choose another folder, or give {parameter('force', True)} to start anew"
        )


def difference(there: Mapping[str, Any], wanted: Mapping[str, Any]) -> str | None:
    """The first thing in which a scan differs from another one; None where they are the same."""
    for key in wanted:
        if key != "file" and there.get(key) != wanted[key]:
            return _named(key, there.get(key), wanted[key])
    return None


def _named(key: str, there: Any, wanted: Any) -> str:
    texts = [str(value) for value in (there, wanted)]
    other = f"other {key}" if key.endswith("s") else f"another {key}"
    if key in ("inputs", "model", "labels", "part") or max(map(len, texts)) > 60:
        return other
    return f"{other} ({texts[0]}, not {texts[1]})"
