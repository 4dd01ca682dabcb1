"""The class names of a model: those that are given, else those that its file carries."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from retrograph.errors import InputError
from retrograph.inputs.classes import class_count
from retrograph.labels import parse_labels
from retrograph.model import Model
from retrograph.pointers import refuse_pointer_file

Labels = str | os.PathLike[str] | Sequence[str]
"""A file of class names, or the names themselves, in order."""

_LARGEST = 2**24
"""Bytes; ImageNet's 21,000 classes take 1 MB."""


def model_labels(model: Model, labels: Labels | None = None) -> tuple[str, ...]:
    """The class names of a model, in order; () where there are none.

    Args:
        model: a source model, or a built graph.
        labels: a file of names (see `read_labels`) or the names themselves; those that the
            model's file carries if None.

    Raises:
        InputError: the file cannot be read, or the names are not as many as the model's classes.
    """
    if labels is None:
        return model.contract.labels if model.contract is not None else model.labels
    names, source = named_labels(labels)
    check_labels(names, class_count(model), source)
    return names


def named_labels(labels: Labels) -> tuple[tuple[str, ...], str]:
    """The class names, and what they are taken from, for messages.

    Raises:
        InputError: the file cannot be read.
    """
    if isinstance(labels, (str, os.PathLike)):
        return read_labels(labels), str(labels)
    return tuple(labels), "the list of labels"


def read_labels(path: str | os.PathLike[str]) -> tuple[str, ...]:
    """The class names in a file: see `parse_labels`.

    Raises:
        InputError: the file cannot be read as text, or does not name each class.
    """
    try:
        refuse_pointer_file(path)
        if Path(path).stat().st_size > _LARGEST:
            raise InputError(
                f"{path}: is too large for labels; give a text file with a name a line"
            )
        text = Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8 text"
        raise InputError(
            f"{path}: the labels cannot be read ({reason}); give a text file with a name a line"
        ) from None
    try:
        return parse_labels(text, is_yaml=str(path).lower().endswith((".yaml", ".yml")))
    except InputError as error:
        raise InputError(f"{path}: {error.message}") from None


def check_labels(labels: Sequence[str], classes: int | None, source: str) -> None:
    """Raises InputError where the labels are not as many as the classes: names would be wrong."""
    if classes is not None and classes != len(labels):
        raise InputError(
            f"{source}: names {len(labels)} classes and the model has {classes}; "
            "give a file with a line for each, in order"
        )
