"""Pictures made from nothing: what units would like best, dreams, and what fools a model."""

from retrograph.maximize.codes import CodeSettings, maximize_code
from retrograph.maximize.fool import Fooled, FoolSettings, Norms, fool
from retrograph.maximize.generator import Joined
from retrograph.maximize.maximum import Maximum, Progress
from retrograph.maximize.pictures import dream, maximize
from retrograph.maximize.settings import DREAM, Settings

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
