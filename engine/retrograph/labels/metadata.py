"""The class names in a model's metadata, as exporters write them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

from retrograph.errors import InputError
from retrograph.labels.named import KEYS
from retrograph.labels.parse import parse_labels

_NAMES: Final = ("labels", "names", *(key for key in KEYS if key not in ("labels", "names")))
"""The properties that hold names: of retrograph and Ultralytics first, then of others."""
_MORE: Final = ("label_names", "class_labels", "label_map", "idx_to_class", "class_to_idx")
_OBJECTS: Final = ("config", "model_config", "pretrained_cfg", "metadata")
"""The properties that hold an object of JSON, in which names may stand under one of `KEYS`."""


def labels_in_metadata(properties: Mapping[str, str]) -> tuple[str, ...]:
    """The class names in a model's metadata, in order; () where there are none."""
    for key in (*_NAMES, *_MORE):
        names = _parsed(properties.get(key, ""))
        if names:
            return names
    for key in _OBJECTS:
        if _has_names(properties.get(key, "")):
            names = _parsed(properties[key])
            if names:
                return names
    return ()


def _parsed(text: str) -> tuple[str, ...]:
    """The names in a text; none where it holds none, or a single number such as a count."""
    try:
        names = parse_labels(text)
    except InputError:  # nobody gave them, and nothing depends on them
        return ()
    return () if len(names) == 1 and names[0].isdigit() else names


def _has_names(text: str) -> bool:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict) and any(isinstance(value.get(k), (dict, list)) for k in KEYS)
