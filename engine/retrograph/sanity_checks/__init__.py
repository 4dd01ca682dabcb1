"""The published sanity checks of attribution methods.

>>> from retrograph import sanity
>>> found = sanity.randomisation("net.onnx", x, methods=("gradient", "guided"))
>>> found.similarity["spearman-abs"].mean(axis=2)   # [methods, stages]
"""

from retrograph.sanity_checks.checks import faithfulness, random_logit, randomisation
from retrograph.sanity_checks.faithfulness_curves import RANDOM, Faithfulness
from retrograph.sanity_checks.layer_randomisation import Randomisation
from retrograph.sanity_checks.logit import RandomLogit
from retrograph.sanity_checks.similarity import MEASURES
from retrograph.sanity_checks.subject import DEFAULT_METHODS, Subject

__all__ = [
    "DEFAULT_METHODS",
    "MEASURES",
    "RANDOM",
    "Faithfulness",
    "RandomLogit",
    "Randomisation",
    "Subject",
    "faithfulness",
    "random_logit",
    "randomisation",
]
