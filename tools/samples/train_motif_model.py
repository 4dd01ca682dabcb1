"""Train the sample model of sequences, a 1-D CNN that finds a planted motif; write it as ONNX.

    conv1 relu1 pool1 conv2 relu2 pool2 fc

The data come from `motif_data`; the seeds of the training and of the held-out sequences differ.
Needs numpy, onnx, onnxruntime and torch (a CPU build will do).
"""

# mypy: allow-subclassing-any, allow-untyped-calls, no-warn-return-any
from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from onnx import TensorProto, helper
from torch import Tensor, nn
from torch.nn import functional

from motif_data import ALPHABET, HELD_OUT, LENGTH, TRAINED_ON, draw
from sample_export import FOLDER, FloatArray, node, run, save, summarise

WIDTHS = (48, 64)
KERNELS = (5, 5)
POOL = 2
BATCH = 100
LABELS = ("no motif", "motif")


class MotifNet(nn.Module):
    """The network: the second pool takes the maximum over all positions that are left."""

    def __init__(self) -> None:
        super().__init__()
        first, second = WIDTHS
        self.conv1 = nn.Conv1d(len(ALPHABET), first, KERNELS[0], padding=KERNELS[0] // 2)
        self.conv2 = nn.Conv1d(first, second, KERNELS[1], padding=KERNELS[1] // 2)
        self.fc = nn.Linear(second, len(LABELS))

    def forward(self, x: Tensor) -> Tensor:
        x = functional.max_pool1d(functional.relu(self.conv1(x)), POOL)
        scores: Tensor = self.fc(functional.relu(self.conv2(x)).amax(dim=2))
        return scores


def train(epochs: int, seed: int) -> MotifNet:
    """Train from scratch on one thread and return the network of the last epoch."""
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(seed)
    data = draw(*TRAINED_ON)
    count = len(data.targets)
    values, targets = torch.from_numpy(data.one_hot()), torch.from_numpy(data.targets)
    net = MotifNet()
    optimizer = torch.optim.AdamW(net.parameters(), weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=4e-3, total_steps=epochs * count // BATCH
    )
    start = time.monotonic()
    for epoch in range(1, epochs + 1):
        total = 0.0
        for rows in torch.randperm(count).split(BATCH):
            loss = functional.cross_entropy(net(values[rows]), targets[rows])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item() * len(rows) / count
        print(f"epoch {epoch:2d}/{epochs}  loss {total:.4f}  {time.monotonic() - start:.0f} s")
    return net.eval()


def export(net: MotifNet, path: Path) -> None:
    """Write the network."""
    left = LENGTH // POOL
    nodes = [
        node("Conv", "sequence conv1.weight conv1.bias", "conv1", pads=[KERNELS[0] // 2] * 2),
        node("Relu", "conv1", "relu1"),
        node("MaxPool", "relu1", "pool1", kernel_shape=[POOL], strides=[POOL]),
        node("Conv", "pool1 conv2.weight conv2.bias", "conv2", pads=[KERNELS[1] // 2] * 2),
        node("Relu", "conv2", "relu2"),
        node("MaxPool", "relu2", "pool2", kernel_shape=[left], strides=[left]),
        node("Flatten", "pool2", "flatten", axis=1),
        node("Gemm", "flatten fc.weight fc.bias", "scores", transB=1),
    ]
    save(
        path,
        nodes,
        helper.make_tensor_value_info("sequence", TensorProto.FLOAT, ["N", len(ALPHABET), LENGTH]),
        helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["N", len(LABELS)]),
        {name: value.detach().numpy() for name, value in net.state_dict().items()},
        {"labels": "\n".join(LABELS), "alphabet": ALPHABET},
        "Finds a motif of 8 in one-hot protein-like sequences; scores are logits.",
    )


def report(path: Path) -> None:
    """Measure the file on the held-out sequences, and print what the README states."""
    data = draw(*HELD_OUT)
    right = run(path, data.one_hot()).argmax(1) == data.targets
    plain, decoy = (data.targets == 0) & (data.starts < 0), (data.targets == 0) & (data.starts >= 0)
    groups: dict[str, np.ndarray[tuple[int], np.dtype[np.bool_]]] = {
        "all": np.ones(len(right), bool),
        "motif": data.targets == 1,
        "decoy": decoy,
        "neither": plain,
    }
    for name, rows in groups.items():
        print(f"{name:<10} {right[rows].mean():.4f} ({right[rows].sum()} of {rows.sum()})")
    summarise(path)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Train the motif model, write ONNX.")
    parser.add_argument("--output", type=Path, default=FOLDER / "motif_cnn.onnx")
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--measure", action="store_true", help="measure the file and stop")
    arguments = parser.parse_args(argv)
    if not arguments.measure:
        net = train(arguments.epochs, arguments.seed)
        export(net, arguments.output)
        values: FloatArray = draw(*HELD_OUT).one_hot()[:500]
        with torch.no_grad():
            expected = net(torch.from_numpy(values)).numpy()
        np.testing.assert_allclose(run(arguments.output, values), expected, atol=1e-4)
    report(arguments.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
