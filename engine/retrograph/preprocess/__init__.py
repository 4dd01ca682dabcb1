"""From files on disk to inputs of a model."""

from retrograph.preprocess.decoding import default_workers, prefetch_decode
from retrograph.preprocess.inputs import (
    BadItem,
    Item,
    Pending,
    Reader,
    count_inputs,
    iter_inputs,
    iter_pending,
)
from retrograph.preprocess.opening import load_picture
from retrograph.preprocess.picture import prepare, restore
from retrograph.preprocess.recipe import (
    PRESETS,
    Layout,
    Order,
    Preprocessing,
    Resize,
    Shape,
    check_whole,
    infer_layout,
    of_bytes,
    parse_preprocessing,
)
from retrograph.preprocess.sequences import ALPHABETS, Coding, parse_alphabet

__all__ = [
    "ALPHABETS",
    "PRESETS",
    "BadItem",
    "Coding",
    "Item",
    "Layout",
    "Order",
    "Pending",
    "Preprocessing",
    "Reader",
    "Resize",
    "Shape",
    "check_whole",
    "count_inputs",
    "default_workers",
    "infer_layout",
    "iter_inputs",
    "iter_pending",
    "load_picture",
    "of_bytes",
    "parse_alphabet",
    "parse_preprocessing",
    "prefetch_decode",
    "prepare",
    "restore",
]
