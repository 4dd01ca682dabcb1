"""Answers that show themselves: pictures, plots, files and records of what was found."""

from retrograph.results.attribution import Attribution
from retrograph.results.base import Result
from retrograph.results.comparison import Comparison
from retrograph.results.explanation import Explanation
from retrograph.results.sheet import Sheet

__all__ = ["Attribution", "Comparison", "Explanation", "Result", "Sheet"]
