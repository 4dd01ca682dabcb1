#!/usr/bin/env python3
"""Make the golden figures of the sanity checks, by Quantus.

    python tools/goldens/make_sanity_goldens.py [--output tests/goldens/sanity/quantus.npz]

A small convolutional network with random weights is checked on four random pictures by Quantus'
MPRT, RandomLogit and PixelFlipping, and stored with its weights. Quantus is given what the two must
share to be comparable, all of it in `tests/goldens/sanity/README.md`: the distribution and the
seeds of new weights (by `reset_parameters`, which MPRT calls), and pictures that keep their shape
where SSIM is taken (RandomLogit and MPRT flatten them otherwise).

Needs an environment of its own: quantus and torch (a CPU build). All seeds are fixed, so a second
run writes the same numbers.
"""

# mypy: allow-subclassing-any, allow-untyped-calls, no-warn-return-any
from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import quantus
import torch
from torch import nn

Array = np.ndarray[Any, Any]

DEFAULT_OUTPUT = (
    Path(__file__).resolve().parents[2] / "tests" / "goldens" / "sanity" / "quantus.npz"
)
ITEMS, CHANNELS, SIDE, CLASSES = 4, 3, 12, 6
SEED = 3
STEPS, BASELINE = 24, 0.25
QUIET = {"disable_warnings": True, "display_progressbar": False}


def redraw(self: Conv | Linear) -> None:
    """Draw each tensor of a layer from its own mean and deviation.

    The generator is NumPy's, seeded by the seed and the layer's number from the output.
    """
    rng = np.random.default_rng([SEED, int(self.number)])
    with torch.no_grad():
        for tensor in (self.weight, self.bias):
            old = tensor.numpy().astype(np.float64)
            tensor.copy_(torch.from_numpy(rng.normal(old.mean(), old.std(), old.shape)))


class Conv(nn.Conv2d):
    number = -1

    def reset_parameters(self) -> None:
        super().reset_parameters() if self.number < 0 else redraw(self)


class Linear(nn.Linear):
    number = -1

    def reset_parameters(self) -> None:
        super().reset_parameters() if self.number < 0 else redraw(self)


def network() -> nn.Sequential:
    torch.manual_seed(SEED)
    last = Linear(5 * (SIDE - 2) ** 2, CLASSES)
    layers: list[Conv | Linear] = [Conv(CHANNELS, 4, 3, padding=1), Conv(4, 5, 3), last]
    for number, layer in enumerate(reversed(layers)):
        layer.number = number
    first, second, _ = layers
    return nn.Sequential(first, nn.ReLU(), second, nn.ReLU(), nn.Flatten(), last).eval()


def gradient(model: nn.Module, inputs: Array, targets: Array, **_: Any) -> Array:
    """The gradient of each item's class score."""
    x = torch.as_tensor(inputs, dtype=torch.float32).requires_grad_()
    model(x)[torch.arange(len(x)), torch.as_tensor(targets)].sum().backward()
    assert x.grad is not None
    return x.grad.numpy()


def cosine(a: Array, b: Array, batched: bool = True) -> Array:
    """Of each row; what Quantus calls so is the distance, 1 less the cosine, of one pair."""
    return np.array([1 - quantus.similarity_func.cosine(x, y) for x, y in zip(a, b, strict=True)])


def ssim(a: Array, b: Array, batched: bool = True) -> Array:
    """Quantus' SSIM of the sums over the channels of magnitudes, each divided by its largest."""
    pairs = zip(map(_map, a), map(_map, b), strict=True)
    return np.array([quantus.similarity_func.ssim(x, y) for x, y in pairs])


def _map(row: Array) -> Array:
    sizes = np.abs(row.reshape(CHANNELS, SIDE, SIDE)).sum(axis=0)
    return quantus.normalise_func.normalise_by_max(sizes)


SPEARMAN = quantus.similarity_func.correlation_spearman
MEASURES: dict[str, tuple[Callable[..., Any], bool]] = {
    "spearman-abs": (SPEARMAN, True),
    "spearman": (SPEARMAN, False),
    "ssim": (ssim, False),
    "cosine": (cosine, False),
}
"""Each with Quantus' parameter `abs`."""


def figures(model: nn.Sequential, x: Array) -> dict[str, Array]:
    y = model(torch.from_numpy(x)).argmax(dim=1).numpy()
    a = gradient(model, x, y)
    arrays = {"x": x, "unit": y}
    common: dict[str, Any] = {"x_batch": x, "y_batch": y, "a_batch": a, "channel_first": True}
    for name, (measure, absolute) in MEASURES.items():
        for order, called in (("cascading", "top_down"), ("independent", "independent")):
            check = quantus.MPRT(
                similarity_func=measure, layer_order=called, abs=absolute, normalise=False, **QUIET
            )
            scores = check(model, explain_func=gradient, **common)
            layers = sorted((k for k in scores if k != "original"), reverse=True, key=int)
            arrays[f"{order}/{name}"] = np.array([scores[layer] for layer in layers])
        arrays |= _random_logit(model, common, name, measure, absolute)
    flipped = quantus.PixelFlipping(
        features_in_step=CHANNELS * SIDE**2 // STEPS,
        perturb_baseline=BASELINE,
        normalise=False,
        **QUIET,
    )
    sizes = np.abs(a).sum(axis=1, keepdims=True)
    arrays["deletion"] = np.array(flipped(model, **{**common, "a_batch": sizes}, softmax=True))
    return arrays


def _random_logit(
    model: nn.Module,
    common: dict[str, Any],
    name: str,
    measure: Callable[..., Any],
    absolute: bool,
) -> dict[str, Array]:
    """The similarities, and the classes that Quantus has drawn."""
    drawn: list[Array] = []

    def explain(model: nn.Module, inputs: Array, targets: Array, **others: Any) -> Array:
        drawn.append(targets)
        return gradient(model, inputs, targets)

    check = quantus.RandomLogit(
        similarity_func=measure, num_classes=CLASSES, abs=absolute, normalise=False, **QUIET
    )
    scores = check(model, explain_func=explain, **common)
    return {f"logit/{name}": np.array(scores), "others": drawn[-1]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--output", type=Path, default=DEFAULT_OUTPUT)
    output = parser.parse_args().output
    model = network()
    x = np.random.default_rng(SEED).random((ITEMS, CHANNELS, SIDE, SIDE), np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        arrays = figures(model, x)
    names = {"0": "conv1", "2": "conv2", "5": "fc"}
    for key, tensor in model.state_dict().items():
        layer, _, kind = key.partition(".")
        arrays[f"{names[layer]}/{kind}"] = tensor.numpy()
    output.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(output, **arrays)  # type: ignore[arg-type]
    print(f"{output}: {', '.join(arrays)}")


if __name__ == "__main__":
    main()
