"""Explanations over HTTP: `Service` is an ASGI application that any service mounts.

>>> from retrograph.serving import Service
>>> app = Service({"net": "net.onnx"})        # uvicorn module:app

It needs `pip install "retrograph[serve]"`; `retrograph serve --api net.onnx` starts one.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from retrograph.errors import InputError

if TYPE_CHECKING:
    from retrograph.serving.hosted import named_files
    from retrograph.serving.limits import Limits
    from retrograph.serving.listening import address_of, bound_socket, serve_until_signal, server
    from retrograph.serving.service import Service

__all__ = [
    "Limits",
    "Service",
    "address_of",
    "bound_socket",
    "named_files",
    "serve_until_signal",
    "server",
]

_MODULES: Final = {
    "Limits": "limits",
    "Service": "service",
    "address_of": "listening",
    "bound_socket": "listening",
    "named_files": "hosted",
    "serve_until_signal": "listening",
    "server": "listening",
}


def __getattr__(name: str) -> Any:
    """What the package offers, imported when it is asked for: the extra may not be installed.

    Raises:
        InputError: it is not installed.
    """
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return getattr(import_module(f"retrograph.serving.{_MODULES[name]}"), name)
    except ImportError as error:
        raise InputError(
            f"a service needs {error.name}, which is not installed: pip install 'retrograph[serve]'"
        ) from None
