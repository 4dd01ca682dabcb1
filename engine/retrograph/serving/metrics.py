"""What a service counts, for Prometheus."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

MEDIA: Final = CONTENT_TYPE_LATEST
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_BATCHES = (1, 2, 4, 8, 16, 32, 64)


class Metrics:
    """Counters of one service, in a registry of its own."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        self.requests: Any = Counter(
            "retrograph_requests", "Answered requests", ["path", "status"], registry=registry
        )
        self.seconds: Any = Histogram(
            "retrograph_request_seconds",
            "From a request's headers to its answer",
            ["path"],
            buckets=_SECONDS,
            registry=registry,
        )
        self.batches: Any = Histogram(
            "retrograph_batch_inputs", "Inputs of a run", buckets=_BATCHES, registry=registry
        )
        self.runs: Any = Histogram(
            "retrograph_run_seconds", "Of a run", buckets=_SECONDS, registry=registry
        )
        self.abandoned: Any = Counter(
            "retrograph_abandoned", "Requests whose client went away", registry=registry
        )

    def watch(self, name: str, what: str, value: Callable[[], float]) -> None:
        """Tell a number as it is when it is asked for."""
        Gauge(f"retrograph_{name}", what, registry=self._registry).set_function(value)

    def ran(self, inputs: int, seconds: float) -> None:
        """Count a run."""
        self.batches.observe(inputs)
        self.runs.observe(seconds)

    def text(self) -> bytes:
        """All of it, as Prometheus reads it."""
        return bytes(generate_latest(self._registry))
