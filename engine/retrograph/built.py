"""What a built graph can be asked for: what it was built for."""

from __future__ import annotations

from collections.abc import Mapping

from retrograph.contract import Contract
from retrograph.errors import InputError
from retrograph.methods import METHODS, Method


def check_unchanged(contract: Contract, chosen: Mapping[str, object]) -> None:
    """Raises InputError where a built graph is asked for something else than it was built for."""
    own: dict[str, tuple[object, ...]] = {
        "method": (contract.method,),
        "layer": (contract.target, contract.alias),
        "select": (contract.select,),
        "many": (contract.many,),
        "wrt": (contract.explained,),
        "precision": (contract.precision,),
        "straight_through": (contract.straight_through,),
    }
    for key, value in chosen.items():
        if value is not None and value not in own[key]:
            raise InputError(
                f"the graph was built for {key} {_quoted(own[key][0])}, not {_quoted(value)}; "
                "build another from the source model"
            )


def check_parameters(contract: Contract, method: Method) -> None:
    """Raises InputError where a built graph is asked for other parameters than its own."""
    usual = METHODS[method.name].parameters if method.name in METHODS else {}
    for name, value in method.parameters.items():
        if value not in (usual.get(name), contract.parameters.get(name)):
            raise InputError(
                f"the graph was built with {name}={contract.parameters.get(name)}, not {value}; "
                "build another from the source model"
            )


def _quoted(value: object) -> str:
    return " and ".join(f"'{v}'" for v in (value if isinstance(value, tuple) else (value,)))
