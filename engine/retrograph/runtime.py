"""Running a built graph with ONNX Runtime, on the device that was asked for."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from retrograph.errors import DeviceError, InputError
from retrograph.ir.builder import Device

Array = np.ndarray[Any, Any]

_PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}

_FOLDER = "session.model_external_initializers_file_folder_path"

_DTYPES = {
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
    "tensor(float16)": np.float16,
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
    "tensor(uint8)": np.uint8,
    "tensor(int8)": np.int8,
    "tensor(bool)": np.bool_,
}


@dataclass(frozen=True)
class Spec:
    """One input of a session: its name, element type and shape (a name or None is open)."""

    name: str
    dtype: np.dtype[Any] | None
    shape: tuple[int | str | None, ...]

    def __str__(self) -> str:
        dims = ", ".join("?" if d is None else str(d) for d in self.shape)
        return f"{self.dtype} [{dims}]"


class Session:
    """A graph that is ready to run.

    Args:
        model: the serialised graph, or the file it is in.
        device: auto (CUDA if there, else the CPU), cpu, cuda, or the name of an execution
            provider that the installed ONNX Runtime has.
        threads: how many threads an operator may use; ONNX Runtime's choice if None.
        folder: where the files with the weights of a serialised graph are, if it has any.

    Raises:
        DeviceError: ONNX Runtime is not installed, or the device is not there.
        InputError: ONNX Runtime cannot load the graph.
    """

    def __init__(
        self,
        model: bytes | Path,
        device: str = "auto",
        threads: int | None = None,
        folder: str | None = None,
    ) -> None:
        ort = _import_runtime()
        options = ort.SessionOptions()
        options.log_severity_level = 4  # its errors are raised, too
        if threads is not None:
            options.intra_op_num_threads = threads
        if folder is not None:
            options.add_session_config_entry(_FOLDER, folder)
        providers = _providers(ort, device)
        try:
            self._session = ort.InferenceSession(model, options, providers=providers)
        except Exception as error:
            raise InputError(
                f"ONNX Runtime {ort.__version__} cannot load the graph ({_first_line(error)}); "
                "upgrade it, or export the model anew"
            ) from None
        self.providers: list[str] = self._session.get_providers()
        if device != "auto" and providers[0] not in self.providers:
            raise DeviceError(
                f"device '{device}' was asked for and its libraries cannot be loaded; "
                "install the CUDA and cuDNN that your onnxruntime-gpu names, or use --device cpu"
            )
        self.metadata: dict[str, str] = dict(self._session.get_modelmeta().custom_metadata_map)
        self.inputs = tuple(
            Spec(i.name, _dtype(i.type), _shape(i.shape)) for i in self._session.get_inputs()
        )
        self.outputs = tuple(o.name for o in self._session.get_outputs())

    @property
    def device(self) -> str:
        """The name of the device that runs the graph: cpu, cuda, or the provider's name."""
        names = {provider: name for name, provider in _PROVIDERS.items()}
        return names.get(self.providers[0], self.providers[0])

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Any]:
        """All outputs by name.

        Raises:
            InputError: an input is missing, unknown, or has a wrong type or shape.
        """
        checked = _checked(self.inputs, feeds)
        try:
            values = self._session.run(None, checked)
        except Exception as error:
            raise _not_run(self.device, error) from None
        return dict(zip(self.outputs, values, strict=True))

    def bound(self, fixed: Mapping[str, Array], outputs: Sequence[str]) -> Bound:
        """The graph as it is run in a loop: some inputs put on the device once, for all runs.

        Args:
            fixed: the inputs that stay.
            outputs: those that are wanted; no other leaves the device.

        Raises:
            InputError: an input is unknown, or has a wrong type or shape.
        """
        known = [spec for spec in self.inputs if spec.name in fixed]
        return Bound(self, _checked(known, fixed), outputs)


class Bound:
    """A graph that is run in a loop; made by `Session.bound`."""

    def __init__(
        self, session: Session, fixed: Mapping[str, Array], outputs: Sequence[str]
    ) -> None:
        self._session = session._session
        self._specs = [spec for spec in session.inputs if spec.name not in fixed]
        self._device = session.device
        self._outputs = outputs
        self._binding = self._session.io_binding()
        place = "cuda" if session.device == "cuda" else "cpu"
        held = _import_runtime().OrtValue
        for name, value in fixed.items():
            self._binding.bind_ortvalue_input(name, held.ortvalue_from_numpy(value, place, 0))
        for name in outputs:
            self._binding.bind_output(name, "cpu")

    def run(self, feeds: Mapping[str, Array]) -> list[Array]:
        """The wanted outputs, in order, for the inputs that do not stay.

        Raises:
            InputError: an input is missing, unknown, or has a wrong type or shape.
        """
        for name, value in _checked(self._specs, feeds).items():
            self._binding.bind_cpu_input(name, np.ascontiguousarray(value))
        try:
            self._session.run_with_iobinding(self._binding)
        except Exception as error:
            raise _not_run(self._device, error) from None
        found: list[Array] = self._binding.copy_outputs_to_cpu()
        return found


def _not_run(device: str, error: Exception) -> InputError:
    return InputError(
        f"ONNX Runtime cannot run the graph on {device} ({_first_line(error)}); "
        "check the inputs' sizes, or try another device"
    )


def _import_runtime() -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        reason = "is not installed" if error.name == "onnxruntime" else f"is broken ({error})"
        raise DeviceError(
            f"ONNX Runtime {reason}; for a CPU: pip install 'retrograph[cpu]', "
            "for CUDA: pip install 'retrograph[gpu]' (one of the two, not both)"
        ) from None
    return onnxruntime


def suited(device: str) -> Device:
    """Which operators a graph should have that is to run on a device, as in `Session`.

    Raises:
        DeviceError: ONNX Runtime or the device is not there.
    """
    return "cpu" if _providers(_import_runtime(), device)[0] == _PROVIDERS["cpu"] else "cuda"


def _providers(ort: Any, device: str) -> list[str]:
    """The execution providers to ask for, the wanted first, the CPU behind it."""
    available: Sequence[str] = ort.get_available_providers()
    wanted = _PROVIDERS.get(device, device)
    if device == "auto":
        wanted = _PROVIDERS["cuda"] if _PROVIDERS["cuda"] in available else _PROVIDERS["cpu"]
    if wanted not in available:
        known = ", ".join(["auto", *_PROVIDERS, *available])
        mend = "pip install 'retrograph[gpu]'" if device == "cuda" else f"choose one of: {known}"
        raise DeviceError(
            f"device '{device}' was asked for and the installed ONNX Runtime "
            f"({ort.__version__}) does not have it; {mend}, or use --device cpu"
        )
    if wanted == _PROVIDERS["cuda"] and hasattr(ort, "preload_dlls"):
        ort.preload_dlls()
    return list(dict.fromkeys([wanted, _PROVIDERS["cpu"]]))


def _checked(specs: Sequence[Spec], feeds: Mapping[str, Array]) -> dict[str, Array]:
    names = [spec.name for spec in specs]
    for name in feeds:
        if name not in names:
            raise InputError(f"no input '{name}'; the graph has: {', '.join(names)}")
    missing = [f"'{spec.name}' ({spec})" for spec in specs if spec.name not in feeds]
    if missing:
        raise InputError(f"missing inputs: {', '.join(missing)}; give an array for each by name")
    return {spec.name: _as(spec, np.asarray(feeds[spec.name])) for spec in specs}


def _as(spec: Spec, value: Array) -> Array:
    if spec.dtype is None:
        return value
    kinds = "iu" if spec.dtype.kind in "iu" else "biuf"
    fits = len(spec.shape) == value.ndim and all(
        not isinstance(d, int) or d == n for d, n in zip(spec.shape, value.shape, strict=True)
    )
    if not fits or value.dtype.kind not in kinds:
        raise InputError(
            f"input '{spec.name}' takes {spec}; what is given is {value.dtype} {list(value.shape)}"
        )
    return value.astype(spec.dtype, copy=False)


def _dtype(text: str) -> np.dtype[Any] | None:
    return np.dtype(_DTYPES[text]) if text in _DTYPES else None


def _shape(dims: Sequence[Any]) -> tuple[int | str | None, ...]:
    return tuple(None if isinstance(d, int) and d < 0 else d for d in dims)


def _first_line(error: Exception) -> str:
    text = (str(error).splitlines() or [type(error).__name__])[0]
    return re.sub(r"^\[ONNXRuntimeError\] : \d+ : \w+ : ", "", text)
