"""Damaged models: each is built or refused by one clean error, and what runs before runs after.

    python tools/mutations/mutate_models.py [--count 1000] [--seed 0] [--largest 700000]
        [--keep FOLDER]

The models are those of sample_models/, of the tests' golden files and, where RETROGRAPH_CORPUS
names a folder, of the corpus, up to a size. Each is damaged by its bytes or its structure, and
tried in a process of bounded memory and time. Where ONNX Runtime runs the damaged source, the built
graph must load and run too, optimised or not, with the same outputs. Prints a table of what came
of each kind of damage, names each case that ended otherwise (--only tries it again, --keep writes
its file), and exits with 1 if there is one.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from rich.console import Console
from rich.progress import track
from rich.table import Table

import retrograph
from child import run_in_child
from model_mutations import KINDS, mutated
from retrograph.contract import Contract
from retrograph.model import Model

ROOT = Path(__file__).resolve().parents[2]
MEMORY = 6 * 2**30
SECONDS = 60.0
METHODS = ("gradient", "gradient", "guided", "grad-cam", "lrp-epsilon-plus", "deconvnet")
SELECTS = ("top", "unit", "channel", "cotangent")
OPEN = (2, 32)
"""What an open dimension is: the first one, and the others."""

BUILT, REFUSED, ALONE, FAULT = "built, runs", "refused", "built, source does not run", "fault"
OUTCOMES = (BUILT, REFUSED, ALONE, FAULT)


@dataclass(frozen=True)
class Case:
    """A damaged model: the seed, the kind of damage and the number tell all of it."""

    seed: int
    kind: str
    number: int

    def __str__(self) -> str:
        return f"{self.seed}:{self.kind}:{self.number}"


@dataclass(frozen=True)
class Result:
    """What came of a case: what was done to which model, the outcome and its reason."""

    case: Case
    what: str
    outcome: str
    text: str


def model_files(largest: int) -> list[Path]:
    """The models up to a size, in a fixed order."""
    folders = [ROOT / "sample_models", ROOT / "tests" / "goldens" / "networks"]
    if corpus := os.environ.get("RETROGRAPH_CORPUS"):
        folders.append(Path(corpus) / "models")
    paths = [path for folder in folders for path in sorted(folder.glob("*.onnx"))]
    return [path for path in paths if path.stat().st_size <= largest]


def cases(count: int, seed: int) -> list[Case]:
    """That many cases, the kinds of damage in turn."""
    return [Case(seed, KINDS[i % len(KINDS)], i) for i in range(count)]


def damaged(case: Case, files: Sequence[Path]) -> tuple[str, bytes, np.random.Generator]:
    """What was done to which file, its bytes, and what the rest of the case is drawn from."""
    rng = np.random.default_rng([case.seed, *case.kind.encode(), case.number])
    folders = [*dict.fromkeys(path.parent for path in files)]
    folder = folders[int(rng.integers(len(folders)))]
    in_folder = [path for path in files if path.parent == folder]
    path = in_folder[int(rng.integers(len(in_folder)))]
    raw, edit = mutated(path.read_bytes(), case.kind, rng)
    return f"{path.name}, {edit}", raw, rng


def tried(case: Case, files: Sequence[Path]) -> Result:
    """Run a case in a process of its own."""
    what, raw, rng = damaged(case, files)
    ended = run_in_child(partial(_write_outcome, raw, rng), memory=MEMORY, seconds=SECONDS)
    if ended.code is None:
        return Result(case, what, FAULT, "takes too long")
    if ended.code != 0:
        return Result(case, what, FAULT, f"ends with {ended.code} {ended.written.decode()}".strip())
    outcome, text = json.loads(ended.written)
    return Result(case, what, outcome, text)


def _write_outcome(raw: bytes, rng: np.random.Generator, writer: int) -> int:
    """Try a model; write the outcome and its reason, as JSON, to a pipe."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "damaged.onnx"
        path.write_bytes(raw)
        os.write(writer, json.dumps(_outcome(path, rng)).encode())
    return 0


def _outcome(path: Path, rng: np.random.Generator) -> tuple[str, str]:
    options: dict[str, Any] = {"method": METHODS[int(rng.integers(len(METHODS)))]}
    options["select"] = SELECTS[int(rng.integers(len(SELECTS)))]
    try:
        model = Model(path)
        built = retrograph.build(model, **options)
        out = path.with_name("built.onnx")
        retrograph.save(built, out)
    except retrograph.RetrographError as error:
        return REFUSED, str(error)
    except BaseException as error:
        at = traceback.extract_tb(error.__traceback__)[-1]
        return FAULT, f"{options}: {type(error).__name__} {error} ({at.name}, {at.lineno})"
    try:
        before = Ran(path)
    except Exception as error:
        return ALONE, str(error)
    fault = before.differs(out)
    return (FAULT, f"{options}: {fault}") if fault else (BUILT, "")


class Ran:
    """A source that ONNX Runtime runs, its inputs and its outputs; raises what it raises."""

    def __init__(self, path: Path) -> None:
        self.path = path
        session = _session(path, optimised=False)
        self.feeds = {v.name: _drawn(v) for v in session.get_inputs()}
        self.names = [v.name for v in session.get_outputs()]
        self.outputs = session.run(None, self.feeds)
        self.again = [session.run(None, self.feeds)]
        try:
            self.again.append(_session(path, optimised=True).run(None, self.feeds))
        except Exception:  # a runtime that cannot optimise it need not run what is built of it
            self.again.append(self.outputs)

    def differs(self, built: Path) -> str:
        """What is wrong with the graph that was built of it; "" if nothing is."""
        for optimised in (False, True):
            try:
                session = _session(built, optimised)
                contract = Contract.from_properties(session.get_modelmeta().custom_metadata_map)
                assert contract is not None
                names = {v.name for v in session.get_inputs()}
                feeds = {k: v for k, v in self.feeds.items() if k in names}
                if contract.chooser is not None:
                    feeds |= self._choice(session, contract)
                outputs = session.run(self.names, feeds)
            except Exception as error:
                return f"built graph, optimised={optimised}: {error}"
            for i, name in enumerate(self.names):
                spread = max(_distance(run[i], self.outputs[i]) for run in self.again)
                if not _distance(outputs[i], self.outputs[i]) <= 1e-3 + 4 * spread:
                    return f"optimised={optimised}: '{name}' differs"
        return ""

    def _choice(self, session: ort.InferenceSession, contract: Contract) -> dict[str, Any]:
        name = str(contract.chooser)
        spec = next(v for v in session.get_inputs() if v.name == name)
        shapes = [
            (v.shape, self.feeds[v.name].shape) for v in session.get_inputs() if v.name != name
        ]
        sizes = {d: n for dims, shape in shapes for d, n in zip(dims, shape, strict=True)}
        shape = [
            d if isinstance(d, int) else sizes.get(d, OPEN[i > 0]) for i, d in enumerate(spec.shape)
        ]
        if contract.select == "cotangent":
            shape = self._shape_of(contract.target)
        return {name: np.zeros(shape, _TYPES[spec.type])}

    def _shape_of(self, tensor: str) -> list[int]:
        """The shape of a tensor in the source's run."""
        model = onnx.load(self.path)
        if tensor not in self.names:
            model.graph.output.append(onnx.ValueInfoProto(name=tensor))
        path = self.path.with_name("more.onnx")
        onnx.save(model, path)
        return list(_session(path, optimised=False).run([tensor], self.feeds)[0].shape)


_TYPES = {
    f"tensor({kind})": dtype
    for kind, dtype in {
        "float": np.float32,
        "double": np.float64,
        "float16": np.float16,
        "int64": np.int64,
        "int32": np.int32,
        "uint8": np.uint8,
        "bool": np.bool_,
    }.items()
}


def _session(path: Path, optimised: bool) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = 4, 1
    if not optimised:
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def _drawn(spec: Any) -> Any:
    rng = np.random.default_rng(len(spec.name))
    shape = [d if isinstance(d, int) else OPEN[min(i, 1)] for i, d in enumerate(spec.shape)]
    if np.prod(shape, dtype=np.float64) > 2**26:
        raise ValueError("too large an input")
    return rng.standard_normal(shape).astype(_TYPES[spec.type])


def _distance(actual: Any, wanted: Any) -> float:
    """The largest difference relative to the largest finite number; infinite for another shape."""
    if not (isinstance(actual, np.ndarray) and isinstance(wanted, np.ndarray)):
        return 0.0
    if actual.shape != wanted.shape or actual.dtype != wanted.dtype:
        return np.inf
    if wanted.dtype.kind not in "fiub" or not wanted.size:
        return 0.0
    a, b = (
        np.nan_to_num(v.astype(np.float64), posinf=1e300, neginf=-1e300) for v in (actual, wanted)
    )
    scale = max(float(np.abs(b[np.abs(b) < 1e299]).max(initial=0)), 1e-6)
    return float(np.abs(a - b).max()) / scale


def print_table(results: Sequence[Result], console: Console) -> None:
    """A row for each kind of damage: how many cases, and what came of them."""
    table = Table("damage", "cases", *OUTCOMES)
    for row in (*dict.fromkeys(each.case.kind for each in results), "all"):
        of_kind = [each for each in results if row in ("all", each.case.kind)]
        counts: Mapping[str, int] = Counter(each.outcome for each in of_kind)
        table.add_row(row, *map(str, (len(of_kind), *(counts.get(key, 0) for key in OUTCOMES))))
    console.print(table)


def _tried(job: tuple[Case, Sequence[Path]]) -> Result:
    return tried(*job)


def main() -> int:
    """Run all cases."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--count", type=int, default=1000, metavar="N")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--largest", type=int, default=700_000, help="bytes of a model's file")
    parser.add_argument("--jobs", type=int, default=2, help="processes at once")
    parser.add_argument("--only", metavar="SEED:KIND:NUMBER", help="one case, and all that it says")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="for the files that failed")
    args = parser.parse_args()
    files, todo = model_files(args.largest), cases(args.count, args.seed)
    if args.only:
        seed, kind, number = args.only.split(":")
        todo = [Case(int(seed), kind, int(number))]
    with multiprocessing.get_context("fork").Pool(args.jobs) as pool:
        runs = pool.imap(_tried, [(case, files) for case in todo], chunksize=4)
        shown = Console(stderr=True)
        results = list(track(runs, "damaging", len(todo), console=shown, transient=True))
    console = Console()
    print_table(results, console)
    for each in results:
        if each.outcome == FAULT or args.only:
            line = f"{each.case}: {each.what}: {each.outcome}: {each.text}"
            console.print(line, markup=False, highlight=False, soft_wrap=True)
            if args.keep is not None:
                args.keep.mkdir(parents=True, exist_ok=True)
                raw = damaged(each.case, files)[1]
                (args.keep / f"{each.case.kind}-{each.case.number}.onnx").write_bytes(raw)
    return 1 if any(each.outcome == FAULT for each in results) else 0


if __name__ == "__main__":
    sys.exit(main())
