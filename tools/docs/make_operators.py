"""OPERATORS.md: every operator of the installed onnx, how it is treated, and what proves it.

    python tools/docs/make_operators.py

How an operator is treated is read off the registries of retrograph, what proves it off our own
table of cases and the verdicts on ONNX's backend suite that tools/check_backend.py --record
records; what is to be said in words stands in tools/docs/operator_notes.py. An operator that is
treated in no way is an error.
"""

from __future__ import annotations

import sys
import textwrap
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import onnx
from onnx import ModelProto
from onnx.defs import OpSchema

sys.path.append(str(Path(__file__).resolve().parents[1]))

from checkout import SHARED

sys.path.extend(SHARED)

import operator_notes as notes
from retrograph.ir.graph import STANDARD_DOMAINS
from retrograph.ir.passes import expand  # noqa: F401  registers the definitions
from retrograph.ir.passes.expand.registry import defined_operators
from retrograph.ir.passes.opsets.registry import FLOOR, rewritten_operators
from retrograph.ir.passes.quantize.codes import FOLLOWERS
from retrograph.ir.passes.resolve_sequences import STEPS
from retrograph.ir.subgraphs import nodes_with_inner
from retrograph.vjp import operators
from support.backend_cases import backend_cases, light_models
from support.backend_proof import Status
from tables.backend_exclusions import exclusions
from tables.backend_verdicts import recorded
from tables.vjp_cases import CASES

FILE = Path(__file__).resolve().parents[2] / "OPERATORS.md"

_TRUTH = "gives truth values"

HOW = {
    "rule": "it has a rule of its own",
    "definition": "it is made of operators that have one, and treated as those",
    "function body": "the same, by the function body that the ONNX standard gives it",
    "resolved": (
        "gone when the file is built: constants, and sequences and optionals whose positions and "
        "lengths are known then; what only run time knows is refused"
    ),
    "straight-through": "rounding, which the gradient passes unchanged; every run says so",
    "none": "nothing flows; the remark says why",
}


@dataclass(frozen=True)
class Row:
    """One operator of the standard domain.

    Attributes:
        name: of the operator.
        versions: those that are read, by the opset since which each holds.
        how: a key of HOW.
        remarks: what is to be known of it.
        suite, own: how many cases prove it; of ONNX's suite and of our own table.
    """

    name: str
    versions: list[int]
    how: str
    remarks: str
    suite: int
    own: int

    def line(self) -> str:
        link = f"https://onnx.ai/onnx/operators/onnx__{self.name}.html"
        versions = ", ".join(map(str, self.versions))
        counts = ("", "") if self.how == "none" else (f"{self.suite}", f"{self.own}")
        anchor = f'<a id="{self.name.lower()}"></a>[{self.name}]({link})'
        return _line(anchor, self.how, *counts, versions, self.remarks)


def main() -> None:
    FILE.write_text(document())
    print(f"{FILE.name}: {len(rows())} operators")


def document() -> str:
    """The file.

    Raises:
        LookupError: an operator is treated in no way, notes speak of one that there is not, or
            the verdicts are those of another onnx.
    """
    _check_notes()
    parts = (
        _introduction(),
        _proof(),
        _standard(),
        _whole(),
        _fused(),
        _legacy(),
        _other_domains(),
    )
    return "\n\n".join(parts) + "\n"


@cache
def rows() -> tuple[Row, ...]:
    """Every operator of the standard domain, by name."""
    suite, table = _in_suite(), _in_our_table()
    return tuple(
        Row(
            name=name,
            versions=_versions(name),
            how=_standard_how(schema),
            remarks=_remarks(name),
            suite=suite["", name],
            own=table["", name],
        )
        for name, schema in sorted(_newest("").items(), key=lambda entry: entry[0].lower())
    )


def _newest(domain: str) -> dict[str, OpSchema]:
    return {s.name: s for s in onnx.defs.get_all_schemas() if s.domain == domain}


def _versions(name: str) -> list[int]:
    schemas = onnx.defs.get_all_schemas_with_history()
    versions = {s.since_version for s in schemas if (s.domain, s.name) == ("", name)}
    newest = _newest("")[name]
    dropped = {newest.since_version} if newest.deprecated else set()
    return sorted(versions - dropped)


def _standard_how(schema: OpSchema) -> str:
    """A key of HOW.

    Raises:
        LookupError: there is none.
    """
    how = _how(schema)
    if how is None:
        raise LookupError(
            f"{schema.name} is treated in no way: give it a rule, or declare why it has none"
        )
    return how


def _how(schema: OpSchema) -> str | None:
    """A key of HOW; None where an operator is treated in no way."""
    key, rewritten = (schema.domain, schema.name), {("", op) for op in _always_rewritten()}
    entries = operators()
    has_rule = key in entries and entries[key] is None
    if key in {("", op) for op in _rounding()} and not has_rule:
        return "straight-through"
    if key in entries and not has_rule:
        return "none"
    if key in {("", op) for op in {*STEPS, "Constant"} - {"Identity"}}:
        return "resolved"
    if has_rule:
        return "rule"
    if key in defined_operators() or key in rewritten:
        return "definition"
    return "function body" if _has_body(schema) else None


def _rounding() -> set[str]:
    """The operators that make whole numbers of others, or read them, and give no truth values."""
    return {op for op in FOLLOWERS if operators().get(("", op)) != _TRUTH}


def _always_rewritten() -> set[str]:
    """The operators of which every version is brought to another form, or every one in use."""
    standard = _newest("")
    return {
        op
        for op, below in rewritten_operators().items()
        if below > FLOOR or (op in standard and standard[op].deprecated)
    }


def _has_body(schema: Any) -> bool:
    """Whether ONNX defines an operator as a function; onnx types half of what a schema has."""
    return bool(schema.has_function or schema.has_context_dependent_function)


def _remarks(name: str) -> str:
    why = operators().get(("", name))
    if why is not None and name not in _rounding():
        return why
    said = [notes.BECOMES.get(name), notes.RESTRICTIONS.get(name)]
    said += [f"ReLU: {form}" for form in [notes.AS_RELU.get(name)] if form]
    return "; ".join(filter(None, said))


def _in_suite() -> Counter[tuple[str, str]]:
    """Of each operator, how many matched cases of the suite contain it."""
    matched = {name for name, status in _verdicts().items() if status is Status.MATCHED}
    return Counter(
        key for case in backend_cases() if case.name in matched for key in _ops(case.model)
    )


def _in_our_table() -> Counter[tuple[str, str]]:
    return Counter(key for case in CASES for key in _ops(case.model()))


def _ops(model: ModelProto) -> set[tuple[str, str]]:
    """The operators of a model, by domain and name."""
    functions = (node for function in model.functions for node in function.node)
    return {
        ("" if node.domain in STANDARD_DOMAINS else node.domain, node.op_type)
        for node in nodes_with_inner([*model.graph.node, *functions])
    }


@cache
def _verdicts() -> Mapping[str, Status]:
    verdicts = recorded()
    if verdicts is None:
        raise LookupError(
            f"the verdicts were recorded with another onnx than {onnx.__version__}: make operators"
        )
    return verdicts


def _introduction() -> str:
    counts = Counter(row.how for row in rows())
    kinds = "\n".join(f"| {how} | {counts[how]} | {text} |" for how, text in HOW.items())
    version = f"{onnx.__version__} (opset {onnx.defs.onnx_opset_version()})"
    every, none = len(rows()), counts["none"]
    return f"""# Operators

Which operators a gradient passes on its way from the target to the input, and what proves it.
Of the {every} operators of ONNX {version}, {every - none} pass one, and {none} have none to pass.
Models of every opset are read, with the forms that the operators had then.

`retrograph check` tells the same of one model of yours. This page is written by `make operators`.

| how | operators | |
|---|---:|---|
{kinds}"""


def _proof() -> str:
    counts, table, light = _proof_rows(_verdicts()), len(CASES), len(light_models())
    lines = "\n".join(f"| {what} | {count:,} |" for what, count in counts)
    return f"""## Proof

ONNX ships a test suite of {len(_verdicts()):,} cases, each a model with inputs and outputs. The
gradient of every case with a floating-point input and output is built and held against central
differences in float64, on ONNX's reference evaluator (`tests/vjp/test_backend.py`).

| cases of the suite | |
|---|---:|
{lines}

Our own table adds {table:,} cases (`tests/tables/vjp_cases*.py`): old forms, ties, empty
windows, axes of size 1, open sizes, repeated indices. They run on ONNX Runtime too, as far as it
has kernels: in float32, float16 and bfloat16, in batches and for several units at once. The
suite's {light} large models have a test of their own (`tests/vjp/test_light.py`)."""


def _proof_rows(verdicts: Mapping[str, Status]) -> list[tuple[str, int]]:
    reasons = {n: e.reason for e in reversed(exclusions()) for n in verdicts if e.covers(n)}
    counts = Counter(status for name, status in verdicts.items() if name not in reasons)
    counted = [
        ("no floating-point input or output", counts.pop(Status.NO_FLOAT, 0)),
        ("constant almost everywhere, and declared so", counts.pop(Status.FLAT, 0)),
        ("**with a derivative, and matched**", counts.pop(Status.MATCHED, 0)),
    ]
    counted += [(f"excluded: {why}", n) for why, n in Counter(reasons.values()).most_common()]
    return counted + [(f"open: {s.value}", n) for s, n in counts.items()]


def _standard() -> str:
    letters: dict[str, str] = {}
    for row in rows():
        letters.setdefault(row.name[0], row.name)
    index = " · ".join(f"[{letter}](#{name.lower()})" for letter, name in letters.items())
    table = "\n".join(row.line() for row in rows())
    return f"""## Standard operators

{index}

- **suite** and **own** count the cases that hold the operator and whose gradient matches, of ONNX's
  suite and of our own table. Rounding has no slope that differences would show, so what is
  quantised is held against the same arithmetic in floating point (`tests/ir/test_fused_forms.py`).
- **versions** are those that are read, each by the opset since which it holds.
- **ReLU** says in which form a node is a ReLU to `guided` and `deconvnet`; every other node keeps
  its ordinary derivative.
- The other remarks are restrictions, or what takes the operator's place. What goes beyond a
  restriction is refused with the reason (exit code 3), never passed wrongly. The number of axes
  must be known of all that is passed, given by the file or inferred.

| operator | how | suite | own | versions | remarks |
|---|---|---:|---:|---|---|
{table}"""


def _whole() -> str:
    names = ", ".join(sorted(FOLLOWERS.keys() - {"QuantizeLinear", "DynamicQuantizeLinear"}))
    listed = textwrap.fill(f"{names}.", 110)
    return f"""## Whole numbers between quantisers

Between QuantizeLinear and DequantizeLinear (or a Cast and a product) these operators pass what they
pass in floating point, of what the whole numbers stand for:
{listed}
{notes.WHOLE_NUMBERS}"""


def _fused() -> str:
    fused = sorted(notes.FUSED.items())
    table = "\n".join(_line(names, domain or "ai.onnx", what) for (domain, names), what in fused)
    return f"""## Fused operators of ONNX Runtime

Its optimiser writes them into the models that it saves. Each is replaced by standard operators
with the same values, which `tests/ir/test_fused.py` and `tests/ir/test_fused_forms.py` hold
against its own kernels.

| operators | domain | become |
|---|---|---|
{table}

A model with weights packed for one processor (domain com.microsoft.nchwc) is refused: the file does
not tell how they are packed."""


def _legacy() -> str:
    table = "\n".join(_line(name, what) for name, what in notes.LEGACY.items())
    return f"""## Operators that only ONNX 1.0 had

| operator | becomes |
|---|---|
{table}"""


def _other_domains() -> str:
    suite, treated = _in_suite(), dict[tuple[str, str], list[str]]()
    for domain, otherwise in notes.OTHER_DOMAINS.items():
        for name, schema in sorted(_newest(domain).items()):
            how, count = _how(schema) or "none", suite[domain, name]
            if how == "none":
                how += f": {operators().get((domain, name), otherwise)}"
            elif count:
                how += f"; matched cases of the suite: {count}"
            treated.setdefault((domain, how), []).append(name)
    table = "\n".join(_line(", ".join(n), domain, how) for (domain, how), n in treated.items())
    return f"""## Other domains of ONNX

| operators | domain | how |
|---|---|---|
{table}"""


def _line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _check_notes() -> None:
    """Hold the notes against what there is.

    Raises:
        LookupError: they name an operator that there is not, or leave one out.
    """
    standard = _newest("")
    named = {*notes.RESTRICTIONS, *notes.AS_RELU, *notes.BECOMES}
    fused = {(domain, n) for domain, names in notes.FUSED for n in names.split(", ")}
    schemas = {(s.domain, s.name) for s in onnx.defs.get_all_schemas()}
    defined = set(defined_operators()) - schemas
    legacy = rewritten_operators().keys() - standard
    domains = {domain for domain, _ in schemas} - {""}
    unsaid = {row.name for row in rows() if row.how == "definition"} - notes.BECOMES.keys()
    wrong = (
        (named - standard.keys()) | unsaid | (fused ^ defined) | (legacy ^ notes.LEGACY.keys())
    ) | (domains ^ notes.OTHER_DOMAINS.keys())
    if wrong:
        raise LookupError(f"tools/docs/operator_notes.py does not say what there is: {wrong}")


if __name__ == "__main__":
    main()
