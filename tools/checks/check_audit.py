"""Files that other tools have written again, audited against their source: docs/AUDIT.md's table.

    RETROGRAPH_CORPUS=... python tools/checks/check_audit.py [VARIANTS] [--zoo FOLDER ...]
        [--only NAME] [--rows FILE ...] [--json FILE] [--write]

VARIANTS is what `audit_variants.py` has written; a zoo's folder holds networks that one framework
has exported in several ways. All of them are meant to be equal, so that every other verdict is a
false alarm, or a fault of the tool that wrote the file: each is printed with its sentence.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

import retrograph
from retrograph.errors import RetrographError

sys.path.append(str(Path(__file__).resolve().parents[1]))

from checkout import ROOT, SHARED

sys.path.extend(SHARED)

from corpus_inputs import Entry, cifar10, entries, mnist, photos, root

Array = np.ndarray[Any, Any]
Inputs = Array | dict[str, Array]

PAGE = ROOT / "docs" / "AUDIT.md"
COUNT = 3
EQUAL = ("identical", "equal")
_KINDS = ("equal", "refused", "no file")
_EXPORT = re.compile(r"(_((script|dynamo)?(open|still)?([7-9]|[12]\d)?|nchw|keras|tflite))+$")
"""How an export's name ends: exporter, sizes, opset, layout; SqueezeNet1_1 is no export of 1_0."""


@dataclass(frozen=True)
class Row:
    """What an audit came to.

    Attributes:
        model, way: the source, and how the other file was made.
        verdict: its name; "refused" or "error" where there is none.
        error: the largest relative error of an output.
        paired, points: how many of the source's tensors have a partner, and of how many.
        sentence: in words.
        seconds: that it took.
    """

    model: str
    way: str
    verdict: str
    error: float
    paired: int
    points: int
    sentence: str
    seconds: float


def audited(model: str, way: str, a: Path, b: Path, inputs: Inputs) -> Row:
    """One audit as a row."""
    start = time.perf_counter()
    try:
        found = retrograph.audit(str(a), str(b), inputs, method=None)
    except RetrographError as error:
        return Row(model, way, "refused", 0.0, 0, 0, str(error), time.perf_counter() - start)
    except Exception as error:  # a fault of ours, to be seen in the table
        said = f"{type(error).__name__}: {error}"
        return Row(model, way, "error", 0.0, 0, 0, said, time.perf_counter() - start)
    return Row(
        model,
        way,
        found.verdict.name,
        max((pair.error for pair in found.outputs), default=float("inf")),
        len({pair.a for pair in found.pairs}),
        found.points[0],
        found.sentence,
        time.perf_counter() - start,
    )


def corpus_inputs(entry: Entry) -> Inputs:
    """Pictures for a model of the corpus, where it is known how they become its input."""
    if entry.recipe is None or len(entry.model.inputs) > 1:
        feeds = entry.feeds()
        return feeds if len(feeds) > 1 else next(iter(feeds.values()))
    task = entry.task
    if task == "cifar10":
        pictures = [picture for picture, _ in cifar10()[:COUNT]]
    elif task == "mnist":
        pictures = [picture for picture, _ in mnist(COUNT)]
    else:
        folder = root()
        assert folder is not None
        files = [folder / name for name in sorted(photos())[:COUNT]]
        pictures = [retrograph.preprocess.load_picture(file) for file in files]
    return np.concatenate([entry.picture(picture) for picture in pictures])


def sample_inputs(file: Path) -> Array:
    """Noise for a sample model."""
    shape = retrograph.Model(file).inputs[0].shape or ()
    sizes = [size if isinstance(size, int) else COUNT for size in shape]
    return np.random.default_rng(3).uniform(size=sizes).astype(np.float32)


def variant_rows(folder: Path, only: str) -> Iterator[Row]:
    """Every variant against its source."""
    known = {entry.name: entry for entry in entries()}
    for source in sorted(
        each.with_name("source.onnx") for each in folder.glob(f"*{only}*/failed.json")
    ):
        name = source.parent.name
        inputs = corpus_inputs(known[name]) if name in known else sample_inputs(source)
        for file in sorted(source.parent.glob("*.onnx")):
            if file != source:
                yield audited(name, file.stem.replace("-", " "), source, file, inputs)
        for way, why in json.loads((source.parent / "failed.json").read_text()).items():
            yield Row(name, way, "no file", 0.0, 0, 0, why, 0.0)


def zoo_rows(folder: Path, only: str) -> Iterator[Row]:
    """Every export of a network against its first one."""
    exports: dict[str, list[Path]] = defaultdict(list)
    for file in sorted(folder.glob("*.onnx")):
        exports[_network(file.stem)].append(file)
    for name, files in exports.items():
        first = next((file for file in files if runs(file)), files[0])
        others = [file for file in files if file != first]
        if only not in name or not first.with_suffix(".npz").exists():
            continue
        with np.load(first.with_suffix(".npz")) as said:
            x = said["x"]
        for other in others:
            ends = [
                stem.removeprefix(_EXPORT.sub("", stem))[1:] for stem in (first.stem, other.stem)
            ]
            way = f"{folder.name}: {' -> '.join(end or 'plain' for end in ends)}"
            yield audited(first.stem, way, first, other, x)


def runs(file: Path) -> bool:
    """Whether ONNX Runtime loads a file: an exporter may write operators that no runtime has."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    try:
        onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    except Exception:  # it has no common class of errors
        return False
    return True


def _network(name: str) -> str:
    """What network an export is of; PyTorch's of a fixed batch have statistics of their own."""
    found = _EXPORT.search(name)
    alone = "_still" if found and re.search("(script|dynamo)_still", found[0]) else ""
    return _EXPORT.sub("", name) + alone


def counted(rows: Sequence[Row]) -> str:
    """How many files of each tool are equal, and what came of the others."""
    counts: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for row in rows:
        kind = "equal" if row.verdict in EQUAL else row.verdict
        counts[row.way.split(":")[0]][kind if kind in _KINDS else "alarms"] += 1
    columns = ("equal", "alarms", *_KINDS[1:])
    lines = [f"| written by | {' | '.join(columns)} |", f"|---|{'---|' * len(columns)}"]
    for way, each in counts.items():
        lines.append(f"| {way} | {' | '.join(str(each[column]) for column in columns)} |")
    return "\n".join(lines)


def written(page: str, parts: Mapping[str, str]) -> str:
    """A page with what stands between `<!-- NAME -->` and `<!-- end -->` replaced."""
    for name, text in parts.items():
        marked = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end -->)", re.DOTALL)
        page = "".join(_replaced(marked.split(page), text))
    return page


def _replaced(parts: Sequence[str], text: str) -> Iterator[str]:
    before, start, end, after = parts
    yield from (before, start, f"\n{text}\n\n", end, after)


def audited_rows(args: argparse.Namespace) -> Iterator[Row]:
    """The rows of every audit, those that are not equal printed with their sentences."""
    sources = [variant_rows(args.variants, args.only)] if args.variants else []
    for row in chain(*sources, *(zoo_rows(zoo, args.only) for zoo in args.zoo)):
        if row.verdict not in (*EQUAL, "no file"):
            print(f"{row.model} | {row.way} | {row.verdict} {row.error:.1e}", flush=True)
            print(f"  {row.sentence}", flush=True)
        yield row


def main() -> int:
    """Audit everything, print what is not equal, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("variants", type=Path, nargs="?")
    parser.add_argument("--zoo", type=Path, nargs="*", default=[])
    parser.add_argument("--only", default="", help="models whose name contains this")
    parser.add_argument("--rows", type=Path, nargs="*", default=[], help="of runs before, besides")
    parser.add_argument("--json", type=Path, help="write the rows here too")
    parser.add_argument("--write", action="store_true", help="the table, into docs/AUDIT.md")
    args = parser.parse_args()
    rows = [Row(**row) for file in args.rows for row in json.loads(file.read_text())]
    for row in audited_rows(args):
        rows.append(row)
        if args.json:
            args.json.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")
    found = counted(rows)
    print(found)
    if args.write:
        PAGE.write_text(written(PAGE.read_text(), {"counts": found}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
