"""The networks that are measured: torchvision's with random weights, and the sample model.

Each is made from a fixed seed, its batch normalisations are set to the statistics of noise (so that
activations have the size that they have in a trained network), and is exported once into a cache
folder, with an open batch.
"""

# mypy: allow-subclassing-any, allow-untyped-calls, no-warn-return-any
from __future__ import annotations

import contextlib
import io
import logging
import os
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
OPSET = 17
_CALIBRATION = 4
_SPREAD = 0.05


@dataclass(frozen=True)
class Layer:
    """A middle layer: its name in words, and its alias."""

    title: str
    alias: str


@dataclass(frozen=True)
class Network:
    """One network of the suite.

    Attributes:
        name: on the command line.
        title: in tables.
        item: the shape of an input without its batch.
        make: its constructor in torchvision.models; None for the sample model.
        layer: the middle layer whose unit is explained, if any.
        activations: what guided does at smooth activations, a parameter of the method.
        captum: what Captum's guided backpropagation gives of it, `guided` or `gradient`, and why.
    """

    name: str
    title: str
    item: tuple[int, ...] = (3, 224, 224)
    make: str | None = None
    layer: Layer | None = None
    activations: str = ""
    captum: tuple[str, str] = ("guided", "")


_RELU6 = "Captum does not guide ReLU6: its answer, and what it is checked against, is the gradient"
_SWISH = "no ReLU: smooth activations take their derivative, here and in Captum, which hooks none"

SUITE = {
    network.name: network
    for network in (
        Network("vgg16", "VGG-16", make="vgg16", layer=Layer("conv3_3", "conv7")),
        Network(
            "resnet50",
            "ResNet-50",
            make="resnet50",
            layer=Layer("end of layer2", "relu22"),
        ),
        Network(
            "mobilenetv2",
            "MobileNetV2",
            make="mobilenet_v2",
            layer=Layer("block 7", "conv21"),
            captum=("gradient", _RELU6),
        ),
        Network("densenet121", "DenseNet-121", make="densenet121"),
        Network(
            "efficientnet_b0",
            "EfficientNet-B0",
            make="efficientnet_b0",
            activations="relu-only",
            captum=("gradient", _SWISH),
        ),
        Network("squeezenet", "SqueezeNet 1.1", make="squeezenet1_1"),
        Network("inception_v3", "Inception v3", (3, 299, 299), make="inception_v3"),
        Network("sample", "CIFAR-10 sample", (3, 32, 32)),
    )
}


def cache_folder() -> Path:
    """Where exported models are kept, outside of the repository."""
    chosen = os.environ.get("RETROGRAPH_BENCH_CACHE")
    base = os.environ.get("XDG_CACHE_HOME", str(Path.home() / ".cache"))
    return Path(chosen) if chosen else Path(base) / "retrograph-bench"


def model_file(network: Network) -> Path:
    """The network as an ONNX file; made if it is not there yet."""
    if network.make is None:
        return ROOT / "sample_models" / "cifar10_cnn.onnx"
    file = cache_folder() / f"{network.name}.onnx"
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        _export(module(network), network, file)
    return file


def module(network: Network) -> Any:
    """The network as a PyTorch module in evaluation mode, the same in every process.

    The sample model has no source in PyTorch, and is read by onnx2torch.
    """
    if network.make is None:
        from onnx2torch import convert

        return convert(str(model_file(network))).eval()
    state = cache_folder() / f"{network.name}.pt"
    import torch
    import torchvision

    torch.manual_seed(0)
    more: dict[str, Any] = {"init_weights": False} if network.name == "inception_v3" else {}
    net = getattr(torchvision.models, network.make)(weights=None, **more)
    if state.exists():
        net.load_state_dict(torch.load(state, weights_only=True))
    else:
        _calibrate(net, network)
        state.parent.mkdir(parents=True, exist_ok=True)
        torch.save(net.state_dict(), state)
    return net.eval()


def _calibrate(net: Any, network: Network) -> None:
    """Draw biases and scales, and set batch normalisations to the statistics of their inputs.

    Fresh biases are all the same zeros, which the exporter stores once; those of trained networks
    are not.
    """
    import torch
    from torch import nn

    with torch.no_grad():
        for values in net.parameters():
            if values.ndim == 1:
                values.add_(torch.randn_like(values), alpha=_SPREAD)
        norms = [m for m in net.modules() if isinstance(m, nn.BatchNorm2d)]
        for norm in norms:
            norm.momentum = None
        if norms:
            net.train()(torch.randn(_CALIBRATION, *network.item))


def _export(net: Any, network: Network, file: Path) -> None:
    import torch

    new = file.with_suffix(".new")
    with _quiet():
        torch.onnx.export(
            net,
            (torch.randn(1, *network.item),),
            str(new),
            dynamo=False,
            opset_version=OPSET,
            input_names=["image"],
            output_names=["scores"],
            dynamic_axes={"image": {0: "batch"}, "scores": {0: "batch"}},
        )
    new.replace(file)


@contextlib.contextmanager
def _quiet() -> Any:
    """Silence the exporter, which warns of its own deprecation."""
    logging.disable(logging.WARNING)
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        yield
    logging.disable(logging.NOTSET)
