"""Explanations over HTTP: `Service` is an ASGI application that any service mounts.

>>> from retrograph.serving import Service
>>> app = Service({"net": "net.onnx"})        # uvicorn module:app

It needs `pip install "retrograph[serve]"`; `python -m retrograph.serving net.onnx` starts one.
"""

from typing import TYPE_CHECKING, Any

from retrograph.errors import InputError

if TYPE_CHECKING:
    from retrograph.serving.limits import Limits
    from retrograph.serving.service import Service

__all__ = ["Limits", "Service"]


def __getattr__(name: str) -> Any:
    """What the package offers, imported when it is asked for: the extra may not be installed.

    Raises:
        InputError: it is not installed.
    """
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        from retrograph.serving import limits, service
    except ImportError as error:
        raise InputError(
            f"a service needs {error.name}, which is not installed: pip install 'retrograph[serve]'"
        ) from None
    return {"Limits": limits.Limits, "Service": service.Service}[name]
