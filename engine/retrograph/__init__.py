"""retrograph: guided backpropagation and its family as a portable ONNX graph.

>>> import retrograph as rg
>>> built = rg.build("net.onnx", method="guided", layer="relu3")     # forward and backward pass
>>> a = rg.explain("net.onnx", "dog.jpg", method="grad-cam")         # shows itself; a.attribution
>>> c = rg.compare("net.onnx", ["dog.jpg"], ["gradient", rg.methods.LrpGamma(gamma=0.1)])
>>> explainer = rg.Explainer("net.onnx", method="guided", layer="relu3")
>>> a = explainer.attribute(x)                                       # of arrays [N, ...]
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

from retrograph._version import __version__

if TYPE_CHECKING:
    from retrograph import methods
    from retrograph.auditing import Audit, FileAudits, audit, audit_files
    from retrograph.benchmarks import Bench, bench
    from retrograph.checks import check
    from retrograph.contract import Contract
    from retrograph.demonstration import demo
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
    from retrograph.health import Health, doctor
    from retrograph.layers import Layer
    from retrograph.model import Model, save
    from retrograph.optimized import save_optimized
    from retrograph.patches import Patches
    from retrograph.pipeline.calls import compare, explain, explain_all
    from retrograph.pipeline.exporting import Exported, export
    from retrograph.pipeline.trying_preprocessing import find_preprocessing
    from retrograph.preprocess import PRESETS, BadInput, Preprocessing
    from retrograph.results import Attribution, Comparison, Explanation, Result, Sheet
    from retrograph.results.check import Check
    from retrograph.results.tried_preprocessing import TriedPreprocessing
    from retrograph.results.verdicts import Block, Verdict
    from retrograph.sanity_checks import Sanity, sanity
    from retrograph.scan_parts import merge_scans, scan_part
    from retrograph.scanning.parts import ScanPart
    from retrograph.scans import Scan, open_scan, scan
    from retrograph.serve.notebook import View, view
    from retrograph.synthesis import Dream, Maxima, Maximum, Perturbation, dream, maximize, perturb

_MODULES: Final = {
    "auditing": "Audit FileAudits audit audit_files",
    "benchmarks": "Bench bench",
    "checks": "check",
    "contract": "Contract",
    "demonstration": "demo",
    "errors": "BlockedError DeviceError InputError Problem RetrographError UnsupportedError",
    "explainer": "Explainer build",
    "filter_views": "Filters filters",
    "health": "Health doctor",
    "layers": "Layer",
    "model": "Model save",
    "optimized": "save_optimized",
    "patches": "Patches",
    "pipeline.calls": "compare explain explain_all",
    "pipeline.exporting": "Exported export",
    "pipeline.trying_preprocessing": "find_preprocessing",
    "preprocess": "PRESETS BadInput Preprocessing",
    "results": "Attribution Comparison Explanation Result Sheet",
    "results.check": "Check",
    "results.tried_preprocessing": "TriedPreprocessing",
    "results.verdicts": "Block Verdict",
    "sanity_checks": "Sanity sanity",
    "scan_parts": "merge_scans scan_part",
    "scanning.parts": "ScanPart",
    "scans": "Scan open_scan scan",
    "serve.notebook": "View view",
    "synthesis": "Dream Maxima Maximum Perturbation dream maximize perturb",
}
"""What each module offers here; it is imported when it is asked for, so that starting is quick."""

_PLACES: Final = {name: module for module, names in _MODULES.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    if name in _PLACES:
        value = getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
        globals()[name] = value
        return value
    if not name.startswith("_") and find_spec(f"{__name__}.{name}"):
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


__all__ = [
    "PRESETS",
    "Attribution",
    "Audit",
    "BadInput",
    "Bench",
    "Block",
    "BlockedError",
    "Check",
    "Comparison",
    "Contract",
    "DeviceError",
    "Dream",
    "Explainer",
    "Explanation",
    "Exported",
    "FileAudits",
    "Filters",
    "Health",
    "InputError",
    "Layer",
    "Maxima",
    "Maximum",
    "Model",
    "Patches",
    "Perturbation",
    "Preprocessing",
    "Problem",
    "Result",
    "RetrographError",
    "Sanity",
    "Scan",
    "ScanPart",
    "Sheet",
    "TriedPreprocessing",
    "UnsupportedError",
    "Verdict",
    "View",
    "__version__",
    "audit",
    "audit_files",
    "bench",
    "build",
    "check",
    "compare",
    "demo",
    "doctor",
    "dream",
    "explain",
    "explain_all",
    "export",
    "filters",
    "find_preprocessing",
    "maximize",
    "merge_scans",
    "methods",
    "open_scan",
    "perturb",
    "sanity",
    "save",
    "save_optimized",
    "scan",
    "scan_part",
    "view",
]
