"""Train the project's sample model, a small CIFAR-10 CNN, and write it as an ONNX file.

The network is three blocks of one convolution, one ReLU and one 2x2 max-pooling, then one fully
connected layer. Batch normalisation is used while training and folded into the convolutions
afterwards, so the written graph holds nothing but

    conv1 relu1 pool1 conv2 relu2 pool2 conv3 relu3 pool3 flatten fc

Data: ``cifar10_test.zip`` of the corpus folder, a folder per class with 1,000 JPEG pictures each.
The folder is named by ``--corpus`` or the environment variable ``RETROGRAPH_CORPUS`` and only read.

Split: in each class, 200 of the 1,000 pictures are held out and the other 800 are trained on. Which
ones is a pseudo-random draw that depends on ``SPLIT_SEED`` alone (not on ``--seed``), so every
model trained by this script has the same held-out pictures; ``--list-held-out`` prints them.
The held-out pictures are not used to train nor to pick an epoch: the last weights are exported.

Needs numpy, onnx, onnxruntime, pillow and torch (a CPU build will do).
"""

# mypy: allow-subclassing-any, allow-untyped-calls, no-warn-return-any
from __future__ import annotations

import argparse
import hashlib
import os
import sys
import time
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn
from torch.nn import functional

from sample_data import (
    SIZE,
    Dataset,
    FloatArray,
    Pictures,
    load_dataset,
    picture_names,
    split_names,
    to_unit,
)

ARCHIVE = "cifar10_test.zip"

WIDTHS = (64, 128, 256)
KERNELS = (5, 3, 3)

OPSET = 18
IR_VERSION = 8
MAX_BYTES = 2_000_000
DEFAULT_OUTPUT = Path(__file__).resolve().parents[2] / "sample_models" / "cifar10_cnn.onnx"


# --- network and training -----------------------------------------------------------------------


class SampleNet(nn.Module):
    """The network as it is trained: with batch normalisation and dropout."""

    def __init__(self, classes: int, dropout: float) -> None:
        super().__init__()
        channels = (3, *WIDTHS)
        self.convs = nn.ModuleList(
            nn.Conv2d(channels[i], channels[i + 1], k, padding=k // 2, bias=False)
            for i, k in enumerate(KERNELS)
        )
        self.norms = nn.ModuleList(nn.BatchNorm2d(width) for width in WIDTHS)
        self.dropout = nn.Dropout(dropout)
        side = SIZE >> len(WIDTHS)
        self.fc = nn.Linear(WIDTHS[-1] * side * side, classes)

    def forward(self, x: Tensor) -> Tensor:
        for conv, norm in zip(self.convs, self.norms, strict=True):
            x = functional.max_pool2d(functional.relu(norm(conv(x))), 2)
        scores: Tensor = self.fc(self.dropout(x.flatten(1)))
        return scores


@dataclass(frozen=True)
class Settings:
    """Settings of the training."""

    epochs: int = 60
    batch: int = 128
    learning_rate: float = 0.02
    warm_up: float = 0.15
    weight_decay: float = 2e-3
    momentum: float = 0.9
    dropout: float = 0.3
    label_smoothing: float = 0.1
    padding: int = 4
    cutout: int = 8
    colour: float = 0.1
    seed: int = 0
    threads: int = 2


def augment(images: Tensor, settings: Settings, generator: torch.Generator) -> Tensor:
    """Flip, shift, recolour and partly blank each picture of a batch in the range 0 to 1."""
    count, pad = len(images), settings.padding

    def whole(high: int) -> Tensor:
        return torch.randint(0, high, (count, 1), generator=generator)

    def factor() -> Tensor:
        spread = 2 * torch.rand((count, 1, 1, 1), generator=generator) - 1
        return 1 + settings.colour * spread

    # random crop out of the mirrored border, random left-right flip
    steps = torch.arange(SIZE).expand(count, SIZE)
    rows = steps + whole(2 * pad + 1)
    cols = torch.where(whole(2) == 1, steps.flip(1), steps) + whole(2 * pad + 1)
    padded = functional.pad(images, (pad, pad, pad, pad), mode="reflect")
    index = torch.arange(count)[:, None, None]
    out = padded.permute(0, 2, 3, 1)[index, rows[:, :, None], cols[:, None, :]].permute(0, 3, 1, 2)

    # contrast about the picture's mean, then brightness
    if settings.colour > 0:
        mean = out.mean(dim=(1, 2, 3), keepdim=True)
        out = (((out - mean) * factor() + mean) * factor()).clamp(0, 1)

    # a grey square at a random place
    if settings.cutout > 0:
        half = settings.cutout // 2
        row = (torch.arange(SIZE) - whole(SIZE)).add(half)
        col = (torch.arange(SIZE) - whole(SIZE)).add(half)
        in_row = (row >= 0) & (row < settings.cutout)
        in_col = (col >= 0) & (col < settings.cutout)
        hole = (in_row[:, :, None] & in_col[:, None, :])[:, None]
        out = out.masked_fill(hole, 0.5)
    return out.contiguous(memory_format=torch.channels_last)


def train(data: Pictures, classes: int, settings: Settings) -> SampleNet:
    """Train from scratch and return the network of the last epoch."""
    torch.set_num_threads(settings.threads)
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(settings.seed)
    generator = torch.Generator().manual_seed(settings.seed)

    images = torch.from_numpy(to_unit(data.images))
    targets = torch.from_numpy(data.targets)
    net = SampleNet(classes, settings.dropout)
    for conv in net.convs:
        assert isinstance(conv, nn.Conv2d)
        conv.weight.data = conv.weight.data.contiguous(memory_format=torch.channels_last)
    kernels = [p for p in net.parameters() if p.ndim > 1]
    biases = [p for p in net.parameters() if p.ndim <= 1]
    optimizer = torch.optim.SGD(
        [
            {"params": kernels, "weight_decay": settings.weight_decay},
            {"params": biases, "weight_decay": 0.0},
        ],
        lr=settings.learning_rate,
        momentum=settings.momentum,
        nesterov=True,
    )
    per_epoch = len(images) // settings.batch
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer,
        max_lr=settings.learning_rate,
        total_steps=settings.epochs * per_epoch,
        pct_start=settings.warm_up,
        cycle_momentum=False,
    )
    loss_function = nn.CrossEntropyLoss(label_smoothing=settings.label_smoothing)

    start = time.monotonic()
    net.train()
    for epoch in range(1, settings.epochs + 1):
        order = torch.randperm(len(images), generator=generator)
        total, correct = 0.0, 0
        for step in range(per_epoch):
            rows = order[step * settings.batch : (step + 1) * settings.batch]
            scores = net(augment(images[rows], settings, generator))
            loss = loss_function(scores, targets[rows])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item()
            correct += int((scores.argmax(1) == targets[rows]).sum())
        print(
            f"epoch {epoch:3d}/{settings.epochs}  loss {total / per_epoch:.4f}  "
            f"augmented training accuracy {correct / (per_epoch * settings.batch):.4f}  "
            f"{time.monotonic() - start:.0f} s",
            flush=True,
        )
    net.eval()
    return net


# --- export -------------------------------------------------------------------------------------


def folded_weights(net: SampleNet) -> dict[str, FloatArray]:
    """Weights by name, batch normalisation folded into the convolutions (in float64)."""
    weights: dict[str, FloatArray] = {}
    for number, (conv, norm) in enumerate(zip(net.convs, net.norms, strict=True), start=1):
        assert isinstance(conv, nn.Conv2d)
        assert isinstance(norm, nn.BatchNorm2d)
        assert norm.running_mean is not None
        assert norm.running_var is not None
        scale = norm.weight.double() / torch.sqrt(norm.running_var.double() + norm.eps)
        kernel = conv.weight.double() * scale[:, None, None, None]
        bias = norm.bias.double() - norm.running_mean.double() * scale
        weights[f"conv{number}.weight"] = kernel.float().contiguous().detach().numpy()
        weights[f"conv{number}.bias"] = bias.float().detach().numpy()
    weights["fc.weight"] = net.fc.weight.detach().numpy()
    weights["fc.bias"] = net.fc.bias.detach().numpy()
    return weights


def build_onnx(weights: dict[str, FloatArray], classes: Sequence[str]) -> onnx.ModelProto:
    """The ONNX model: every node is named as the tensor it writes, but for the last one."""
    nodes = []
    previous = "image"
    for number, kernel in enumerate(KERNELS, start=1):
        conv, relu, pool = f"conv{number}", f"relu{number}", f"pool{number}"
        nodes += [
            helper.make_node(
                "Conv",
                [previous, f"{conv}.weight", f"{conv}.bias"],
                [conv],
                name=conv,
                kernel_shape=[kernel, kernel],
                pads=[kernel // 2] * 4,
                strides=[1, 1],
            ),
            helper.make_node("Relu", [conv], [relu], name=relu),
            helper.make_node(
                "MaxPool", [relu], [pool], name=pool, kernel_shape=[2, 2], strides=[2, 2]
            ),
        ]
        previous = pool
    nodes += [
        helper.make_node("Flatten", [previous], ["flatten"], name="flatten", axis=1),
        helper.make_node(
            "Gemm", ["flatten", "fc.weight", "fc.bias"], ["scores"], name="fc", transB=1
        ),
    ]
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 3, SIZE, SIZE])
    scores = helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["N", len(classes)])
    graph = helper.make_graph(
        nodes,
        "cifar10_cnn",
        [image],
        [scores],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    model = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="retrograph tools/train_sample_model.py",
        doc_string="CIFAR-10 CNN of three Conv-Relu-MaxPool blocks; scores are logits.",
    )
    helper.set_model_props(model, {"labels": "\n".join(classes), "preprocessing": "0-1"})
    model = onnx.shape_inference.infer_shapes(model, strict_mode=True)
    onnx.checker.check_model(model, full_check=True)
    return model


def run_onnx(path: Path, images: FloatArray, batch: int = 500) -> FloatArray:
    """Scores of the exported file under ONNX Runtime on the CPU."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    session = onnxruntime.InferenceSession(
        str(path), sess_options=options, providers=["CPUExecutionProvider"]
    )
    parts = [
        session.run(["scores"], {"image": images[start : start + batch]})[0]
        for start in range(0, len(images), batch)
    ]
    return np.concatenate(parts)


def report(path: Path, data: Dataset) -> None:
    """Measure the exported file on the held-out pictures and print what the README states."""
    guesses = run_onnx(path, to_unit(data.held_out.images)).argmax(1)
    right = guesses == data.held_out.targets
    train_guesses = run_onnx(path, to_unit(data.train.images)).argmax(1)
    graph = onnx.load(path).graph
    content = path.read_bytes()
    print(f"held-out accuracy  {right.mean():.4f} ({right.sum()} of {len(right)})")
    for index, label in enumerate(data.classes):
        mine = data.held_out.targets == index
        print(f"  {label:<12} {right[mine].mean():.3f} ({right[mine].sum()} of {mine.sum()})")
    print(f"training accuracy  {(train_guesses == data.train.targets).mean():.4f}")
    print(f"parameters         {sum(int(np.prod(t.dims)) for t in graph.initializer)}")
    print(f"bytes              {len(content)}")
    print(f"sha256             {hashlib.sha256(content).hexdigest()}")


# --- command line -------------------------------------------------------------------------------


def parse_arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Train the CIFAR-10 sample model, write ONNX.")
    parser.add_argument(
        "--corpus",
        type=Path,
        default=os.environ.get("RETROGRAPH_CORPUS") or None,
        help=f"folder that holds {ARCHIVE} (else: environment variable RETROGRAPH_CORPUS)",
    )
    parser.add_argument("--output", type=Path, default=DEFAULT_OUTPUT, help="ONNX file to write")
    parser.add_argument("--epochs", type=int, default=Settings.epochs)
    parser.add_argument("--seed", type=int, default=Settings.seed, help="seed of the training")
    parser.add_argument("--threads", type=int, default=Settings.threads, help="CPU threads")
    action = parser.add_mutually_exclusive_group()
    action.add_argument(
        "--list-held-out", action="store_true", help="print the held-out names and stop"
    )
    action.add_argument(
        "--measure", action="store_true", help="measure the file named by --output and stop"
    )
    arguments = parser.parse_args(argv)
    if not arguments.corpus:
        parser.error("name the corpus folder with --corpus or RETROGRAPH_CORPUS")
    return arguments


def main(argv: Sequence[str] | None = None) -> int:
    arguments = parse_arguments(argv)
    archive_path = Path(arguments.corpus) / ARCHIVE
    if not archive_path.is_file():
        print(f"error: no file {ARCHIVE} in the corpus folder", file=sys.stderr)
        return 2
    if arguments.list_held_out:
        with zipfile.ZipFile(archive_path) as archive:
            print("\n".join(split_names(picture_names(archive))[1]))
        return 0

    data = load_dataset(archive_path)
    if arguments.measure:
        report(arguments.output, data)
        return 0

    settings = Settings(epochs=arguments.epochs, seed=arguments.seed, threads=arguments.threads)
    start = time.monotonic()
    net = train(data.train, len(data.classes), settings)
    print(f"training time      {time.monotonic() - start:.0f} s")

    model = build_onnx(folded_weights(net), data.classes)
    content = model.SerializeToString(deterministic=True)
    if len(content) > MAX_BYTES:
        print(f"error: {len(content)} bytes, more than {MAX_BYTES}", file=sys.stderr)
        return 1
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_bytes(content)

    sample = to_unit(data.held_out.images)
    with torch.no_grad():
        expected = net(torch.from_numpy(sample)).numpy()
    difference = float(np.abs(run_onnx(arguments.output, sample) - expected).max())
    print(f"ONNX against torch largest difference {difference:.2e}")
    if not difference < 1e-4:
        print("error: the exported file does not compute what torch does", file=sys.stderr)
        return 1
    report(arguments.output, data)
    return 0


if __name__ == "__main__":
    sys.exit(main())
