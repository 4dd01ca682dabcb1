"""What the strongest units of a scan see: the patch of each picture, and its attribution.

A patch is the unit's window in closed form (`receptive_field/`), cut from the picture and, by the
same cut, from the attribution of that unit.
"""

from retrograph.patches.attribute import Attributor
from retrograph.patches.crop import cut, windows
from retrograph.patches.plan import PatchPlan, plan_patches
from retrograph.patches.result import Patches
from retrograph.patches.source import explained_input, scanned_model

__all__ = [
    "Attributor",
    "PatchPlan",
    "Patches",
    "cut",
    "explained_input",
    "plan_patches",
    "scanned_model",
    "windows",
]
