#!/usr/bin/env python3
"""Make the golden file of the corpus' heads: gradients of boxes' logits and of masks by autograd.

    RETROGRAPH_CORPUS=corpus python tools/goldens/make_corpus_head_goldens.py

Detectors and segmentation nets of the corpus are run by PyTorch in float64 (`onnx_in_torch.py`).
`tests/goldens/heads/corpus.npz` holds for each case the input as small bytes (each pixel is
repeated `times` times), the explained number `score`, and the gradient at 400 places, with the
largest magnitude and the norm of all of it. The places are those at which PyTorch in float32 agrees
with itself in float64, the input changed in its last digits, too: elsewhere an activation lies so
near to a ReLU's kink that rounding decides.

Needs torch (a CPU build), numpy, onnx and Pillow.
"""

# mypy: allow-untyped-calls, no-warn-return-any
from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from PIL import Image, ImageOps
from torch import Tensor

from onnx_in_torch import run

ROOT = Path(__file__).resolve().parents[2]
OUTPUT = ROOT / "tests" / "goldens" / "heads" / "corpus.npz"
CORPUS = Path(os.environ.get("RETROGRAPH_CORPUS", "corpus"))
PLACES = 400
AGREED = 1e-5
ROUNDED = (1, 1 + 4e-7, 1 - 4e-7, 1 + 1e-6, 1 - 1e-6)

Array = np.ndarray[Any, Any]


def main() -> None:
    """Write the file."""
    arrays: dict[str, Any] = {}
    for case in (deeplab_cat, deeplab_dog, carvana, ultraface, blazeface, tinyyolo):
        for key, value in case().items():
            arrays[f"{case.__name__}/{key}"] = value
    np.savez_compressed(OUTPUT, **arrays)
    print(f"{OUTPUT}: {OUTPUT.stat().st_size} bytes")


def deeplab_cat() -> dict[str, Array]:
    """Class 8 where it is predicted."""
    return _deeplab("coral_cat.jpg", 8)


def deeplab_dog() -> dict[str, Array]:
    """Class 12 where it is predicted."""
    return _deeplab("dog_winml.jpg", 12)


def _deeplab(photo: str, label: int) -> dict[str, Array]:
    pixels = _photo(photo, (171, 171))

    def score(model: onnx.ModelProto, x: Tensor) -> Tensor:
        (logits,) = run(model, x, [model.graph.node[-1].input[0]])
        return (logits[0, label] * (logits[0].argmax(0) == label)).sum()

    return _case("deeplabv3_dm05_tflite", pixels, 3, lambda x: x, score, last=True)


def carvana() -> dict[str, Array]:
    """Class 1 where it is predicted."""
    pixels = np.random.default_rng(5).integers(0, 256, (31, 47, 4), np.uint8)

    def score(model: onnx.ModelProto, x: Tensor) -> Tensor:
        (logits,) = run(model, x, ["out_mask"])
        return (logits[0, 1] * (logits[0].argmax(0) == 1)).sum()

    return _case("carvana_unet_simp", pixels, 1, lambda x: x / 255, score)


def ultraface() -> dict[str, Array]:
    """The face logit of the box with the highest score."""

    def score(model: onnx.ModelProto, x: Tensor) -> Tensor:
        softmax = next(n for n in model.graph.node if n.op_type == "Softmax")
        (logits,) = run(model, x, [softmax.input[0]])
        return logits[0, logits.softmax(-1)[0, :, 1].argmax(), 1]

    pixels = _photo("coral_face.jpg", (160, 120))
    return _case("ultraface_rfb320", pixels, 2, lambda x: (x - 127) / 128, score)


def blazeface() -> dict[str, Array]:
    """The logit of the strongest box of both levels."""

    def score(model: onnx.ModelProto, x: Tensor) -> Tensor:
        fine, coarse, *_ = run(model, x, [o.name for o in model.graph.output])
        return torch.cat([fine, coarse], 1).max()

    pixels = _photo("coral_face.jpg", (64, 64))
    return _case("blazeface_front128", pixels, 2, lambda x: x / 127.5 - 1, score, last=True)


def tinyyolo() -> dict[str, Array]:
    """The class logit of the box with the highest objectness times class probability."""

    def score(model: onnx.ModelProto, x: Tensor) -> Tensor:
        (flat,) = run(model, x, [model.graph.output[0].name])
        channels = flat.reshape(125, 13, 13)
        objectness, classes = channels[:5], channels[5:105].reshape(5, 20, 13, 13)
        scores = objectness.sigmoid()[:, None] * classes.softmax(1)
        return classes.flatten()[scores.flatten().argmax()]

    return _case("tinyyolo_ball", _photo("cat_winml.jpg", (52, 52)), 1, lambda x: x / 255, score)


def _photo(name: str, size: tuple[int, int]) -> Array:
    """A small picture, uint8 [H, W, 3]: the middle of a photograph."""
    with Image.open(CORPUS / "photos" / name) as image:
        fitted = ImageOps.fit(image.convert("RGB"), size, Image.Resampling.BOX)
        return np.asarray(fitted)


def _case(
    name: str,
    pixels: Array,
    times: int,
    scaled: Callable[[Array], Array],
    score: Callable[[onnx.ModelProto, Tensor], Tensor],
    *,
    last: bool = False,
) -> dict[str, Array]:
    """The arrays of a case.

    Args:
        name: of the model.
        pixels: uint8 [H, W, C].
        times: how often each is repeated.
        scaled: makes values of 0-255 those of the model.
        score: the number that is explained.
        last: whether the model takes its channels last.
    """
    large = pixels.repeat(times, 0).repeat(times, 1).astype(np.float64)
    batch = scaled(large)[np.newaxis]
    x = torch.from_numpy(batch if last else batch.transpose(0, 3, 1, 2).copy())
    model = onnx.load(CORPUS / "models" / f"{name}.onnx")
    value, flat = _gradient(model, x, score)
    agreed = np.ones(len(flat), bool)
    for factor in ROUNDED:
        _, rounded = _gradient(model, (x * factor).float(), score)
        agreed &= np.abs(flat - rounded) <= AGREED * np.abs(flat).max()
    candidates = np.flatnonzero(agreed & (flat != 0))
    places = np.random.default_rng(0).choice(candidates, PLACES, replace=False)
    print(f"{name}: {value:.6g}, float32 agrees at {100 * agreed.mean():.2f} % of the places")
    return {
        "pixels": pixels,
        "times": np.array(times),
        "score": np.array(value),
        "places": places,
        "gradient": flat[places],
        "largest": np.array([np.abs(flat).max()]),
        "norm": np.array([np.linalg.norm(flat)]),
    }


def _gradient(
    model: onnx.ModelProto, x: Tensor, score: Callable[[onnx.ModelProto, Tensor], Tensor]
) -> tuple[float, Array]:
    """The explained number, and its gradient as one row of float64."""
    source = x.clone().requires_grad_()
    value = score(model, source)
    (gradient,) = torch.autograd.grad(value, source)
    return value.item(), gradient.double().numpy().ravel()


if __name__ == "__main__":
    main()
