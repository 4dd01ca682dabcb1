"""Inputs made by gradients: what units would like best, dreams, and perturbations."""

from retrograph.synthesis.context import SynthesisContext, SynthesisRequest, resolve
from retrograph.synthesis.dreaming import dream
from retrograph.synthesis.maxima import Dream, Maxima, picture_files
from retrograph.synthesis.maximization import maximize
from retrograph.synthesis.maximum import Maximum, Progress
from retrograph.synthesis.perturbation import Norms, Perturbation
from retrograph.synthesis.perturbation_search import PerturbationSettings, perturb
from retrograph.synthesis.settings import DREAM, CodeSettings, Settings

__all__ = [
    "DREAM",
    "CodeSettings",
    "Dream",
    "Maxima",
    "Maximum",
    "Norms",
    "Perturbation",
    "PerturbationSettings",
    "Progress",
    "Settings",
    "SynthesisContext",
    "SynthesisRequest",
    "dream",
    "maximize",
    "perturb",
    "picture_files",
    "resolve",
]
