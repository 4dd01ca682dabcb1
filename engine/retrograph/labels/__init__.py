"""Names of classes, from the texts that they are written in."""

from retrograph.labels.builtin import BUILT_IN, built_in_labels, labels_by_count
from retrograph.labels.metadata import labels_in_metadata
from retrograph.labels.parse import parse_labels

__all__ = [
    "BUILT_IN",
    "built_in_labels",
    "labels_by_count",
    "labels_in_metadata",
    "parse_labels",
]
