"""The published sanity checks of attribution methods.

>>> from retrograph import sanity_checks
>>> check = sanity_checks.randomisation("net.onnx", x, methods=("gradient", "guided"))
>>> check.similarity["spearman-abs"].mean(axis=2)   # [methods, stages]
"""

from retrograph.sanity_checks.checks import faithfulness, random_logit, randomisation
from retrograph.sanity_checks.faithfulness_curves import RANDOM, Faithfulness
from retrograph.sanity_checks.layer_randomisation import Randomisation
from retrograph.sanity_checks.logit import RandomLogit
from retrograph.sanity_checks.plan import CHECKS, CheckSettings, SanityPlan, plan_sanity, sanity
from retrograph.sanity_checks.result import Sanity
from retrograph.sanity_checks.similarity import MEASURES
from retrograph.sanity_checks.subject import DEFAULT_METHODS, Subject

__all__ = [
    "CHECKS",
    "DEFAULT_METHODS",
    "MEASURES",
    "RANDOM",
    "CheckSettings",
    "Faithfulness",
    "RandomLogit",
    "Randomisation",
    "Sanity",
    "SanityPlan",
    "Subject",
    "faithfulness",
    "plan_sanity",
    "random_logit",
    "randomisation",
    "sanity",
]
