"""retrograph: guided backpropagation and its family as a portable ONNX graph.

>>> import retrograph
>>> built = retrograph.build("net.onnx", method="guided", layer="relu3")
>>> found = retrograph.explain("net.onnx", x, method="guided", layer="relu3")
>>> explainer = retrograph.Explainer("net.onnx", method="guided", layer="relu3")
>>> found = explainer.attribute(x)
"""

from retrograph._version import __version__
from retrograph.benchmarks import Bench, bench
from retrograph.checks import check
from retrograph.contract import Contract
from retrograph.errors import (
    BlockedError,
    DeviceError,
    InputError,
    Problem,
    RetrographError,
    UnsupportedError,
)
from retrograph.explainer import Explainer, build
from retrograph.filter_views import Filters, filters
from retrograph.layers import Layer
from retrograph.model import Model, save
from retrograph.optimized import save_optimized
from retrograph.patches import Patches
from retrograph.pipeline.cache import explain
from retrograph.preprocess import PRESETS, Preprocessing
from retrograph.results.attribution import Attribution
from retrograph.results.check import Check
from retrograph.results.verdicts import Block, Verdict
from retrograph.scans import Scan, open_scan, scan
from retrograph.synthesis import Dream, Maxima, Maximum, Perturbation, dream, maximize, perturb

__all__ = [
    "PRESETS",
    "Attribution",
    "Bench",
    "Block",
    "BlockedError",
    "Check",
    "Contract",
    "DeviceError",
    "Dream",
    "Explainer",
    "Filters",
    "InputError",
    "Layer",
    "Maxima",
    "Maximum",
    "Model",
    "Patches",
    "Perturbation",
    "Preprocessing",
    "Problem",
    "RetrographError",
    "Scan",
    "UnsupportedError",
    "Verdict",
    "__version__",
    "bench",
    "build",
    "check",
    "dream",
    "explain",
    "filters",
    "maximize",
    "open_scan",
    "perturb",
    "save",
    "save_optimized",
    "scan",
]
