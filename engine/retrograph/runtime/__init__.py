"""Running a built graph with ONNX Runtime, on the device that was asked for."""

from retrograph.runtime.feeds import Array, Spec
from retrograph.runtime.providers import PROVIDERS, suited
from retrograph.runtime.session import Bound, Session, write_optimized

__all__ = ["PROVIDERS", "Array", "Bound", "Session", "Spec", "suited", "write_optimized"]
