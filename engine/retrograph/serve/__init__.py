"""Networks in the browser: `Page` is an ASGI application, a page and what it asks for.

`Opening` is one, too: it shows the page while its models are still read.

>>> retrograph.view("net.onnx", "photos/")           # in a cell of a notebook

It needs `pip install "retrograph[serve]"`; `retrograph serve net.onnx photos/` starts one.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from retrograph.errors import InputError

if TYPE_CHECKING:
    from retrograph.serve.opening import Opening
    from retrograph.serve.page import Page

__all__ = ["Opening", "Page"]

_MODULES: Final = {"Opening": "opening", "Page": "page"}


def __getattr__(name: str) -> Any:
    """What the package offers, imported when it is asked for: the extra may not be installed.

    Raises:
        InputError: it is not installed.
    """
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return getattr(import_module(f"retrograph.serve.{_MODULES[name]}"), name)
    except ImportError as error:
        raise InputError(
            f"the page needs {error.name}, which is not installed: pip install 'retrograph[serve]'"
        ) from None
