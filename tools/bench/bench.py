"""Explanations timed beside the forward pass and beside PyTorch with Captum.

    python tools/bench/bench.py --models resnet50,mobilenetv2 --batch 1 --threads 2 --json OUT.json
    python tools/bench/bench.py --json OUT.json --plot OUT.png --write   all of it, PERFORMANCE.md
    python tools/bench/bench.py --device cuda --json CUDA.json           batch 1 and 64 on a GPU
    python tools/bench/bench.py --from OUT.json CUDA.json --write        the page again, from files

Each case (a model, a question, a batch) is a process of its own, in which all contestants take
turns; peak memory is measured in further ones, a process for each contestant. Needs the extra
`bench` (captum, onnx2torch, torch, torchvision) and ONNX Runtime; `--peers none` does without.
Models are exported once, into the folder that RETROGRAPH_BENCH_CACHE names.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench_ask import Spec
from bench_building import chain
from bench_page import FILE, write
from bench_suite import SUITE, model_file
from retrograph.benchmarks import Building, Case, Entry, Record, cores, load, machine, read
from retrograph.benchmarks.plot import plot
from retrograph.benchmarks.record import Question, case_of
from retrograph.benchmarks.tables import (
    building_table,
    case_table,
    case_title,
    machine_lines,
    warnings,
)
from retrograph.errors import InputError
from retrograph.render.save import save_picture

TOOLS = Path(__file__).resolve().parent
PEERS = {
    "captum": "PyTorch + Captum",
    "compile": "torch.compile",
    "onnx2torch": "onnx2torch + Captum",
}
QUESTIONS: tuple[Question, ...] = ("class", "layer", "classes")
CLASSES = 10
CHAINS = (2_500, 5_000, 10_000)
BATCHES = {"cpu": (1, 16), "cuda": (1, 64)}
PRECISIONS = {"cpu": ("float32",), "cuda": ("float32", "tf32", "float16")}
_PACKAGES = ("torch", "torchvision", "captum", "onnx2torch")
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def main(argv: Sequence[str] | None = None) -> int:
    """Measure what is asked for, print it, and write what is asked for."""
    try:
        args = _parser().parse_args(argv)
        records = read(args.read) if args.read else [_measured(args)]
        for record in records:
            print("\n".join(_lines(record)))
            if args.plot:
                save_picture(plot(record), args.plot, force=True)
        if args.write:
            write(records)
            print(f"-> {FILE.name}")
    except argparse.ArgumentError as error:
        _say(f"{error}; see bench.py --help")
        return 2
    except InputError as error:
        _say(str(error))
        return 2
    except KeyboardInterrupt:
        _say("interrupted; what was measured before is in the file of --json")
        return 130
    except OSError as error:
        _say(f"{error.filename or 'a file'}: {error.strerror or error}; check the path")
        return 2
    return 0


def _lines(record: Record) -> Iterator[str]:
    """The tables of a benchmark, what they were measured on, and what spoils them."""
    for case in record.cases:
        yield case_title(case)
        yield from _table_lines(*case_table(case))
        yield from (f"  {entry.name}: {entry.note}" for entry in case.entries if entry.note)
        yield ""
    if record.buildings:
        yield "building, each in a process of its own"
        yield from _table_lines(*building_table(record.buildings))
        yield ""
    yield from machine_lines(record)
    yield from (f"warning: {warning}" for warning in warnings(record))


def _table_lines(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    width = max(len(first) for first, *_ in (headings, *rows))
    for first, *others in (headings, *rows):
        yield "  ".join([first.ljust(width), *others]).rstrip()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        prog="bench.py",
        exit_on_error=False,
    )
    parser.add_argument("--models", type=_some_of(SUITE), default=[*SUITE], help=", ".join(SUITE))
    parser.add_argument("--questions", type=_some_of(QUESTIONS), help=", ".join(QUESTIONS))
    parser.add_argument("--peers", type=_peers, default=[*PEERS], help=f"none, {', '.join(PEERS)}")
    parser.add_argument("--batch", type=_counts, help="1,16; on a GPU 1,64")
    parser.add_argument("--device", choices=[*BATCHES], default="cpu")
    parser.add_argument("--precision", type=_some_of(PRECISIONS["cuda"]), help="on a GPU")
    parser.add_argument("--threads", type=_count, default=cores(), help="of every contestant")
    parser.add_argument("--rounds", type=_count, default=20, help="times of each contestant (20)")
    parser.add_argument("--no-memory", action="store_true", help="leave out peak memory")
    parser.add_argument("--build", action="store_true", help="time and memory of building too")
    parser.add_argument("--json", type=Path, metavar="OUT", help="write every time here")
    parser.add_argument("--plot", type=Path, metavar="PNG", help="draw the ratios here")
    parser.add_argument("--write", action="store_true", help=f"write the tables of {FILE.name}")
    parser.add_argument(
        "--from", dest="read", nargs="+", type=Path, metavar="JSON", help="measure nothing, read"
    )
    return parser


def _some_of(known: Any) -> Any:
    def read_names(text: str) -> list[str]:
        names = [name.strip() for name in text.split(",")]
        for name in names:
            if name not in known:
                raise argparse.ArgumentTypeError(f"'{name}' is none of: {', '.join(known)}")
        return names

    return read_names


def _peers(text: str) -> list[str]:
    names: list[str] = [] if text == "none" else _some_of(PEERS)(text)
    return names


def _count(text: str) -> int:
    if not re.fullmatch(r"0*[1-9]\d{0,8}", text):
        raise argparse.ArgumentTypeError(f"'{text}' is no whole number from 1")
    return int(text)


def _counts(text: str) -> list[int]:
    return [_count(part.strip()) for part in text.split(",")]


def _measured(args: argparse.Namespace) -> Record:
    """Measure every case; the file is written after each, so that nothing is lost."""
    command = shlex.join(["python", "tools/bench/bench.py", *sys.argv[1:]])
    record = Record(machine(_PACKAGES, _gpu(args.device)), command, [])
    _check_load(args.threads)
    specs = list(_specs(args))
    for number, spec in enumerate(specs, 1):
        _say(f"{number} of {len(specs)}: {spec.model} {spec.question}, batch {spec.batch}")
        record.cases.extend(_case(spec, memory=not args.no_memory))
        _save(record, args.json)
    if args.build:
        record.buildings.extend(_buildings())
        _save(record, args.json)
    return record


def _save(record: Record, file: Path | None) -> None:
    """Write the file whole or not at all."""
    if file is not None:
        new = file.with_name(f"{file.name}.new")
        new.write_text(record.to_json(), encoding="utf-8")
        new.replace(file)


def _specs(args: argparse.Namespace) -> Iterator[Spec]:
    """A spec for each case; several classes are asked of one picture."""
    questions: Sequence[Question] = args.questions or QUESTIONS
    batches = args.batch or BATCHES[args.device]
    precisions = (args.precision if args.device == "cuda" else None) or PRECISIONS[args.device]
    peers = [PEERS[name] for name in args.peers]
    for precision in precisions:
        for batch in batches:
            for name in args.models:
                for question in questions:
                    if question == "layer" and SUITE[name].layer is None:
                        continue
                    if question == "classes" and batch != 1:
                        continue
                    units = CLASSES if question == "classes" else 1
                    where = (batch, args.device, precision, args.threads, args.rounds)
                    yield Spec(name, question, units, *where, peers)


def _case(spec: Spec, *, memory: bool) -> list[Case]:
    """Measure one case; an empty list and a message if its process fails."""
    with tempfile.TemporaryDirectory(prefix="retrograph-bench-") as folder:
        out = Path(folder) / "out.json"
        spec_json = json.dumps(spec.to_dict())
        measured = _run(spec.threads, "bench_worker.py", "times", spec_json, str(out), out=out)
        if measured is None:
            return []
        case = case_of(measured)
        if not memory:
            return [case]
        entries = [_weighed(entry, spec, spec_json, out) for entry in case.entries]
        return [replace(case, entries=entries)]


def _weighed(entry: Entry, spec: Spec, spec_json: str, out: Path) -> Entry:
    """The entry with its peak memory measured; unchanged if it was not timed."""
    if not entry.ms:
        return entry
    memory = _run(
        spec.threads, "bench_worker.py", "memory", spec_json, str(out), entry.name, out=out
    )
    return replace(entry, **(memory or {}))


def _buildings() -> list[Building]:
    """Measure how long building takes: ResNet-50, and chains of more and more nodes."""
    buildings = []
    with tempfile.TemporaryDirectory(prefix="retrograph-bench-") as folder:
        files = {"ResNet-50": model_file(SUITE["resnet50"])}
        for nodes in CHAINS:
            files[f"chain of {nodes}"] = Path(folder) / f"chain{nodes}.onnx"
            chain(nodes, files[f"chain of {nodes}"])
        for name, file in files.items():
            _say(f"building {name}")
            out = Path(folder) / "out.json"
            measured = _run(1, "bench_building.py", str(file), str(out), out=out)
            if measured is not None:
                buildings.append(Building(name, **measured))
    return buildings


def _run(threads: int, script: str, *arguments: str, out: Path) -> dict[str, Any] | None:
    """Run a script in a process of its own; what it wrote, or None and a message if it fails."""
    pinned = dict.fromkeys(_THREADS, str(threads))
    command = [sys.executable, str(TOOLS / script), *arguments]
    done = subprocess.run(
        command, env={**os.environ, **pinned}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        _say(f"{script} failed ({last})")
        return None
    result: dict[str, Any] = json.loads(out.read_text())
    return result


def _gpu(device: str) -> str:
    """The GPU's name; "" for the CPU.

    Raises:
        InputError: there is none.
    """
    if device == "cpu":
        return ""
    from bench_ort import is_there

    try:
        import torch
    except ImportError:
        torch = None
    if not is_there(device) or torch is None or not torch.cuda.is_available():
        raise InputError(
            "no CUDA device for both onnxruntime-gpu and PyTorch; run this on a machine with a "
            "GPU, or leave out --device cuda"
        )
    name: str = torch.cuda.get_device_name()
    return name


def _check_load(threads: int) -> None:
    seen = load()
    if seen is not None and seen > threads:
        _say(f"warning: the load average is {seen}, above {threads} threads; times will be wrong")


def _say(text: str) -> None:
    print(f"bench.py: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
