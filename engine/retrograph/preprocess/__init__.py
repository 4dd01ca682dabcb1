"""From files on disk to inputs of a model."""

from retrograph.preprocess.alphabet import choose_coding
from retrograph.preprocess.axes import InputAxes, axes_by_size, input_axes
from retrograph.preprocess.decoding import default_workers, prefetch_decode
from retrograph.preprocess.items import BadInput, Item, Pending, PictureFile
from retrograph.preprocess.metadata import recipe_in_metadata
from retrograph.preprocess.opening import load_picture
from retrograph.preprocess.picture import check_fits, prepare, restore
from retrograph.preprocess.recipe import (
    PRESETS,
    Layout,
    Order,
    Preprocessing,
    Resize,
    Shape,
    check_whole,
    infer_layout,
    named_preprocessing,
    of_bytes,
    parse_preprocessing,
)
from retrograph.preprocess.sequences import ALPHABETS, Coding, parse_alphabet
from retrograph.preprocess.sounds import choose_sample_rate

__all__ = [
    "ALPHABETS",
    "PRESETS",
    "BadInput",
    "Coding",
    "InputAxes",
    "Item",
    "Layout",
    "Order",
    "Pending",
    "PictureFile",
    "Preprocessing",
    "Resize",
    "Shape",
    "axes_by_size",
    "check_fits",
    "check_whole",
    "choose_coding",
    "choose_sample_rate",
    "default_workers",
    "infer_layout",
    "input_axes",
    "load_picture",
    "named_preprocessing",
    "of_bytes",
    "parse_alphabet",
    "parse_preprocessing",
    "prefetch_decode",
    "prepare",
    "recipe_in_metadata",
    "restore",
]
