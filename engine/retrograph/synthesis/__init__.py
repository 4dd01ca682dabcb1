"""Pictures made from nothing: what units would like best, dreams, and what fools a model."""

from retrograph.synthesis.codes import CodeSettings, maximize_code
from retrograph.synthesis.generator import Joined
from retrograph.synthesis.maximum import Maximum, Progress
from retrograph.synthesis.perturbation import Fooled, FoolSettings, Norms, fool
from retrograph.synthesis.pictures import dream, maximize
from retrograph.synthesis.settings import DREAM, Settings

__all__ = [
    "DREAM",
    "CodeSettings",
    "FoolSettings",
    "Fooled",
    "Joined",
    "Maximum",
    "Norms",
    "Progress",
    "Settings",
    "dream",
    "fool",
    "maximize",
    "maximize_code",
]
