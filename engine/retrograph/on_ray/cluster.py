"""Ray, where it is installed, and how a data set is handed to actors block by block."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from retrograph.errors import InputError, parameter


@dataclass(frozen=True)
class Actors:
    """The actors that work on a data set, each with a session of its own.

    Attributes:
        count: how many.
        num_gpus: of each, which may be a fraction.
        num_cpus: of each.
    """

    count: int
    num_gpus: float = 0
    num_cpus: float = 1

    def map_blocks(self, dataset: Any, rows: int, worker: Callable[..., Any], *given: Any) -> Any:
        """What actors make of a data set in blocks of so many rows, which only the last one lacks.

        Raises:
            InputError: the actors leave no processor to read with.
        """
        self._check_fit(1)
        dataset.context.execution_options.preserve_order = True
        blocks = dataset.repartition(target_num_rows_per_block=rows, strict=True)
        return self.map(blocks, None, worker, *given)

    def map(self, dataset: Any, rows: int | None, worker: Callable[..., Any], *given: Any) -> Any:
        """What actors make of a data set, in its order.

        An actor that dies is replaced, and its block is worked on again: what comes of a block is
        taken once, when all of it is there.

        Args:
            dataset: of Ray Data.
            rows: that an actor is given at once; a block of the data set if None.
            worker: the class of the actors, called with columns of NumPy.
            given: what the class is made with.

        Returns:
            A data set, not computed yet.

        Raises:
            InputError: the cluster has too few processors or GPUs for the actors.
        """
        self._check_fit(0)
        data = ray_data()
        dataset.context.execution_options.preserve_order = True
        return dataset.map_batches(
            worker,
            batch_size=rows,
            fn_constructor_args=given,
            compute=data.ActorPoolStrategy(size=self.count),
            num_gpus=self.num_gpus or None,
            num_cpus=self.num_cpus,
        )

    def _check_fit(self, left: int) -> None:
        """Raises InputError where the cluster cannot hold the actors and so many processors more.

        Ray would wait for them without end.
        """
        import ray

        there = cast(Any, ray).cluster_resources()  # untyped
        for kind, each, more in (("CPU", self.num_cpus, left), ("GPU", self.num_gpus, 0)):
            if self.count * each + more > there.get(kind, 0):
                rest = ", which leave none to read with" if more else ""
                raise InputError(
                    f"the cluster has {there.get(kind, 0):g} {kind}s for {self.count} actors of "
                    f"{each:g}{rest}; give fewer {parameter('actors')}"
                )


def connect(address: str | None) -> None:
    """Connect to a cluster, where that is not done yet.

    Raises:
        InputError: Ray is not installed, or there is no such cluster.
    """
    data = ray_data()
    import ray

    if ray.is_initialized():
        return
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    data.DataContext.get_current().enable_progress_bars = False  # whoever calls has a bar
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, ValueError) as error:
        raise InputError(f"no cluster of Ray at {address!r}: {error}") from None


def cloudpickle() -> Any:
    """Ray's pickle, which takes functions too."""
    import ray.cloudpickle

    return ray.cloudpickle


def ray_data() -> Any:
    """The package `ray.data`.

    Raises:
        InputError: Ray is not installed.
    """
    try:
        import ray.data
    except ImportError:
        raise InputError("Ray is not installed; pip install 'retrograph[ray]'") from None
    return ray.data
