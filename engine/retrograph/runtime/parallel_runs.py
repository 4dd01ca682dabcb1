"""How many runs of a graph are best under way at a time."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass

from retrograph.runtime.providers import provider


@dataclass(frozen=True)
class ParallelRuns:
    """How runs go on side by side.

    Attributes:
        count: how many are under way at a time.
        threads: how many an operator of each may use; ONNX Runtime's choice if None.
    """

    count: int
    threads: int | None

    @classmethod
    def suited(cls, device: str, threads: int | None) -> ParallelRuns:
        """What is fastest for many runs: on a CPU two, each with half of the threads.

        They wait for each other less than the threads of one do. A GPU takes one after the other.

        Args:
            device: as in `Session`.
            threads: how many all runs may use together; all processors if None.

        Raises:
            DeviceError: ONNX Runtime or the device is not there.
            InputError: an option of the device is not written as KEY=VALUE.
        """
        processors = threads or os.cpu_count() or 1
        if processors == 1 or provider(device).suited != "cpu":
            return cls(1, threads)
        return cls(2, processors // 2)


def known_size(shape: Sequence[int | str | None]) -> int:
    """How many numbers an array has at least: its open extents may be 1."""
    return math.prod(extent for extent in shape if isinstance(extent, int))
