"""Names of classes, from the texts that they are written in."""

from retrograph.labels.parse import parse_labels

__all__ = ["parse_labels"]
