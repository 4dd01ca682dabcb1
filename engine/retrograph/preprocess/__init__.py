"""From files on disk to inputs of a model."""

from retrograph.preprocess.inputs import BadItem, Item, count_inputs, iter_inputs
from retrograph.preprocess.picture import load_picture, prepare, restore
from retrograph.preprocess.recipe import (
    PRESETS,
    Layout,
    Order,
    Preprocessing,
    Resize,
    Shape,
    infer_layout,
    parse_preprocessing,
)

__all__ = [
    "PRESETS",
    "BadItem",
    "Item",
    "Layout",
    "Order",
    "Preprocessing",
    "Resize",
    "Shape",
    "count_inputs",
    "infer_layout",
    "iter_inputs",
    "load_picture",
    "parse_preprocessing",
    "prepare",
    "restore",
]
