"""Sessions of ONNX Runtime: a graph made ready once, and run."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from retrograph.errors import DeviceError, InputError, parameter
from retrograph.ir.io.runtime_releases import Need, version_of
from retrograph.keywords import check_counts
from retrograph.runtime.captured import Captured
from retrograph.runtime.feeds import Array, Spec, checked
from retrograph.runtime.old_releases import disabled_optimizers, loadable
from retrograph.runtime.providers import PROVIDERS, Provider, import_runtime, provider

_FOLDER = "session.model_external_initializers_file_folder_path"
_NOWHERE = "no folder"
_SPINNING = "session.intra_op.spin_duration_us"
_SPIN_US = 50
"""How long a thread of ONNX Runtime keeps a core busy while it waits for the next operator.

Within a graph the next one comes sooner; its own choice keeps cores from threads that decode and
draw, and takes twice the processor's time beside them. Releases that do not know it pass over it.
"""
_WEIGHTS = "session.optimized_model_external_initializers_file_name"


class Session:
    """A graph that is ready to run.

    Args:
        model: the serialised graph, or the file it is in.
        device: auto (CUDA if there, else the CPU), cpu, cuda, openvino, tensorrt, coreml,
            directml, or the name of an execution provider that the installed ONNX Runtime has;
            behind it options of the provider, as in "cuda,device_id=1".
        threads: how many threads an operator may use; ONNX Runtime's choice if None.
        folder: where the files with the weights of a serialised graph are, if it has any.
        needed: the release of ONNX Runtime that the graph needs, where that is known.
        optimized: whether ONNX Runtime may replace nodes by others; else it computes each node.

    Attributes:
        provider: what was asked for.
        device: the short name of what runs the graph.

    Raises:
        DeviceError: ONNX Runtime is not installed or too old, or the device is not there.
        InputError: ONNX Runtime cannot load the graph, or an option of the device is none.
    """

    def __init__(
        self,
        model: bytes | Path,
        device: str = "auto",
        threads: int | None = None,
        folder: str | None = None,
        needed: Need | None = None,
        optimized: bool = True,
    ) -> None:
        _check_release(needed)
        options = _options(threads, folder or _folder_of(model))
        if not optimized:
            levels = import_runtime().GraphOptimizationLevel
            options.graph_optimization_level = levels.ORT_DISABLE_ALL
        wanted = self.provider = provider(device)
        self._session = _load(model, options, wanted, folder)
        self.providers: list[str] = self._session.get_providers()
        if device != "auto" and wanted.name not in self.providers:
            raise DeviceError(
                f"device '{device}' was asked for and its libraries cannot be loaded; install "
                f"those that your ONNX Runtime's page names, or use {parameter('device', 'cpu')}"
            )
        self.device = Provider(self.providers[0]).device
        self.metadata: dict[str, str] = dict(self._session.get_modelmeta().custom_metadata_map)
        self.inputs = tuple(Spec.of(given) for given in self._session.get_inputs())
        self.outputs = tuple(o.name for o in self._session.get_outputs())
        self._recorded = self.recording(self.outputs) if wanted.records else None

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Any]:
        """All outputs by name.

        Raises:
            InputError: an input is missing, unknown, or has a wrong type or shape.
        """
        given = checked(self.inputs, feeds)
        try:
            if self._recorded is not None:
                values = self._recorded.run(given)
            else:
                values = self._session.run(None, given)
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
        kind = Replayed if self.provider.records else Bound
        return kind(self, checked(known, fixed), outputs)

    def recording(self, outputs: Sequence[str]) -> Captured:
        """Runs of the graph that are recorded as CUDA graphs and give these outputs."""
        return Captured(self._session, outputs, *self.provider.place)


class Bound:
    """A graph that is run in a loop; made by `Session.bound`.

    A binding of ONNX Runtime holds addresses, and before 1.30 nothing that keeps what lies there:
    what it reads is kept here. Outputs are bound anew for each run, for their sizes may change, and
    given out as copies.
    """

    def __init__(
        self, session: Session, fixed: Mapping[str, Array], outputs: Sequence[str]
    ) -> None:
        self._session = session._session
        self._specs = [spec for spec in session.inputs if spec.name not in fixed]
        self._device, self._outputs = session.device, outputs
        self._binding = self._session.io_binding()
        held = import_runtime().OrtValue
        self._read: dict[str, Any] = {
            name: held.ortvalue_from_numpy(np.ascontiguousarray(value), *session.provider.place)
            for name, value in fixed.items()
        }
        for name, value in self._read.items():
            self._binding.bind_ortvalue_input(name, value)

    def run(self, feeds: Mapping[str, Array]) -> list[Array]:
        """The wanted outputs, in order, for the inputs that do not stay.

        Raises:
            InputError: an input is missing, unknown, or has a wrong type or shape.
        """
        given = checked(self._specs, feeds)
        try:
            return self._run(given)
        except Exception as error:
            raise _not_run(self._device, error) from None

    def _run(self, given: Mapping[str, Array]) -> list[Array]:
        now = {name: np.ascontiguousarray(value) for name, value in given.items()}
        for name, value in now.items():
            self._binding.bind_cpu_input(name, value)
        self._read.update(now)
        for name in self._outputs:
            self._binding.bind_output(name, "cpu")
        self._session.run_with_iobinding(self._binding)
        return [np.array(value) for value in self._binding.copy_outputs_to_cpu()]


class Replayed(Bound):
    """The same by CUDA graphs."""

    def __init__(
        self, session: Session, fixed: Mapping[str, Array], outputs: Sequence[str]
    ) -> None:
        super().__init__(session, {}, ())
        self._specs = [spec for spec in self._specs if spec.name not in fixed]
        self._fixed, self._recorded = fixed, session.recording(outputs)

    def _run(self, given: Mapping[str, Array]) -> list[Array]:
        return self._recorded.run({**self._fixed, **given})


def write_optimized(
    model: bytes | Path,
    file: Path,
    weights: str | None = None,
    folder: str | None = None,
    needed: Need | None = None,
    level: str = "ORT_ENABLE_ALL",
) -> None:
    """Write a graph as ONNX Runtime optimises it for this machine's CPU.

    Args:
        model: the serialised graph, or the file it is in.
        file: is made.
        weights: the name of a file beside it that takes the weights; they stay with the graph if
            None.
        folder: where the files with the weights of a serialised graph are, if it has any.
        needed: the release of ONNX Runtime that the graph needs, where that is known.
        level: the name of ONNX Runtime's level; below all, the graph fits other machines too.

    Raises:
        DeviceError: ONNX Runtime is not installed or too old.
        InputError: ONNX Runtime cannot load the graph.
    """
    _check_release(needed)
    options = _options(None, folder or _folder_of(model))
    levels = import_runtime().GraphOptimizationLevel
    options.graph_optimization_level = getattr(levels, level)
    options.optimized_model_filepath = str(file)
    if weights is not None:
        options.add_session_config_entry(_WEIGHTS, weights)
    _load(model, options, provider("cpu"), folder)


def _check_release(needed: Need | None) -> None:
    """Raises DeviceError where the installed ONNX Runtime is older than a graph needs."""
    installed = import_runtime().__version__
    if needed is not None and version_of(installed) < needed.release:
        raise DeviceError(
            f"the graph needs ONNX Runtime {needed.text} or later ({needed.reason}), and "
            f"{installed} is installed; update it, or {needed.mend}"
        )


def _folder_of(model: bytes | Path) -> str | None:
    """A graph in memory gets the name of a folder, which none need be.

    Without one 1.24 to 1.28 cannot load it where a body convolves with weights from outside of it
    ("model_path must not be empty").
    """
    return _NOWHERE if isinstance(model, bytes) else None


def _options(threads: int | None, folder: str | None) -> Any:
    options = import_runtime().SessionOptions()
    options.log_severity_level = 4  # its errors are raised, too
    options.enable_mem_pattern = False  # a plan of all memory takes about twice as much of it
    options.add_session_config_entry(_SPINNING, str(_SPIN_US))
    check_counts(threads=threads)
    if threads is not None:
        options.intra_op_num_threads = threads
    if folder is not None:
        options.add_session_config_entry(_FOLDER, folder)
    return options


def _load(model: bytes | Path, options: Any, wanted: Provider, folder: str | None) -> Any:
    ort = import_runtime()
    disabled = disabled_optimizers()
    more = {"disabled_optimizers": disabled} if disabled else {}
    providers = [(wanted.name, wanted.options)]
    if wanted.name != PROVIDERS["cpu"]:
        providers.append((PROVIDERS["cpu"], {}))
    try:
        with loadable(model, folder) as source:
            return ort.InferenceSession(source, options, providers=providers, **more)
    except InputError:
        raise
    except Exception as error:
        raise InputError(
            f"ONNX Runtime {ort.__version__} cannot load the graph ({_first_line(error)}); "
            "upgrade it, or export the model anew"
        ) from None


def _not_run(device: str, error: Exception) -> InputError:
    return InputError(
        f"ONNX Runtime cannot run the graph on {device} ({_first_line(error)}); "
        "check the inputs' sizes, or try another device"
    )


def _first_line(error: Exception) -> str:
    text = (str(error).splitlines() or [type(error).__name__])[0]
    return re.sub(r"^\[ONNXRuntimeError\] : \d+ : \w+ : ", "", text)
