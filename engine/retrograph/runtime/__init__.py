"""Running a built graph with ONNX Runtime, on the device that was asked for."""

from retrograph.runtime.feeds import Array, Spec
from retrograph.runtime.providers import PROVIDERS, TF32, installed_devices, suited, with_tf32
from retrograph.runtime.session import Bound, Session, write_optimized

__all__ = [
    "PROVIDERS",
    "TF32",
    "Array",
    "Bound",
    "Session",
    "Spec",
    "installed_devices",
    "suited",
    "with_tf32",
    "write_optimized",
]
