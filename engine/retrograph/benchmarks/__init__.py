"""How long an explanation takes beside the forward pass, and how near it is to the arithmetic.

The figure to watch is the ratio to the forward pass of the same model in the same process: the
arithmetic needs the forward pass and as much again, so 2.0 is the floor for a whole network.
"""

from retrograph.benchmarks.hardware import Machine, cores, load, machine, matrix_rate, peak_memory
from retrograph.benchmarks.measure import measure
from retrograph.benchmarks.record import Building, Case, Entry, Record, read
from retrograph.benchmarks.result import Bench, bench
from retrograph.benchmarks.runner import Runner
from retrograph.benchmarks.subject import Subject
from retrograph.benchmarks.timing import alternate, geometric_mean
from retrograph.benchmarks.work import multiply_adds

__all__ = [
    "Bench",
    "Building",
    "Case",
    "Entry",
    "Machine",
    "Record",
    "Runner",
    "Subject",
    "alternate",
    "bench",
    "cores",
    "geometric_mean",
    "load",
    "machine",
    "matrix_rate",
    "measure",
    "multiply_adds",
    "peak_memory",
    "read",
]
