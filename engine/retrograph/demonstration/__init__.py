"""The demonstration: a photograph explained by the sample model, both parts of the package."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from retrograph.keywords import checked_keywords
from retrograph.pipeline.calls import compare
from retrograph.results import Comparison

METHODS: Final = ("gradient", "deconvnet", "guided", "grad-cam")
"""What the demonstration shows side by side."""

_FOLDER: Final = Path(__file__).parent
PHOTOGRAPH: Final = _FOLDER / "cat.jpg"
"""Chelsea the cat, by Stéfan van der Walt, CC0; a square cut out of scikit-image's copy."""


def sample_model() -> Path:
    """The classifier of CIFAR-10's ten classes that comes with the package.

    A wheel holds a copy beside this file; in a checkout it lies in `sample_models`.
    """
    packed = _FOLDER / "cifar10_cnn.onnx"
    return packed if packed.is_file() else Path(__file__).parents[3] / "sample_models" / packed.name


@checked_keywords
def demo(*, threads: int | None = None) -> Comparison:
    """The photograph of a cat, explained by four methods; needs no file and no network.

    Args:
        threads: in `SHARED`.

    Returns:
        A comparison with one row; `demo().save("demo.png")` draws it.

    Raises:
        DeviceError: ONNX Runtime is not there.
    """
    return compare(sample_model(), PHOTOGRAPH, METHODS, device="cpu", threads=threads)
