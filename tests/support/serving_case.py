"""What the tests of the service share: bodies, and how answers are read."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from PIL import Image

from support.asgi import Answer
from support.paths import ROOT

SAMPLE = ROOT / "sample_models" / "cifar10_cnn.onnx"
RNG = np.random.default_rng(11)
PIXELS = RNG.integers(0, 256, (40, 56, 3), np.uint8)
X = RNG.random((3, 32, 32), np.float32)


def npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def npz(arrays: Mapping[str, np.ndarray]) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **dict(arrays))  # type: ignore[arg-type]
    return buffer.getvalue()


def png(pixels: np.ndarray = PIXELS, format: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format)
    return buffer.getvalue()


def jsoned(**values: Any) -> bytes:
    return json.dumps(values).encode()


def attribution(answer: Answer) -> np.ndarray:
    """The array of an answer that is an .npy."""
    assert answer.status == 200, answer.body[:500]
    array: np.ndarray = np.load(io.BytesIO(answer.body), allow_pickle=False)
    return array


def record(answer: Answer) -> Any:
    """What the header of an answer says that is no JSON."""
    return json.loads(answer.headers["retrograph-record"])
