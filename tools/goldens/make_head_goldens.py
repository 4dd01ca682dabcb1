#!/usr/bin/env python3
"""Make the golden files of heads: small detectors as ONNX, gradients of their logits by autograd.

    python tools/goldens/make_head_goldens.py [--output tests/goldens/heads]

For each detector of `head_networks.py`: `<name>.onnx`, and `<name>.npz` with the input `x`, and for
the strongest box of each class `place` (its number), `score`, `box` (x0 y0 x1 y1 in pixels),
`logit` and `gradient`, the gradient of that logit to the input; of the strongest of all,
`objectness_gradient` where there is an objectness. For the segmentation net `unet` and the network
of two heads the gradients of sums and differences of logits; for that of two pictures those of its
logits to either. All in float64, stored as float32; all
seeds are fixed.

Needs torch (a CPU build), numpy and onnx.
"""

# mypy: allow-untyped-calls, no-warn-return-any
from __future__ import annotations

import argparse
import io
import logging
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import torch
from torch import Tensor, nn

from head_networks import (
    DETECTORS,
    HEIGHT,
    WIDTH,
    CentreDetector,
    PriorDetector,
    TwoHeaded,
    TwoPictures,
    UNet,
)

ROOT = Path(__file__).resolve().parents[2]
DEFAULT_OUTPUT = ROOT / "tests" / "goldens" / "heads"


def main() -> None:
    """Write all files."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--output", type=Path, default=DEFAULT_OUTPUT)
    output: Path = parser.parse_args().output
    output.mkdir(parents=True, exist_ok=True)
    for seed, (name, (network, names)) in enumerate(DETECTORS.items()):
        model = initialised(network(), seed)
        x = picture(seed)
        write(output, name, model, x, names, detections(model, x))
    model = initialised(UNet(), 10)
    x = picture(10)
    write(output, "unet", model, x, ("logits",), mask_sums(model, x))
    model = initialised(TwoHeaded(), 11)
    x = picture(11)
    write(output, "two_heads", model, x, ("kinds", "poses"), contrasts(model, x))
    pair(output)


def initialised(model: nn.Module, seed: int) -> nn.Module:
    """The network in float64 with random weights; those before the outputs are large."""
    torch.manual_seed(seed)
    for layer in model.modules():
        if isinstance(layer, (nn.Conv2d, nn.Linear, nn.ConvTranspose2d)):
            if not layer.weight.requires_grad:
                continue
            inputs = layer.weight[0].numel()
            nn.init.normal_(layer.weight, std=(3 / inputs) ** 0.5)
            if layer.bias is not None:
                nn.init.normal_(layer.bias, std=0.3)
    if isinstance(model, CentreDetector):
        model.size.bias.data += 5  # sizes are positive
    return model.double().eval()


def picture(seed: int) -> Tensor:
    """Smooth random colours, values of float32."""
    coarse = torch.rand(1, 3, 9, 12, generator=torch.Generator().manual_seed(seed))
    fine = nn.functional.interpolate(coarse, (HEIGHT, WIDTH), mode="bicubic").clamp(0, 1)
    return fine.float().double().requires_grad_()


def detections(model: nn.Module, x: Tensor) -> dict[str, Tensor]:
    """The strongest box of each class, its logit and the logit's gradient."""
    parts = model.parts(x)
    logits, boxes = parts["logits"][0], parts["boxes"][0]
    first = int(isinstance(model, PriorDetector))  # the background
    scores = logits.softmax(-1) if first else logits.sigmoid()
    objectness = parts.get("objectness")
    if objectness is not None:
        scores = scores * objectness[0].sigmoid()[:, None]
    places = scores[:, first:].argmax(0)
    chosen = [(int(place), column) for column, place in enumerate(places, first)]
    found = {
        "place": places,
        "score": torch.stack([scores[each] for each in chosen]),
        "box": boxes[places],
        "logit": torch.stack([logits[each] for each in chosen]),
        "gradient": torch.stack([gradient(logits[each], x) for each in chosen]),
    }
    if objectness is not None:
        best = int(scores.max(-1).values.argmax())
        found["objectness_gradient"] = gradient(objectness[0, best], x)
    return found


def gradient(value: Tensor, x: Tensor) -> Tensor:
    """Of one number to the input."""
    return torch.autograd.grad(value, x, retain_graph=True)[0][0]


def mask_sums(model: nn.Module, x: Tensor) -> dict[str, Tensor]:
    """The sum of each class's logits over the pixels that are predicted as the class."""
    logits = model(x)[0]
    masks = [logits.argmax(0) == index for index in range(len(logits))]
    sums = [(each * mask).sum() for each, mask in zip(logits, masks, strict=True)]
    whole = gradient(logits[1].sum(), x)
    part = gradient(logits[1, 10:20, 8:24].sum(), x)
    return {
        "mask": torch.stack(masks),
        "sum": torch.stack(sums),
        "gradient": torch.stack([gradient(each, x) for each in sums]),
        "all_gradient": whole,
        "box_gradient": part,  # x 8 to 24, y 10 to 20
        "pixel_gradient": gradient(logits[2, 30, 40], x),  # x 40, y 30
    }


def contrasts(model: nn.Module, x: Tensor) -> dict[str, Tensor]:
    """The difference of two logits, and the logits alone."""
    kinds = model(x)[0][0]
    return {
        "logits": kinds,
        "contrast_gradient": gradient(kinds[3] - kinds[1], x),
        "gradient": torch.stack([gradient(each, x) for each in kinds]),
    }


def pair(output: Path) -> None:
    """The network of two pictures, and the gradient of each logit to either."""
    model = initialised(TwoPictures(), 12)
    left, right = picture(12), picture(13)
    logits = model(left, right)[0]
    arrays = {
        "left": left,
        "right": right,
        "logits": logits,
        "left_gradient": torch.stack([gradient(each, left) for each in logits]),
        "right_gradient": torch.stack([gradient(each, right) for each in logits]),
    }
    store(output, "two_pictures", arrays)
    inputs = (left.detach().float(), right.detach().float())
    proto = export(model.float(), inputs, ("logits",), ("left", "right"))
    onnx.save(proto, output / "two_pictures.onnx")


def write(
    output: Path,
    name: str,
    model: nn.Module,
    x: Tensor,
    names: Sequence[str],
    arrays: dict[str, Tensor],
) -> None:
    """The ONNX file in float32, and the arrays."""
    store(output, name, {"x": x, **arrays})
    proto = export(model.float(), (x.detach().float(),), names)
    onnx.save(proto, output / f"{name}.onnx")


def store(output: Path, name: str, arrays: dict[str, Tensor]) -> None:
    """The arrays, those of float64 as float32."""
    stored = {key: value.detach().numpy() for key, value in arrays.items()}
    narrow = {k: v.astype(np.float32) if v.dtype == np.float64 else v for k, v in stored.items()}
    np.savez_compressed(output / f"{name}.npz", **narrow)
    print(f"{name}: {', '.join(f'{k} {list(v.shape)}' for k, v in narrow.items())}")


def export(
    model: nn.Module,
    inputs: tuple[Tensor, ...],
    names: Sequence[str],
    input_names: Sequence[str] = ("images",),
) -> onnx.ModelProto:
    """By TorchScript, as those who export detectors do."""
    logging.disable(logging.WARNING)
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            model,
            inputs,
            buffer,
            dynamo=False,
            opset_version=12,
            input_names=[*input_names],
            output_names=[*names],
        )
    proto = onnx.load_from_string(buffer.getvalue())
    for node in proto.graph.node:
        node.doc_string = ""
    return proto


if __name__ == "__main__":
    main()
