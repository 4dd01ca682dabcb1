"""The activation functions that recurrent layers name in attributes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import cycle, islice

from retrograph.ir.passes.expand.registry import NoDefinition
from retrograph.ir.passes.expand.steps import Steps

Activation = Callable[[Steps, str], str]
"""(steps, the name of x) -> the name of f(x)"""

_PLAIN = {op.lower(): op for op in ("Relu", "Tanh", "Sigmoid", "Softsign", "Softplus")}
_PARAMETERS: dict[str, dict[str, float | None]] = {
    "affine": {"alpha": None, "beta": None},
    "elu": {"alpha": 1.0},
    "hardsigmoid": {"alpha": 0.2, "beta": 0.5},
    "leakyrelu": {"alpha": 0.01},
    "scaledtanh": {"alpha": None, "beta": None},
    "thresholdedrelu": {"alpha": None},
}
"""What each of the others takes, with its default.

ThresholdedRelu has a default in the standard (1), but ONNX Runtime (1.31.1) takes 0.
"""


def activations(steps: Steps, defaults: Sequence[str], count: int) -> list[Activation]:
    """The `count` functions of a layer, those of one direction after those of the other.

    The values of activation_alpha and activation_beta go in turn to the functions that take one;
    in an RNN each has its own place.

    Raises:
        NoDefinition: a function is unknown, or lacks a parameter on whose default the standard
            and ONNX Runtime (1.31.1) disagree, as they do on all those of an RNN.
    """
    names = islice(cycle(steps.attrs.get("activations") or defaults), count)
    given = [steps.attrs.get(f"activation_{key}", []) for key in ("alpha", "beta")]
    if steps.node.op_type == "RNN":
        return [
            _activation(steps, name, *(iter(values[i : i + 1]) for values in given))
            for i, name in enumerate(names)
        ]
    alphas, betas = (iter(values) for values in given)
    return [_activation(steps, name, alphas, betas) for name in names]


def _activation(
    steps: Steps, name: str, alphas: Iterator[float], betas: Iterator[float]
) -> Activation:
    key = name.lower()
    if key in _PLAIN:
        return lambda steps, x: steps.add(_PLAIN[key], x)
    if key not in _PARAMETERS:
        raise NoDefinition(f"the activation '{name}' is unknown; {_SUPPORTED} are supported")
    values: dict[str, float] = {}
    for parameter, default in _PARAMETERS[key].items():
        known = None if steps.node.op_type == "RNN" else default
        value = next(alphas if parameter == "alpha" else betas, known)
        if value is None:
            raise NoDefinition(
                f"runtimes disagree on the default of activation_{parameter} for {name}; "
                "write it into the node"
            )
        values[parameter] = value
    return _with_parameters(key, values)


def _with_parameters(key: str, values: dict[str, float]) -> Activation:
    def affine(steps: Steps, x: str) -> str:
        scaled = steps.add("Mul", x, steps.number(values["alpha"]))
        return steps.add("Add", scaled, steps.number(values["beta"]))

    def scaled_tanh(steps: Steps, x: str) -> str:
        inner = steps.add("Mul", x, steps.number(values["beta"]))
        return steps.add("Mul", steps.add("Tanh", inner), steps.number(values["alpha"]))

    def as_node(op: str) -> Activation:
        return lambda steps, x: steps.add(op, x, **values)

    table: dict[str, Activation] = {
        "affine": affine,
        "elu": as_node("Elu"),
        "hardsigmoid": as_node("HardSigmoid"),
        "leakyrelu": as_node("LeakyRelu"),
        "scaledtanh": scaled_tanh,
        "thresholdedrelu": as_node("ThresholdedRelu"),
    }
    return table[key]


_SUPPORTED = (
    "Relu, Tanh, Sigmoid, Affine, LeakyRelu, ThresholdedRelu, ScaledTanh, HardSigmoid, Elu, "
    "Softsign and Softplus"
)
