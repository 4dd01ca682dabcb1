"""A model's inputs: what kind they are, read from files, in the batches that the model takes."""

from retrograph.inputs.choice import choose_kind, choose_preprocessing, fitted_preprocessing
from retrograph.inputs.kinds import (
    KINDS,
    ArrayInput,
    AttributionMap,
    InputKind,
    NamedWindow,
    ShownInput,
    Window,
    input_kind,
)
from retrograph.inputs.preprocessing_choice import PreprocessingChoice
from retrograph.inputs.reader import Reader, count_inputs, iter_inputs, iter_pending

__all__ = [
    "KINDS",
    "ArrayInput",
    "AttributionMap",
    "InputKind",
    "NamedWindow",
    "PreprocessingChoice",
    "Reader",
    "ShownInput",
    "Window",
    "choose_kind",
    "choose_preprocessing",
    "count_inputs",
    "fitted_preprocessing",
    "input_kind",
    "iter_inputs",
    "iter_pending",
]
