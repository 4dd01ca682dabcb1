"""Classes that are named by a part of their names."""

from __future__ import annotations

import pytest

from retrograph.pipeline.boxes import class_words
from retrograph.pipeline.completed_names import completed_names
from retrograph.pipeline.settings import Question

LABELS = ["golden retriever, goldie", "tabby cat", "bee"]


@pytest.mark.parametrize(
    ("unit", "notes"),
    [
        ("golden", ["'golden' is taken for golden retriever"]),
        ("goldie", []),
        ("Golden Retriever", []),
        ("bee", []),
        ("tabby;bee", ["'tabby' is taken for tabby cat"]),
        ("cat-bee", ["'cat' is taken for tabby cat"]),
        (["cat", 2], ["'cat' is taken for tabby cat"]),
        ("1", []),
        ((1, 4, 5), []),
        (None, []),
        ("top", []),
    ],
)
def test_a_part_of_a_name_is_said(unit: object, notes: list[str]) -> None:
    assert completed_names(Question(unit=unit), LABELS) == notes  # type: ignore[arg-type]


def test_the_only_class_of_a_detector_needs_no_number() -> None:
    assert class_words(0, (), 1) == ""
    assert class_words(0, ("face",), 1) == "face, "
    assert class_words(2, (), 3) == "class 2, "
