"""Rewritings of a graph that keep what it computes.

A pass takes a graph, rewrites it in place and says whether it changed it.
"""

from collections.abc import Callable

from retrograph.ir.graph import Graph

Pass = Callable[[Graph], bool]
