"""What a scan of a very large data set costs: measured pieces, a plan made of them, simulations.

    python tools/bench/scan_at_scale.py plan --gpu-rate 1500
    python tools/bench/scan_at_scale.py merge --parts 1000 --units 100000000
    python tools/bench/scan_at_scale.py store --channels 2048 --pictures 1300000 -k 100

States and stores are made of random numbers by the project's own code; only the rate of the forward
pass on a GPU is assumed.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from retrograph.scanning import ScannedLayer, ScanReader
from retrograph.scanning.probe_session import ActivationStats
from retrograph.scanning.state import State
from retrograph.scanning.statistics import Tally
from retrograph.scanning.store import FILE, VERSION, Row, write

PICTURES = 1_281_167
CLASSES = 1000
CHANNELS = 26_560
"""Of the 53 convolutions of ResNet-50."""

PICTURE_BYTES = 110_000
"""Of a JPEG of ImageNet, on average."""

K = 9
BATCH = 32


def layer(channels: int) -> ScannedLayer:
    return ScannedLayer("layer", "layer", (channels, 7, 7), 0, tuple(range(channels)), None)


def random_stats(rng: np.random.Generator, rows: int, channels: int) -> ActivationStats:
    """The activations of a batch, float32 as a runtime gives them."""
    peak, mean, share = (
        rng.random((rows, channels), np.float32).astype(np.float64) for _ in range(3)
    )
    return ActivationStats(peak, rng.integers(0, 7, (rows, channels, 3)), mean, share)


def random_state(
    rng: np.random.Generator, channels: int, classes: range, pictures: int, k: int = K
) -> State:
    """The state of a part of so many pictures, of which some are counted: each class has one."""
    rows = max(BATCH, len(classes))
    tally = Tally.empty(channels, k, 3)
    numbers = np.sort(rng.choice(pictures, rows, replace=False))
    labels = np.resize(np.arange(len(classes)), rows) if len(classes) else np.full(rows, -1)
    tally.add(random_stats(rng, rows, channels), numbers.tolist(), labels.tolist())
    names = {f"n{number:08}": max(1, pictures // len(classes)) for number in classes}
    return State([layer(channels)], [tally], names, pictures, pictures)


def state_bytes(state: State) -> int:
    return sum(array.nbytes for tally in state.tallies for array in tally.arrays().values())


def seconds(work: Callable[[], Any], times: int = 3) -> float:
    """The least time of a few, of the processor: others may use the machine."""
    spans = []
    for _ in range(times):
        begun = time.process_time()
        work()
        spans.append(time.process_time() - begun)
    return min(spans)


@dataclass(frozen=True)
class Costs:
    """What was measured on this machine.

    Attributes:
        add: seconds to count a channel of a picture.
        merge: seconds to merge a channel of a part, without classes.
        merge_class: seconds for each class of it.
        channel_bytes: of the state of a channel, without classes.
        class_bytes: for each class of it.
        row: seconds to write a row of a store.
        row_bytes: of a row of channel_class in a store.
    """

    add: float
    merge: float
    merge_class: float
    channel_bytes: float
    class_bytes: float
    row: float
    row_bytes: float


def measured(channels: int = 2048, classes: int = 100) -> Costs:
    """The costs, of a layer of random numbers."""
    rng = np.random.default_rng(0)
    plain, other = (random_state(rng, channels, range(0), 1000) for _ in range(2))
    classed, later = (random_state(rng, channels, range(classes), 1000) for _ in range(2))
    stats = random_stats(rng, BATCH, channels)
    tally, labels = plain.tallies[0], [0] * BATCH
    add = seconds(lambda: tally.add(stats, range(BATCH), labels), 40) / BATCH / channels
    plain = random_state(rng, channels, range(0), 1000)
    merge = seconds(lambda: plain.merge(other)) / channels
    merge_classes = seconds(lambda: classed.merge(later)) / channels
    class_bytes = (state_bytes(classed) - state_bytes(plain)) / channels / classes
    rows = channels * (classes + 1 + K)
    with tempfile.TemporaryDirectory() as folder:
        spent = seconds(lambda: stored(Path(folder, FILE), classed, 0), 1)
        size = Path(folder, FILE).stat().st_size
    return Costs(
        add,
        merge,
        (merge_classes - merge) / classes,
        state_bytes(plain) / channels,
        class_bytes,
        spent / rows,
        size / rows,
    )


def stored(path: Path, state: State, pictures: int) -> None:
    """Write the store of a state with so many rows of pictures."""
    run = {"version": VERSION, "k": state.tallies[0].top.activation.shape[1], "labels": []}
    run |= {"pictures": {"good": state.good, "bad": 0}, "inputs": [], "preprocessing": {}}
    path.unlink(missing_ok=True)
    tallies = list(zip(state.layers, state.tallies, strict=True))
    write(path, run, state.classes, picture_rows(pictures), tallies)


def picture_rows(count: int) -> Iterator[Row]:
    for number in range(count):
        yield (
            number,
            f"train/n{number // 1300:08}/n{number:012}.JPEG",
            f"n{number // 1300:08}",
            None,
        )


def print_plan(gpu_rate: float, decode_rate: float, cores: int, link: float) -> None:
    """The table of 1, 8 and 64 GPUs.

    Args:
        gpu_rate: pictures a second that a GPU runs: an assumption.
        decode_rate: pictures a second that a core decodes.
        cores: for each GPU.
        link: bytes a second from the shared disk to a machine of 8 GPUs.
    """
    costs = measured()
    print(f"measured here: {costs}")
    print("GPUs | bound by | scan | read | parts | one part | merge | store | write it")
    for gpus in (1, 8, 64):
        rates = {
            "GPU": gpu_rate * gpus,
            "decoding": decode_rate * cores * gpus,
            "disk": link / PICTURE_BYTES * max(1, gpus / 8),
            "counting": gpus / (costs.add * CHANNELS),
        }
        slowest = min(rates, key=lambda name: rates[name])
        scan = PICTURES / rates[slowest]
        classes = CLASSES / gpus + 1
        part = CHANNELS * (costs.channel_bytes + costs.class_bytes * min(classes, CLASSES))
        merge = CHANNELS * (costs.merge + costs.merge_class * min(classes, CLASSES)) * gpus
        rows = CHANNELS * (CLASSES + 1 + K) + PICTURES
        read = PICTURES * PICTURE_BYTES
        print(
            f"{gpus} | {slowest} | {scan / 60:.0f} min | {read / 1e9:.0f} GB | "
            f"{gpus * part / 1e9:.2f} GB | {part / 1e6:.0f} MB | {merge:.0f} s | "
            f"{rows * costs.row_bytes / 1e9:.1f} GB | {rows * costs.row:.0f} s"
        )


def print_merge(parts: int, units: int) -> None:
    """Merge so many parts, whose tops have so many units together."""
    channels = units // parts // K
    rng = np.random.default_rng(0)
    samples = [random_state(rng, channels, range(n, n + 2), 1300) for n in range(8)]
    total, spent = State.empty([layer(channels)], K), 0.0
    total.tallies[0].statistics.make_room(parts + 1)
    for number in range(parts):
        part = samples[number % len(samples)]
        names = {f"n{number + place:08}": 650 for place in range(2)}
        later = State(part.layers, part.tallies, names, part.done, part.good)
        begun = time.process_time()
        total.merge(later)
        spent += time.process_time() - begun
    with tempfile.TemporaryDirectory() as folder:
        write_time = seconds(lambda: stored(Path(folder, FILE), total, total.done), 1)
        size = Path(folder, FILE).stat().st_size
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{parts} parts of {channels} channels, {parts * channels * K:,} units, "
        f"{len(total.classes)} classes, {total.done:,} pictures: merged in {spent:.1f} s, "
        f"{memory:,.0f} MiB at most; state of a part {state_bytes(samples[0]) / 1e6:.1f} MB; "
        f"store {size / 1e6:,.0f} MB written in {write_time:.0f} s"
    )


def print_store(channels: int, pictures: int, k: int, classes: int) -> None:
    """How fast a large store opens and answers."""
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, FILE)
        state = random_state(rng, channels, range(0), pictures, k)
        for first in range(BATCH, max(k, BATCH), BATCH):
            numbers = range(first * 7, first * 7 + BATCH)
            stats = random_stats(rng, BATCH, channels)
            state.tallies[0].add(stats, list(numbers), [-1] * BATCH)
        if classes:
            state.merge(random_state(rng, channels, range(classes), pictures, k))
        written = seconds(lambda: stored(path, state, pictures), 1)
        print(f"store {path.stat().st_size / 1e6:,.0f} MB, written in {written:.0f} s")
        answers: dict[str, Callable[[], Any]] = {
            "open": lambda: ScanReader(path),
            "layers": lambda: ScanReader(path).layers,
            "top of a channel": lambda: ScanReader(path).top("layer", channels // 2),
            "statistics of all channels": lambda: ScanReader(path).channels("layer"),
            "most selective channels": lambda: ScanReader(path).selective("layer"),
        }
        for name, ask in answers.items():
            print(f"{name}: {seconds(ask) * 1000:.1f} ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="what", required=True)
    plan = commands.add_parser("plan")
    plan.add_argument("--gpu-rate", type=float, default=1500.0, help="pictures a second, assumed")
    plan.add_argument("--decode-rate", type=float, default=100.0, help="pictures a second a core")
    plan.add_argument("--cores", type=int, default=12, help="for each GPU")
    plan.add_argument("--link", type=float, default=3e9, help="bytes a second to 8 GPUs")
    merge = commands.add_parser("merge")
    merge.add_argument("--parts", type=int, default=1000)
    merge.add_argument("--units", type=int, default=100_000_000)
    store = commands.add_parser("store")
    store.add_argument("--channels", type=int, default=2048)
    store.add_argument("--pictures", type=int, default=1_300_000)
    store.add_argument("-k", type=int, default=100)
    store.add_argument("--classes", type=int, default=0)
    args = vars(parser.parse_args())
    calls: dict[str, Callable[..., None]] = {
        "plan": print_plan,
        "merge": print_merge,
        "store": print_store,
    }
    calls[args.pop("what")](**args)


if __name__ == "__main__":
    main()
