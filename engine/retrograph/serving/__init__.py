"""Explanations over HTTP: `Service` is an ASGI application that any service mounts.

>>> from retrograph.serving import Service
>>> app = Service({"net": "net.onnx"})        # uvicorn module:app

It needs `pip install "retrograph[serve]"`; `python -m retrograph.serving net.onnx` starts one.
"""

from retrograph.errors import InputError

try:
    import prometheus_client as _prometheus_client
    import starlette as _starlette
except ImportError as error:
    raise InputError(
        f"a service needs {error.name}, which is not installed: pip install 'retrograph[serve]'"
    ) from None
del _prometheus_client, _starlette

from retrograph.serving.limits import Limits  # noqa: E402
from retrograph.serving.service import Service  # noqa: E402

__all__ = ["Limits", "Service"]
