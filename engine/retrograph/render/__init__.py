"""Attributions as pictures, alone and on labelled pages."""

from retrograph.render.colour import heat, overlay, signed
from retrograph.render.page import enlarge, panel, sheet
from retrograph.render.save import save_picture

__all__ = ["enlarge", "heat", "overlay", "panel", "save_picture", "sheet", "signed"]
