"""Train a generator of handwritten 0s and 1s against a critic; write it as ONNX.

    fc relu1 unflatten up1 relu2 up2 picture

From a code of 16 numbers, standard normal, it makes a picture of 28x28 in 0 (ground) to 1 (ink).
The critic is trained by the hinge loss, with spectral normalisation (Miyato et al. 2018); the
weights that are written are averages over the last steps. Data: ``mnist01.npz`` of the corpus
folder, which is named by ``--corpus`` or the environment variable ``RETROGRAPH_CORPUS``, and only
read.
Needs numpy, onnx, onnxruntime and torch (a CPU build will do).
"""

# mypy: allow-subclassing-any, allow-untyped-calls, no-warn-return-any
from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from onnx import TensorProto, helper
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import spectral_norm
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from sample_export import FOLDER, FloatArray, node, run, save, summarise

ARCHIVE = "mnist01.npz"
SIDE = 28
CODE = 16
WIDTHS = (40, 20)
SMALL = SIDE // 4


@dataclass(frozen=True)
class Settings:
    """Settings of the training."""

    epochs: int = 40
    batch: int = 64
    learning_rate: float = 5e-4
    average: float = 0.995
    seed: int = 0


class Generator(nn.Module):
    """Pictures as logits, [N, 1, 28, 28], of codes [N, 16]."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(CODE, WIDTHS[0] * SMALL * SMALL)
        self.up1 = nn.ConvTranspose2d(*WIDTHS, 4, stride=2, padding=1)
        self.up2 = nn.ConvTranspose2d(WIDTHS[1], 1, 4, stride=2, padding=1)

    def forward(self, code: Tensor) -> Tensor:
        x = functional.relu(self.fc(code)).unflatten(1, (WIDTHS[0], SMALL, SMALL))
        logits: Tensor = self.up2(functional.relu(self.up1(x)))
        return logits


def load(path: Path) -> FloatArray:
    """The pictures to train on, [N, 1, 28, 28] in 0 to 1."""
    with np.load(path) as data:
        pictures = data["X_train"].reshape(-1, 1, SIDE, SIDE)
    return pictures.astype(np.float32) / np.float32(255)


def critic() -> nn.Module:
    """What scores pictures [N, 1, 28, 28], real ones higher: [N, 1]; Lipschitz by its norms."""
    return nn.Sequential(
        spectral_norm(nn.Conv2d(1, 32, 4, stride=2, padding=1)),
        nn.LeakyReLU(0.1),
        spectral_norm(nn.Conv2d(32, 64, 4, stride=2, padding=1)),
        nn.LeakyReLU(0.1),
        nn.Flatten(),
        spectral_norm(nn.Linear(64 * SMALL * SMALL, 1)),
    )


def train(pictures: FloatArray, settings: Settings) -> Generator:
    """Train from scratch on one thread; the generator's weights are averages over steps."""
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(settings.seed)
    values = torch.from_numpy(pictures)
    generator, judge = Generator(), critic()
    average = AveragedModel(generator, multi_avg_fn=get_ema_multi_avg_fn(settings.average))
    ups = torch.optim.Adam(generator.parameters(), settings.learning_rate, betas=(0.5, 0.99))
    downs = torch.optim.Adam(judge.parameters(), settings.learning_rate, betas=(0.5, 0.99))
    start = time.monotonic()
    for epoch in range(1, settings.epochs + 1):
        gap = 0.0
        for rows in torch.randperm(len(values)).split(settings.batch):
            images = generator(torch.randn(len(rows), CODE)).sigmoid()
            real, fake = judge(values[rows]), judge(images.detach())
            loss = functional.relu(1 - real).mean() + functional.relu(1 + fake).mean()
            downs.zero_grad(set_to_none=True)
            loss.backward()
            downs.step()
            ups.zero_grad(set_to_none=True)
            (-judge(images).mean()).backward()
            ups.step()
            average.update_parameters(generator)
            gap += float((real.mean() - fake.mean()).detach()) * len(rows) / len(values)
        seconds = time.monotonic() - start
        print(f"epoch {epoch:2d}/{settings.epochs}  gap {gap:.3f}  {seconds:.0f} s", flush=True)
    best = average.module
    assert isinstance(best, Generator)
    return best.eval()


def export(generator: Generator, path: Path) -> None:
    """Write the generator, with the sigmoid that makes logits a picture."""
    doubling = {"kernel_shape": [4, 4], "strides": [2, 2], "pads": [1, 1, 1, 1]}
    nodes = [
        node("Gemm", "code fc.weight fc.bias", "fc", transB=1),
        node("Relu", "fc", "relu1"),
        node("Reshape", "relu1 shape", "unflatten"),
        node("ConvTranspose", "unflatten up1.weight up1.bias", "up1", **doubling),
        node("Relu", "up1", "relu2"),
        node("ConvTranspose", "relu2 up2.weight up2.bias", "up2", **doubling),
        node("Sigmoid", "up2", "picture"),
    ]
    weights = {name: value.detach().numpy() for name, value in generator.state_dict().items()}
    save(
        path,
        nodes,
        helper.make_tensor_value_info("code", TensorProto.FLOAT, ["N", CODE]),
        helper.make_tensor_value_info("picture", TensorProto.FLOAT, ["N", 1, SIDE, SIDE]),
        {**weights, "shape": np.array([-1, WIDTHS[0], SMALL, SMALL], np.int64)},
        {"prior": "standard normal", "output_range": "0-1"},
        "Generator of the handwritten digits 0 and 1: from a code, standard normal, to a "
        "picture, 0 (ground) to 1 (ink).",
    )


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Train the generator of digits, write ONNX.")
    corpus = os.environ.get("RETROGRAPH_CORPUS") or None
    parser.add_argument("--corpus", type=Path, default=corpus, help=f"folder with {ARCHIVE}")
    parser.add_argument("--output", type=Path, default=FOLDER / "digit_generator.onnx")
    parser.add_argument("--epochs", type=int, default=Settings.epochs)
    parser.add_argument("--seed", type=int, default=Settings.seed)
    arguments = parser.parse_args(argv)
    if not arguments.corpus:
        parser.error("name the corpus folder with --corpus or RETROGRAPH_CORPUS")
    settings = Settings(epochs=arguments.epochs, seed=arguments.seed)
    generator = train(load(Path(arguments.corpus) / ARCHIVE), settings)
    export(generator, arguments.output)
    codes = np.random.default_rng(0).standard_normal((100, CODE)).astype(np.float32)
    with torch.no_grad():
        expected = torch.sigmoid(generator(torch.from_numpy(codes))).numpy()
    np.testing.assert_allclose(run(arguments.output, codes), expected, atol=1e-5)
    summarise(arguments.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
