"""Devices by name: short ones, ONNX Runtime's own, with options behind them."""

from __future__ import annotations

from typing import Any

import onnxruntime
import pytest

from retrograph.errors import DeviceError, InputError
from retrograph.explainer import Explainer
from retrograph.runtime import PROVIDERS, suited, with_tf32
from retrograph.runtime.providers import Provider, provider
from support import nets


@pytest.fixture
def everything(monkeypatch: pytest.MonkeyPatch) -> None:
    """An ONNX Runtime that has every provider."""
    names = [*PROVIDERS.values(), "NewExecutionProvider"]
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: names)
    monkeypatch.setattr(onnxruntime, "preload_dlls", lambda: None, raising=False)
    return


@pytest.mark.usefixtures("everything")
@pytest.mark.parametrize(
    ("device", "name", "options"),
    [
        ("cpu", "CPUExecutionProvider", {}),
        ("auto", "CUDAExecutionProvider", {"use_tf32": "0"}),
        ("cuda", "CUDAExecutionProvider", {"use_tf32": "0"}),
        ("cuda,use_tf32=1", "CUDAExecutionProvider", {"use_tf32": "1"}),
        ("cuda,device_id=1", "CUDAExecutionProvider", {"use_tf32": "0", "device_id": "1"}),
        ("openvino,device_type=GPU", "OpenVINOExecutionProvider", {"device_type": "GPU"}),
        ("OpenVINOExecutionProvider", "OpenVINOExecutionProvider", {}),
        ("tensorrt", "TensorrtExecutionProvider", {}),
        ("NewExecutionProvider,a=b=c", "NewExecutionProvider", {"a": "b=c"}),
    ],
)
def test_a_device_is_a_provider(device: str, name: str, options: dict[str, str]) -> None:
    assert provider(device) == Provider(name, options)


@pytest.mark.usefixtures("everything")
def test_tf32_is_an_option_of_cuda() -> None:
    for device in ("auto", "cuda", "cuda,device_id=1", "CUDAExecutionProvider"):
        assert provider(with_tf32(device)).options["use_tf32"] == "1"
    assert provider(with_tf32("cuda,device_id=1")).options["device_id"] == "1"
    with pytest.raises(
        DeviceError, match=r"CUDA's, and the device is openvino; give device=.cuda."
    ):
        with_tf32("openvino")


def test_tf32_needs_cuda() -> None:
    with pytest.raises(DeviceError, match="the device is cpu"):
        Explainer(nets.cnn(), device="cpu", precision="tf32")


@pytest.mark.usefixtures("everything")
def test_what_suits() -> None:
    forms = {device: suited(device) for device in ("cpu", "cuda", "coreml", "NewExecutionProvider")}
    assert forms == {"cpu": "cpu", "cuda": "cuda", "coreml": "cuda", "NewExecutionProvider": "cuda"}


def test_auto_is_the_cpu_where_there_is_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    assert provider("auto") == Provider("CPUExecutionProvider")
    with pytest.raises(DeviceError, match=r"'openvino' .* choose one of: auto, cpu"):
        provider("openvino")


@pytest.mark.parametrize("device", ["cpu,", "cpu,a", "cpu,=1", "cpu,a="])
def test_an_option_has_a_key_and_a_value(device: str) -> None:
    with pytest.raises(InputError, match="NAME,KEY=VALUE"):
        provider(device)


def test_names() -> None:
    named: dict[Any, str] = {name: Provider(name).device for name in PROVIDERS.values()}
    assert list(named.values()) == [*PROVIDERS]
    assert Provider("NewExecutionProvider").device == "NewExecutionProvider"
