"""PERFORMANCE.md, written from benchmarks; the part that is written by hand stays."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from retrograph.benchmarks import Case, Entry, Record, geometric_mean
from retrograph.benchmarks.tables import (
    building_table,
    case_table,
    machine_lines,
    milliseconds,
    ratio,
    warnings,
)

FILE = Path(__file__).resolve().parents[2] / "PERFORMANCE.md"
HAND = "<!-- by hand, from here to the end: tools/bench/bench.py --write keeps it -->"

_HEAD = """\
# Performance

How long an explanation takes beside the forward pass of the same model in ONNX Runtime, and beside
what PyTorch offers. Guided backpropagation throughout. Ratios are of medians within one process, in
which all contestants take turns, warm, with the same number of threads; they are the claim, and the
times belong to the machine. A contestant is timed only where its attribution is ours, to a
thousandth of the largest value. Inputs on which a ReLU lies within rounding of its kink are left
out, since two float32 engines may there take different sides. Where Captum gives the plain
gradient, which rounding changes more, it is held to twice what the last bit of the input makes of
it.

- **/ forward**: time over ONNX Runtime's forward pass to the explained layer. The arithmetic of one
  class needs 2.0, of K classes 1 + K.
- **/ arithmetic**: time over what those multiply-adds need at the rate of a large float32 matrix
  product in the same process. Of a unit in a middle layer the forward pass is counted,
  of which it takes a window.
- **peer / ours**: the peer's time over ours; above 1 we are faster.

The models are torchvision's with random weights, inputs are noise; neither changes what is
computed. PyTorch's parameters need no gradient, its ReLUs are modules that do not write in place,
and `torch.compile` gets the guided rule as an autograd.Function and compiles both passes.
"""

_NOT_ON_A_CPU = """
## On a CPU

**Not measured yet.** On a machine that does nothing else:

    python tools/bench/bench.py --build --threads 2 --json cpu.json --write
"""

_NOT_ON_CUDA = """
## On CUDA

**Not measured yet.** On a machine with a GPU, onnxruntime-gpu and a CUDA build of PyTorch:

    python tools/bench/bench.py --device cuda --json cuda.json
    python tools/bench/bench.py --from cpu.json cuda.json --write
"""

_HAND_START = f"""
{HAND}

## What was tried and did not help
"""


def write(records: Sequence[Record], file: Path = FILE) -> None:
    """Write the page, and keep what is written by hand in it."""
    file.write_text(page(records, _by_hand(file)), encoding="utf-8")


def page(records: Sequence[Record], hand: str = _HAND_START) -> str:
    """The page's text."""
    parts = [_HEAD]
    for on_gpu in (False, True):
        parts.extend(_device([r for r in records if bool(r.machine.gpu) == on_gpu]))
    devices = {case.device for record in records for case in record.cases}
    for device, missing in (("cpu", _NOT_ON_A_CPU), ("cuda", _NOT_ON_CUDA)):
        if device not in devices:
            parts.append(missing)
    return "".join(parts) + hand


def _by_hand(file: Path) -> str:
    text = file.read_text(encoding="utf-8") if file.exists() else ""
    _, mark, rest = text.partition(HAND)
    return f"\n{mark}{rest}" if mark else _HAND_START


def _device(records: Sequence[Record]) -> Iterable[str]:
    """What was measured on one kind of device: what it comes to first, all of it behind."""
    if not records:
        return
    yield "\n## " + ("On CUDA" if records[0].machine.gpu else "On a CPU") + "\n"
    for record in records:
        yield from _record(record)
    yield "\n### Every contestant\n"
    for case in (case for record in records for case in record.cases):
        where = f", {case.target}" if case.question == "layer" else ""
        yield f"\n**{case.model}{where}**: {case.words}, batch {case.batch}, "
        yield f"{case.precision}\n\n"
        yield _markdown(*case_table(case))
        notes = [f"{entry.name}: {entry.note}." for entry in case.entries if entry.note]
        yield "".join(f"\n{note}\n" for note in notes)


def _record(record: Record) -> Iterable[str]:
    """One run: by which command, on which machine, and what it comes to."""
    yield f"\n    {record.command}\n\n"
    yield "".join(f"{line}.  \n" for line in machine_lines(record))
    for warning in warnings(record):
        yield f"\n**{warning[0].upper()}{warning[1:]}.**\n"
    for cases in _groups(record.cases):
        first = cases[0]
        words = f"{first.words}, batch {first.batch}, {first.precision}"
        yield f"\n### {words[0].upper()}{words[1:]}\n\n"
        yield _summary(cases)
    if record.buildings:
        yield "\n### Building, each in a process of its own\n\n"
        yield _markdown(*building_table(record.buildings))


def _groups(cases: Sequence[Case]) -> list[list[Case]]:
    groups: dict[tuple[object, ...], list[Case]] = {}
    for case in cases:
        key = (case.device, case.precision, case.question, case.units, case.batch)
        groups.setdefault(key, []).append(case)
    return list(groups.values())


def _summary(cases: Sequence[Case]) -> str:
    """One row a model: ours beside the forward pass, the arithmetic and each peer."""
    peers = list(dict.fromkeys(e.name for c in cases for e in c.entries if e.role == "peer"))
    columns: list[tuple[str, Callable[[Case], float]]] = [
        ("/ forward", lambda case: case.to_forward(_ours(case))),
        ("/ arithmetic", lambda case: case.to_arithmetic(_ours(case))),
        *((f"{name} / ours", _peer_ratio(name)) for name in peers),
    ]
    if any(len(_all_ours(case)) > 1 for case in cases):
        columns.insert(1, ("/ one class", _to_one_class))
    headings = ["model", *(heading for heading, _ in columns), "ours, ms", "forward, ms"]
    rows = [
        [
            case.model + (f", {case.target}" if case.question == "layer" else ""),
            *(ratio(of(case)) for _, of in columns),
            milliseconds(_ours(case).median),
            milliseconds(forward.median) if (forward := case.of("forward")) else "",
        ]
        for case in cases
    ]
    means = [_mean([of(case) for case in cases]) for _, of in columns]
    return _markdown(headings, [*rows, ["**geometric mean**", *means, "", ""]])


def _ours(case: Case) -> Entry:
    return _all_ours(case)[0]


def _all_ours(case: Case) -> list[Entry]:
    return [entry for entry in case.entries if entry.role == "ours"]


def _to_one_class(case: Case) -> float:
    first, *others = _all_ours(case)
    return first.median / statistics.median([e.median for e in others]) if others else float("nan")


def _peer_ratio(name: str) -> Callable[[Case], float]:
    def of(case: Case) -> float:
        ratios = [case.to_ours(entry) for entry in case.entries if entry.name == name]
        return ratios[0] if ratios else float("nan")

    return of


def _mean(values: Sequence[float]) -> str:
    known = [value for value in values if value == value]
    return f"**{ratio(geometric_mean(known))}**" if known else ""


def _markdown(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    cells = [[cell.strip() for cell in row] for row in (headings, *rows)]
    head, *body = [f"| {' | '.join(row)} |\n" for row in cells]
    return head + "|---|" + "---:|" * (len(headings) - 1) + "\n" + "".join(body)
