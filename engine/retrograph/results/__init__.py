"""Answers that show themselves: pictures, plots, files and records of what was found."""

from retrograph.results.base import Result

__all__ = ["Result"]
