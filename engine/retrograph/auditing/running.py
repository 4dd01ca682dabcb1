"""Whether a file runs at all, and if not which of its nodes does not."""

from __future__ import annotations

from retrograph.auditing.activations import Activations
from retrograph.auditing.searching import first_tensor
from retrograph.errors import DeviceError, InputError, Problem, UnsupportedError
from retrograph.runtime import Array


def outputs_of(run: Activations) -> dict[str, Array]:
    """The outputs of a network.

    Raises:
        UnsupportedError: it cannot be run; the error names the first node that cannot.
    """
    network = run.network
    try:
        return run.values(network.outputs)
    except DeviceError:
        raise
    except InputError as error:
        reason = error.message
    failing = next((name for name in network.outputs if not _runs(run, name)), None)
    problems = []
    if failing is not None:
        tensor = first_tensor(network, failing, lambda name: not _runs(run, name))
        node = network.nodes[tensor].name or tensor
        problems = [Problem(node, network.op(tensor), _reason(run, tensor))]
        reason = "its first node that does not run is"
    raise UnsupportedError(
        f"{network.model.name} cannot be run, so it cannot be audited: {reason}",
        problems,
        "give a file that ONNX Runtime runs on these inputs",
    )


def _runs(run: Activations, name: str) -> bool:
    return not _reason(run, name)


def _reason(run: Activations, name: str) -> str:
    """Why a tensor cannot be computed; "" where it can."""
    try:
        run.run([name])
    except InputError as error:
        return error.message
    return ""
