"""What commands need beside what their graphs and decoding need, in one run on a quiet machine.

    python tools/bench/bench_end_to_end.py --threads 2
    python tools/bench/bench_end_to_end.py --threads 2 --only explain

The corpus is the folder that RETROGRAPH_CORPUS names. Commands are processes of their own; of a
command over many inputs the time of one over few is taken off, which is that of starting.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from subprocess import DEVNULL, Popen
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from PIL import Image

import retrograph as rg
from audit_networks import resnet50
from retrograph.inputs import InputKind, choose_kind, choose_preprocessing
from retrograph.inputs.loader import read_inputs
from retrograph.runtime import Bound
from retrograph.scanning import ProbeSession, Scanner
from retrograph.starting import loading

SAMPLE = Path(__file__).parents[2] / "sample_models" / "cifar10_cnn.onnx"
FEW = 24
"""So many inputs a command is started with to know how long it takes to start: the preprocessing is
tried on the first 24 pictures."""


@dataclass(frozen=True)
class Spent:
    """What a process took."""

    wall: float
    cpu: float


@dataclass(frozen=True)
class Row:
    """A line of the table: what was measured, what came of it, and what is wanted."""

    what: str
    value: str
    wanted: str
    more: str = ""


@dataclass(frozen=True)
class Setup:
    """What is measured with.

    Attributes:
        corpus: real models and photographs.
        folder: for what is written; `cifar/` in it are the pictures of CIFAR-10.
        threads: of ONNX Runtime.
        repeats: how often the photographs are explained.
    """

    corpus: Path
    folder: Path
    threads: int
    repeats: int

    @property
    def squeezenet(self) -> Path:
        """SqueezeNet of ImageNet."""
        return self.corpus / "models" / "squeezenet_imagenet_fp32.onnx"

    @property
    def resnet50(self) -> Path:
        """ResNet-50 with random weights, which takes any number of pictures a run."""
        file = self.folder / "resnet50.onnx"
        if not file.exists():
            onnx.save(resnet50(folded=True), file)
        return file

    def photographs(self) -> list[Path]:
        """The photographs, several times under several names."""
        links = []
        for number in range(self.repeats):
            for file in sorted((self.corpus / "photos").glob("*.jpg")):
                link = self.folder / "photos" / f"{number}_{file.name}"
                link.parent.mkdir(exist_ok=True)
                if not link.exists():
                    link.symlink_to(file.resolve())
                links.append(link)
        return links

    def cifar(self) -> list[Path]:
        """The pictures of CIFAR-10, a folder for each class."""
        folder = self.folder / "cifar"
        if not folder.exists():
            with zipfile.ZipFile(self.corpus / "cifar10_test.zip") as archive:
                archive.extractall(folder)
        return sorted(folder.rglob("*.jpg"))


def run(*arguments: object) -> Spent:
    """Run a command of retrograph in a process of its own."""
    start = time.perf_counter()
    process = Popen([sys.executable, "-m", "retrograph", *map(str, arguments)], stdout=DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"retrograph {arguments[0]} ended with exit code {process.returncode}")
    cpu = usage.ru_utime + usage.ru_stime
    return Spent(time.perf_counter() - start, cpu)


def starting(setup: Setup) -> Iterator[Row]:
    """How long it takes to start."""
    picture = setup.cifar()[0]
    explain = ("explain", SAMPLE, picture, "-o", setup.folder / "start", "--force")
    for what, arguments, wanted in (
        ("retrograph --help", ("--help",), 0.25),
        ("explain, one picture of the sample", explain, 0.6),
    ):
        runs = [run(*arguments) for _ in range(6)][1:]
        cpu = median(each.cpu for each in runs)
        wall = median(each.wall for each in runs)
        yield Row(what, f"{wall:.2f} s", f"{wanted} s", f"{cpu:.2f} s of CPU")


def explaining(setup: Setup) -> Iterator[Row]:
    """A folder of pictures, beside what the graph alone takes."""
    for name, model, files, preset in (
        ("SqueezeNet", setup.squeezenet, setup.photographs(), "caffe-bgr"),
        ("ResNet-50", setup.resnet50, setup.photographs()[::5], "imagenet"),
        ("sample", SAMPLE, setup.cifar()[::10], "cifar10"),
    ):
        graph = _graph(model, setup.threads)
        before = _seconds(graph)
        for arrays in ((), ("--npz",)):
            options = ("--preprocess", preset, "--threads", setup.threads, "--force", *arrays)
            few, all_of_them = (
                run("explain", model, folder, "-o", setup.folder / "maps", *options)
                for folder in (_folder_of(setup, files[:FEW]), _folder_of(setup, files))
            )
            after = _seconds(graph)
            alone, before = (before + after) / 2, after
            each = (all_of_them.wall - few.wall) / (len(files) - FEW)
            cpu = (all_of_them.cpu - few.cpu) / (len(files) - FEW)
            yield Row(
                " ".join([f"explain, {name}", *arrays]),
                f"{each / alone:.2f} times the graph",
                "2.0",
                f"{1e3 * each:.1f} ms and {1e3 * cpu:.1f} ms of CPU a picture, "
                f"the graph {1e3 * alone:.1f} ms",
            )


def _graph(model: Path, threads: int) -> Callable[[], object]:
    """A run of the guided graph for a picture."""
    explainer = rg.Explainer(model, method="guided", threads=threads)
    (spec,) = explainer.inputs
    shape = [dim if isinstance(dim, int) else 1 for dim in spec.shape]
    x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    return lambda: explainer.attribute(x)


def _seconds(call: Callable[[], object], rounds: int = 40) -> float:
    """The median of some calls, warm."""
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return median(times[rounds // 4 :])


def maximizing(setup: Setup) -> Iterator[Row]:
    """A class of SqueezeNet, and ten of the sample."""
    in_model = 0.0
    unclocked = Bound.run

    def clocked(*arguments: object) -> object:
        nonlocal in_model
        start = time.perf_counter()
        outputs = unclocked(*arguments)  # type: ignore[arg-type]
        in_model += time.perf_counter() - start
        return outputs

    Bound.run = clocked  # type: ignore[assignment, method-assign]
    cases: tuple[tuple[str, Path, int | list[int], str], ...] = (
        ("maximize, a class of SqueezeNet", setup.squeezenet, 207, "caffe-bgr"),
        ("maximize, ten classes of the sample", SAMPLE, [*range(10)], "cifar10"),
    )
    for what, model, units, preset in cases:
        in_model, cpu, start = 0.0, time.process_time(), time.perf_counter()
        rg.maximize(model, unit=units, preprocessing=preset, threads=setup.threads)
        wall, cpu = time.perf_counter() - start, time.process_time() - cpu
        share = f"{in_model / wall:.0%} of its time in the model"
        yield Row(what, f"{wall:.1f} s", "20 s, 75%", f"{share}, {cpu:.1f} s of CPU")


def scanning(setup: Setup) -> Iterator[Row]:
    """Scans, beside decoding and ONNX Runtime's forward pass one after the other."""
    for name, file, files, preset in (
        ("sample", SAMPLE, setup.cifar(), "cifar10"),
        ("SqueezeNet", setup.squeezenet, setup.photographs(), "caffe-bgr"),
        ("ResNet-50", setup.resnet50, setup.photographs()[::2], "imagenet"),
    ):
        model = rg.Model(file)
        session = ProbeSession(model, [model.layers()[-1].alias], "cpu", setup.threads)
        source = model.inputs[0].name
        kind, _ = choose_kind(model, source, choose_preprocessing(model, source, preset))
        forward = _Forward(file, setup.threads)
        before = _seconds(forward)
        _scan(setup, session, kind, files[::10])
        wall, cpu = _scan(setup, session, kind, files)
        alone = (before + _seconds(forward)) / 2 / forward.rows
        decoding = _on_all_processors(lambda path: Image.open(path).convert("RGB"), files)
        pending = [each for _, each in read_inputs([*map(str, files)], kind)]
        making = _on_all_processors(lambda each: each.read(), pending)
        yield Row(
            f"scan, {name}",
            f"{(decoding + alone) / wall:.0%} of the possible rate",
            "80%",
            f"{1e3 * wall:.2f} ms and {1e3 * cpu:.2f} ms of CPU a picture, the forward pass "
            f"{1e3 * alone:.2f}, decoding {1e3 * decoding:.2f}, with making it the input "
            f"{1e3 * making:.2f}: {(making + alone) / wall:.0%}",
        )


def _scan(
    setup: Setup, session: ProbeSession, kind: InputKind, files: Sequence[Path]
) -> tuple[float, float]:
    """Seconds a picture, and of CPU: without what starting a command takes."""
    scanner = Scanner(session, [str(_folder_of(setup, files))], kind=kind)
    start, cpu = time.perf_counter(), time.process_time()
    scanner.run(setup.folder / "run", force=True)
    wall, cpu = time.perf_counter() - start, time.process_time() - cpu
    return wall / len(files), cpu / len(files)


def _folder_of(setup: Setup, files: Sequence[Path]) -> Path:
    """A folder that has links to the files."""
    folder = setup.folder / f"of_{len(files)}"
    folder.mkdir(exist_ok=True)
    for number, file in enumerate(files):
        link = folder / f"{number}{file.suffix}"
        if not link.is_symlink():
            link.symlink_to(file.resolve())
    return folder


def _on_all_processors(work: Callable[[Any], object], items: Sequence[Any]) -> float:
    """Seconds an item."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        start = time.perf_counter()
        for _ in pool.map(work, items):
            pass
        return (time.perf_counter() - start) / len(items)


class _Forward:
    """ONNX Runtime's forward pass, in batches if the model takes them.

    Attributes:
        rows: how many pictures a run takes.
    """

    def __init__(self, model: Path, threads: int, batch: int = 32) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        self._session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        (spec,) = self._session.get_inputs()
        shape = [dim if isinstance(dim, int) else batch for dim in spec.shape]
        x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
        self.rows, self._feeds = shape[0], {spec.name: x}

    def __call__(self) -> object:
        return self._session.run(None, self._feeds)


PARTS = {
    "start": starting,
    "explain": explaining,
    "maximize": maximizing,
    "scan": scanning,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--corpus", type=Path, default=os.environ.get("RETROGRAPH_CORPUS"))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=15, help="of the photographs")
    parser.add_argument("--only", choices=PARTS, nargs="+", default=[*PARTS])
    args = parser.parse_args()
    if args.corpus is None:
        parser.error("name the corpus, by --corpus or RETROGRAPH_CORPUS")
    with loading():  # keeps memory, as commands do
        pass
    print("| what | measured | wanted | |\n|---|---:|---:|---|")
    with TemporaryDirectory() as name:
        setup = Setup(Path(args.corpus), Path(name), args.threads, args.repeats)
        for part in args.only:
            for row in PARTS[part](setup):
                print(f"| {row.what} | {row.value} | {row.wanted} | {row.more} |", flush=True)


if __name__ == "__main__":
    main()
