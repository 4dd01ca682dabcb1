"""The class names of a model: given, else in its file, else of the data set of so many classes."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from retrograph.errors import InputError, RetrographError, parameter
from retrograph.heads import ClassHead, Head, Heads
from retrograph.inputs.classes import class_count, scores_tensor
from retrograph.labels import BUILT_IN, built_in_labels, labels_by_count, parse_labels
from retrograph.model import Model
from retrograph.pointers import refuse_pointer_file

Labels = str | os.PathLike[str] | Sequence[str]
"""A file of class names, the name of a set of `BUILT_IN`, or the names themselves, in order."""

NONE = "none"
"""The word for no class names."""

_VOC_CHANNELS = 21
_LARGEST = 2**24
"""Bytes; ImageNet's 21,000 classes take 1 MB."""


def model_labels(model: Model, labels: Labels | None = None) -> tuple[str, ...]:
    """The class names of a model, in order; () where there are none.

    Args:
        model: a source model, or a built graph.
        labels: a file of names (see `read_labels`), the name of a set, NONE for no names, or the
            names themselves; if None those that the model's file carries, else those of the one
            data set that has so many classes.

    Raises:
        InputError: the file cannot be read, or the names are not as many as the model's classes.
    """
    if labels is None:
        return _carried(model) or guessed_labels(model)[1]
    counts = class_counts(model)
    names, source = named_labels(labels, counts)
    check_labels(names, counts, source)
    return names


def label_note(model: Model, labels: Labels | None, names: Sequence[str]) -> str:
    """What is to be known of class names that nobody gave and no file carries; "" for others."""
    if labels is not None or not names or _carried(model):
        return ""
    name, _ = guessed_labels(model)
    return (
        f"classes are named as those of {name}, of which there are {len(names)}, too; give "
        f"{parameter('labels', 'FILE')} for other names, or {parameter('labels', NONE)} for none"
    )


def _carried(model: Model) -> tuple[str, ...]:
    """The class names in a model's file."""
    return model.contract.labels if model.contract is not None else model.labels


def guessed_labels(model: Model) -> tuple[str, tuple[str, ...]]:
    """The only data set of so many classes as a model of pictures has, and their names.

    Classifiers of 1000 and 1001 classes are taken for those of ImageNet; detectors of 80, 81, 90
    and 91 for COCO's, of 20 and 21 for VOC's; maps of 21 channels for VOC's. "" and () for others.
    """
    inputs = [tensor.name for tensor in model.inputs]
    if not inputs or model.axes(inputs[0]).frame is None:
        return "", ()
    heads, classes = _heads_but_classes(model), class_count(model)
    if heads is not None and heads.boxes is not None:
        return labels_by_count(heads.boxes.classes, ("coco", "voc")) or ("", ())
    if classes is not None:
        is_classifier = scores_tensor(model) is not None
        return labels_by_count(classes, ("imagenet",) if is_classifier else ()) or ("", ())
    is_voc = heads is not None and heads.map is not None and heads.map.classes == _VOC_CHANNELS
    return (labels_by_count(_VOC_CHANNELS, ("voc",)) if is_voc else None) or ("", ())


@dataclass(frozen=True)
class ClassCounts:
    """How many names a model's classes take.

    Attributes:
        exact: of the classes of its heads, the first that of what is explained.
        with_background: besides, where a background may be named or not.
    """

    exact: tuple[int, ...]
    with_background: tuple[int, ...] = ()


def class_counts(model: Model) -> ClassCounts | None:
    """How many names the model's classes take; None where that is not known.

    Of a detector they name the classes of its boxes, of a map its channels.
    """
    heads, alone = _heads_but_classes(model), class_count(model)
    boxes, maps = (None, None) if heads is None else (heads.boxes, heads.map)
    exact = [] if boxes is not None or alone is None else [alone]
    first = model.graph.output_names()[0]
    exact += [head.classes for head in heads or () if not _is_of(head, first)]
    of_places = [head.classes for head in (boxes, maps) if head is not None]
    near = [count + more for count in of_places for more in (-1, 1)]
    return ClassCounts(tuple(exact), tuple(near)) if exact else None


def _is_of(head: Head, output: str) -> bool:
    """Whether a head is the classes of an output, which `class_count` counts."""
    return isinstance(head, ClassHead) and head.output == output


def _heads_but_classes(model: Model) -> Heads | None:
    """What the outputs are; None of a built graph, of classes alone, and where nothing tells."""
    is_classifier = class_count(model) is not None and len(model.graph.output_names()) == 1
    if model.contract is not None or is_classifier:
        return None
    try:
        return model.heads()
    except RetrographError:  # what cannot be explained is said where it is asked for
        return None


def named_labels(labels: Labels, counts: ClassCounts | None) -> tuple[tuple[str, ...], str]:
    """The class names, and what they are taken from, for messages.

    Args:
        labels: a file, the name of a set, NONE, or the names.
        counts: how many the model's classes take; None where that is not known.

    Raises:
        InputError: the file cannot be read, or the set has no list of so many.
    """
    if isinstance(labels, str) and labels in BUILT_IN:
        return built_in_labels(labels, counts.exact if counts else ()), labels
    if isinstance(labels, str) and labels == NONE:
        return (), NONE
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
            f"{path}: the labels cannot be read ({reason}); give a text file with a name a line, "
            f"or one of {', '.join(BUILT_IN)}"
        ) from None
    try:
        return parse_labels(text, is_yaml=str(path).lower().endswith((".yaml", ".yml")))
    except InputError as error:
        raise InputError(f"{path}: {error.message}") from None


def check_labels(labels: Sequence[str], counts: ClassCounts | None, source: str) -> None:
    """Raises InputError where the labels are not as many as the classes: names would be wrong."""
    if not labels or counts is None:
        return
    if len(labels) not in (*counts.exact, *counts.with_background):
        raise InputError(
            f"{source}: names {len(labels)} classes and the model has {counts.exact[0]}; "
            "give a file with a line for each, in order"
        )
