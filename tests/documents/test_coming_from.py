"""The other tools' calls of docs/coming-from.md, run beside ours where the tools are installed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import retrograph as rg
from support.paths import ROOT

pytestmark = pytest.mark.slow

PAGE = (ROOT / "docs" / "coming-from.md").read_text(encoding="utf-8")


def block(tool: str) -> str:
    """The block of a section that calls the other tool."""
    section = re.split(r"^## ", PAGE, flags=re.MULTILINE)
    (text,) = [each for each in section if each.startswith(f"{tool}\n")]
    (code,) = re.findall(r"^```py\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    return str(code)


@pytest.fixture
def names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A module, its input and its exported file."""
    torch = pytest.importorskip("torch")
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    layers = [torch.nn.Conv2d(3, 8, 3), torch.nn.ReLU(), torch.nn.Conv2d(8, 8, 3), torch.nn.ReLU()]
    head = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(8 * 144, 10))
    model = torch.nn.Sequential()
    model.add_module("features", torch.nn.Sequential(*layers))
    model.add_module("head", head)
    model.eval()
    x = np.random.default_rng(0).random((1, 3, 16, 16), np.float32)
    torch.onnx.export(model, torch.from_numpy(x), "net.onnx", dynamo=False)
    return {"model": model, "x": torch.from_numpy(x), "torch": torch}


def same(theirs: Any, method: str | rg.methods.Method, x: Any) -> None:
    found = rg.explain("net.onnx", x.numpy(), 3, method=method, device="cpu").attribution
    wanted = theirs.detach().numpy()
    np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=1e-5 * np.abs(wanted).max())


@pytest.mark.filterwarnings("ignore")
def test_captum(names: dict[str, Any]) -> None:
    pytest.importorskip("captum")
    x = names["x"].requires_grad_()
    imports, *lines = [line for line in block("Captum").splitlines() if line]
    exec(imports, names)
    guided, integrated = (eval(line, {**names, "x": x}) for line in lines)
    same(guided, "guided", x.detach())
    assert integrated.shape == x.shape


@pytest.mark.filterwarnings("ignore")
def test_zennit(names: dict[str, Any]) -> None:
    pytest.importorskip("zennit")
    exec(block("zennit"), names)
    low, high = -2.0, 2.0
    ours = rg.methods.LrpEpsilonGammaBox(low=low, high=high)
    same(names["relevance"], ours, names["x"].detach())


@pytest.mark.filterwarnings("ignore")
def test_pytorch_grad_cam(names: dict[str, Any]) -> None:
    cams = pytest.importorskip("pytorch_grad_cam")
    *lines, call = [line for line in block("pytorch-grad-cam").splitlines() if line]
    exec("\n".join(lines), names)
    methods = rg.methods
    same_but_for_scale(eval(call, names), methods.GradCam(layer="relu2"), names["x"])
    for theirs, ours in (
        (cams.GradCAM, methods.GradCam),
        (cams.GradCAMPlusPlus, methods.GradCamPlusPlus),
        (cams.LayerCAM, methods.LayerCam),
    ):
        targets = [names["ClassifierOutputTarget"](3)]
        for layer, alias in ((1, "relu1"), (3, "relu2")):
            cam = theirs(names["model"], target_layers=[names["model"].features[layer]])
            same_but_for_scale(cam(names["x"], targets), ours(layer=alias), names["x"])


@pytest.mark.filterwarnings("ignore")
def test_guided_backpropagation_of_pytorch_grad_cam(names: dict[str, Any]) -> None:
    cams = pytest.importorskip("pytorch_grad_cam")
    theirs = cams.GuidedBackpropReLUModel(names["model"], device="cpu")
    image = theirs(names["x"], target_category=3)
    same(names["torch"].from_numpy(image.transpose(2, 0, 1)[None]), "guided", names["x"].detach())


def same_but_for_scale(theirs: Any, method: rg.methods.Method, x: Any) -> None:
    """Their map is ours but for the scaling of the layer's own values to 0..1."""
    ours = rg.explain("net.onnx", x.numpy(), 3, method=method, device="cpu").attribution
    rows = np.stack([ours.ravel(), np.ones(ours.size)], axis=1).astype(np.float64)
    scale, *_ = np.linalg.lstsq(rows, theirs.ravel(), rcond=None)
    assert scale[0] > 0
    np.testing.assert_allclose(rows @ scale, theirs.ravel(), atol=1e-5)
