"""The devices that graphs run on: execution providers of ONNX Runtime, by name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from retrograph.errors import DeviceError, InputError, parameter
from retrograph.ir.builder import Device

PROVIDERS = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
    "directml": "DmlExecutionProvider",
}
"""Short names; any other provider goes by its own."""

TF32 = "tf32"
"""A precision that is no type of numbers: float32, multiplied with 10 of its 23 bits."""

_DEFAULTS = {"CUDAExecutionProvider": {"use_tf32": "0"}}
"""ONNX Runtime itself would take TF32."""


@dataclass(frozen=True)
class Provider:
    """An execution provider.

    Attributes:
        name: ONNX Runtime's.
        options: what it is told, by its own keys.
    """

    name: str
    options: dict[str, str] = field(default_factory=dict)

    @property
    def device(self) -> str:
        """The short name, if it has one."""
        return next((short for short, name in PROVIDERS.items() if name == self.name), self.name)

    @property
    def suited(self) -> Device:
        """Which operators a graph should have that is to run here."""
        return "cpu" if self.name == PROVIDERS["cpu"] else "cuda"

    @property
    def records(self) -> bool:
        """Whether runs are recorded as CUDA graphs."""
        return self.options.get("enable_cuda_graph", "0").lower() in ("1", "true")

    @property
    def place(self) -> tuple[str, int]:
        """Where tensors of this device lie, for ONNX Runtime."""
        if self.device != "cuda":
            return "cpu", 0
        return "cuda", int(self.options.get("device_id", "0"))


def import_runtime() -> Any:
    """ONNX Runtime.

    Raises:
        DeviceError: it is not there, or broken.
    """
    try:
        import onnxruntime
    except ImportError as error:
        reason = "is not installed" if error.name == "onnxruntime" else f"is broken ({error})"
        raise DeviceError(
            f"ONNX Runtime {reason}; for a CPU: pip install 'retrograph[cpu]', "
            "for CUDA: pip install 'retrograph[gpu]' (one of the two, not both)"
        ) from None
    return onnxruntime


def provider(device: str) -> Provider:
    """The execution provider that a device stands for.

    Args:
        device: auto (CUDA if there, else the CPU), a short name, or the name of a provider that
            the installed ONNX Runtime has; behind it options of the provider, as in
            "cuda,device_id=1".

    Raises:
        DeviceError: ONNX Runtime or the device is not there.
        InputError: an option is not written as KEY=VALUE.
    """
    ort = import_runtime()
    short, *given = device.split(",")
    options = dict(_option(text, device) for text in given)
    available: Sequence[str] = ort.get_available_providers()
    name = PROVIDERS.get(short, short)
    if short == "auto":
        name = PROVIDERS["cuda"] if PROVIDERS["cuda"] in available else PROVIDERS["cpu"]
    if name not in available:
        raise DeviceError(
            f"device '{short}' was asked for and the installed ONNX Runtime "
            f"({ort.__version__}) does not have it; {_mend(short, available)}, or use "
            f"{parameter('device', 'cpu')}"
        )
    if name == PROVIDERS["cuda"] and hasattr(ort, "preload_dlls"):
        ort.preload_dlls()
    return Provider(name, _DEFAULTS.get(name, {}) | options)


def _option(text: str, device: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not (key and equals and value):
        raise InputError(
            f"device '{device}': '{text}' is no option of a provider; "
            "write NAME,KEY=VALUE, such as cuda,device_id=1"
        )
    return key, value


def _mend(short: str, available: Sequence[str]) -> str:
    if short == "cuda":
        return "pip install 'retrograph[gpu]'"
    there = [Provider(name).device for name in available]
    return f"choose one of: {', '.join(['auto', *there])}"


def installed_devices() -> list[str]:
    """The devices of the installed ONNX Runtime, by their short names where they have one.

    Raises:
        DeviceError: ONNX Runtime is not there.
    """
    return [Provider(name).device for name in import_runtime().get_available_providers()]


def suited(device: str) -> Device:
    """Which operators a graph should have that is to run on a device.

    Raises:
        DeviceError: ONNX Runtime or the device is not there.
    """
    return provider(device).suited


def with_tf32(device: str) -> str:
    """The same device, whose products of float32 may be those of TF32.

    Raises:
        DeviceError: ONNX Runtime or the device is not there, or the device has no TF32.
    """
    found = provider(device)
    if found.name != PROVIDERS["cuda"]:
        raise DeviceError(
            f"precision 'tf32' is CUDA's, and the device is {found.device}; "
            f"give {parameter('device', 'cuda')}, or another precision"
        )
    return f"{'cuda' if device == 'auto' else device},use_tf32=1"
