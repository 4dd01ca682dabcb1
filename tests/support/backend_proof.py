"""One case of ONNX's backend suite, its gradient held against central differences in float64.

Both the case and the graph that retrograph builds from it run on onnx.reference, every
floating-point number made float64. What the case computes there must first be what ONNX expects.
"""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

import numpy as np
import onnx.inliner
from onnx import ModelProto, TensorProto, helper, numpy_helper

from corpus_float64 import SINGLE, to_float64, widened
from retrograph.errors import InputError, UnsupportedError
from retrograph.ir.graph import Graph, is_float
from retrograph.model import Model
from support.backend_cases import BackendCase, backend_cases
from support.finite import Evaluator, reference

Array = np.ndarray[Any, Any]

STEP = 1e-6
DIRECTIONS = 2
SMOOTH = 1e-3
"""By how much slopes of both sides, and of two steps, may differ at a smooth point."""
TOLERANCE = 1e-5
LARGE = 1e8
"""Inputs beyond are not numbers that a test was meant to have: some stored ones never were set."""
EXPECTED = {"float64": 1e-4, "float32": 1e-3, "float16": 2e-2, "bfloat16": 5e-2}


class Status(Enum):
    """What came of a case."""

    NO_FLOAT = "no floating-point input or output"
    FLAT = "constant almost everywhere, and declared so"
    MATCHED = "matched"
    REFERENCE = "onnx.reference cannot run it, or does not give what ONNX expects"
    NO_SLOPE = "no central difference converges"
    REFUSED = "refused"
    WRONG = "wrong"


@dataclass(frozen=True)
class Verdict:
    """What came of a case.

    Attributes:
        status, why: of the worst of its outputs.
        refused: the inputs whose gradient was refused, each with the reason.
        constants: whether whole-numbered inputs had to be made constants.
    """

    status: Status
    why: str = ""
    refused: tuple[tuple[str, str], ...] = ()
    constants: bool = False


class _NoSlope(Exception):
    """No smooth point was found."""


def prove(case: BackendCase) -> Verdict:
    """Hold every floating-point output's gradient against differences; the worst verdict counts.

    Where the gradient is refused, whole numbers (axes, sizes) and truths become constants first.
    """
    found = _prove_either(case)
    if found.status is not Status.REFUSED:
        return found
    return replace(_prove_either(_frozen(case)), constants=True)


def _prove_either(case: BackendCase) -> Verdict:
    """By onnx.reference's operators, or where they fail or round by ONNX's own function bodies."""
    found = _prove(case, onnx.inliner.inline_local_functions(case.model))
    if found.status not in (Status.REFERENCE, Status.NO_SLOPE):
        return found
    again = [_prove(case, bodies) for bodies in _spelled_out(case)]
    return next((v for v in again if v.status is Status.MATCHED), found)


def _spelled_out(case: BackendCase) -> Iterator[ModelProto]:
    """The model in simpler operators: as the suite has it, or as the operators' schemas do."""
    yield from (c.model for c in backend_cases() if c.name == f"{case.name}_expanded")
    with suppress(RuntimeError):  # the inliner cannot tell every type
        yield onnx.inliner.inline_selected_functions(
            case.model, [], exclude=True, inline_schema_functions=True
        )


def _frozen(case: BackendCase) -> BackendCase:
    model = ModelProto()
    model.CopyFrom(case.model)
    fixed = {n: v for n, v in case.feeds.items() if v.dtype.kind in "iub"}
    for info in [v for v in model.graph.input if v.name in fixed]:
        model.graph.input.remove(info)
        model.graph.initializer.append(numpy_helper.from_array(fixed[info.name], info.name))
    return replace(case, model=model, feeds={n: v for n, v in case.feeds.items() if n not in fixed})


def _prove(case: BackendCase, definition: ModelProto) -> Verdict:
    sources = [n for n, v in case.feeds.items() if v.size and _is_single(v)]
    targets = [n for n, v in case.expected.items() if v is not None and v.size and _is_single(v)]
    if not sources or not targets:
        return Verdict(Status.NO_FLOAT)
    try:
        forward = reference(to_float64(definition))
        feeds = {n: v.astype(np.float64) if _is_single(v) else v for n, v in case.feeds.items()}
        outputs = forward(feeds)
    except Exception as error:
        return Verdict(Status.REFERENCE, _line(error))
    different = [n for n in targets if not _is_expected(outputs[n], case.expected[n])]
    if different:
        return Verdict(Status.REFERENCE, f"'{different[0]}' is not what ONNX expects")
    verdicts = [_prove_target(case, forward, feeds, sources, target) for target in targets]
    order = list(Status)
    worst = max(verdicts, key=lambda v: order.index(v.status))
    refused = dict(pair for v in verdicts for pair in v.refused)
    return replace(worst, refused=tuple(refused.items()))


def _is_single(value: Array) -> bool:
    return value.dtype == np.float64 or (
        is_float(value.dtype) and helper.np_dtype_to_tensor_dtype(value.dtype) in SINGLE
    )


def _is_expected(found: Any, wanted: Array | None) -> bool:
    assert wanted is not None
    tolerance = EXPECTED[wanted.dtype.name]
    given = np.asarray(found, np.float64)
    expected = wanted.astype(np.float64)
    return given.shape == expected.shape and np.allclose(
        given, expected, rtol=tolerance, atol=tolerance, equal_nan=True
    )


def _prove_target(
    case: BackendCase,
    forward: Evaluator,
    feeds: Mapping[str, Array],
    sources: Sequence[str],
    target: str,
) -> Verdict:
    built: ModelProto | InputError
    try:
        names, refused, built = _build(case.model, sources, target)
    except UnsupportedError as error:
        return Verdict(Status.REFUSED, _reason(error))
    except InputError as error:
        names, refused, built = list(sources), {}, error
    rng = np.random.default_rng(zlib.crc32(f"{case.name} {target}".encode()))
    shape = _declared(case.model, target)
    try:
        point, ct, slopes = _smooth_point(forward, feeds, names, target, shape, rng)
    except _NoSlope as reason:
        return Verdict(Status.NO_SLOPE, str(reason), tuple(refused.items()))
    if isinstance(built, InputError):
        flat = all(slope == 0 for _, slope in slopes)
        return Verdict(Status.FLAT if flat else Status.WRONG, _line(built))
    try:
        attributions = _run(built, names, {**point, "cotangent": ct})
    except Exception as error:
        return Verdict(Status.WRONG, f"what is built does not run: {_line(error)}")
    for direction, slope in slopes:
        told = sum(float(np.sum(attributions[n] * direction[n])) for n in names)
        size = sum(float(np.sum(attributions[n] ** 2)) for n in names) ** 0.5
        if not abs(told - slope) <= TOLERANCE * max(size, abs(slope)):
            return Verdict(Status.WRONG, f"'{target}': {told:.6g} instead of {slope:.6g}")
    return Verdict(Status.MATCHED, "", tuple(refused.items()))


def _declared(model: ModelProto, target: str) -> tuple[int, ...] | None:
    """The shape that the file gives an output; None where a part of it is open."""
    kind = next(v for v in model.graph.output if v.name == target).type.tensor_type
    dims = [d.dim_value if d.HasField("dim_value") else None for d in kind.shape.dim]
    known = tuple(d for d in dims if d is not None)
    return known if kind.HasField("shape") and len(known) == len(dims) else None


def _build(
    proto: ModelProto, sources: Sequence[str], target: str
) -> tuple[list[str], dict[str, str], ModelProto]:
    """The inputs that can be explained, those that are refused with the reason, the built graph.

    Raises:
        UnsupportedError: none can be explained.
        InputError: nothing flows from the target to the inputs.
    """
    model = Model(widened(proto, TensorProto.FLOAT) if _is_short(proto) else proto)
    names = [n for n in model.request(method="gradient", layer=target).sources if n in sources]
    try:
        return names, {}, _gradient(model, names, target)
    except (UnsupportedError, InputError) as whole:
        failed: dict[str, InputError | UnsupportedError] = {}
        for name in names:
            try:
                _gradient(model, [name], target)
            except (UnsupportedError, InputError) as error:
                failed[name] = error
        refused = {n: _reason(e) for n, e in failed.items() if isinstance(e, UnsupportedError)}
        names = [name for name in names if name not in failed]
        if not names:
            raise whole from None
        return names, refused, _gradient(model, names, target)


def _is_short(model: ModelProto) -> bool:
    """Whether an input has 16 bits, and constants of the model would be folded in them."""
    short = (TensorProto.FLOAT16, TensorProto.BFLOAT16)
    return any(v.type.tensor_type.elem_type in short for v in model.graph.input)


def _gradient(model: Model, names: Sequence[str], target: str) -> ModelProto:
    request = model.request(method="gradient", layer=target, select="cotangent", wrt=names)
    return model.build(request)


def _smooth_point(
    forward: Evaluator,
    feeds: Mapping[str, Array],
    names: Sequence[str],
    target: str,
    shape: tuple[int, ...] | None,
    rng: np.random.Generator,
) -> tuple[dict[str, Array], Array, list[tuple[dict[str, Array], float]]]:
    """Inputs near those given where the slopes of both sides agree, a cotangent, and the slopes.

    The output has the shape that the file declares, if it does. If it is finite nowhere near as a
    whole, what is not finite of it gets no cotangent.
    """
    trouble = ""
    for whole, move in itertools.product((True, False), _MOVES):
        point = {n: _moved(v, *move, rng) if n in names else v for n, v in feeds.items()}
        try:
            y = np.asarray(forward(point)[target], np.float64)
            finite = np.isfinite(y)
            if not finite.any() or (whole and not finite.all()):
                trouble = "the output is not finite"
                continue
            if shape not in (None, y.shape):
                trouble = "the output's shape changes"
                continue
            ct = np.where(finite, rng.normal(size=y.shape), 0)
            slopes = [_slope(forward, point, names, target, ct, rng) for _ in range(DIRECTIONS)]
        except (_NoSlope, ValueError, IndexError, FloatingPointError) as reason:
            trouble = _line(reason)
            continue
        return point, ct, slopes
    raise _NoSlope(trouble)


_MOVES = ((1.0, 0.0), (1.0, 0.02), (0.8, 0.05), (1.0, 0.1), (0.5, 0.1), (0.0, 0.9), (0.0, 4.0))
"""Factors on an input, and the size of the noise that is added: as given first."""


def _moved(value: Array, factor: float, size: float, rng: np.random.Generator) -> Array:
    usual = np.isfinite(value) & (np.abs(value) < LARGE)
    kept = np.where(usual, value, rng.uniform(0.2, 1, value.shape))
    noise = rng.uniform(0.2, 1, value.shape)
    if factor:
        noise *= rng.choice([-1, 1], value.shape)
    return np.asarray(factor * kept + size * noise * (1 + np.abs(factor * kept)))


def _slope(
    forward: Evaluator,
    point: Mapping[str, Array],
    names: Sequence[str],
    target: str,
    ct: Array,
    rng: np.random.Generator,
) -> tuple[dict[str, Array], float]:
    """A random direction, and <ct, y> per step along it."""
    direction = {n: np.asarray(rng.normal(size=point[n].shape)) for n in names}

    def at(step: float) -> Array:
        moved = {n: np.asarray(point[n] + step * along) for n, along in direction.items()}
        y: Array = np.asarray(forward({**point, **moved})[target], np.float64)
        if y.shape != ct.shape:
            raise _NoSlope("the output's shape changes")
        return np.where(ct == 0, 0, y)

    base, up, down, far = at(0.0), at(STEP), at(-STEP), at(2 * STEP)
    slopes = np.stack([up - base, base - down, (far - base) / 2]) / STEP
    largest = max(float(np.abs(slopes).max(initial=0.0)), 1.0)
    if not np.ptp(slopes, axis=0).max(initial=0.0) <= SMOOTH * largest:
        raise _NoSlope("the slopes of the two sides differ")
    return direction, float(np.sum(ct * (up - down))) / (2 * STEP)


def _run(built: ModelProto, names: Sequence[str], feeds: Mapping[str, Array]) -> dict[str, Array]:
    """The attributions alone, in float64 on onnx.reference."""
    keys = [f"attribution.{n}" for n in names] if len(names) > 1 else ["attribution"]
    nodes, constants = Graph(built).needed(keys)
    outputs = [v for v in built.graph.output if v.name in keys]
    alone = helper.make_graph(nodes, "alone", built.graph.input, outputs, constants)
    model = helper.make_model(alone, opset_imports=built.opset_import, ir_version=built.ir_version)
    found = reference(to_float64(model))(feeds)
    return {n: np.asarray(found[key]) for n, key in zip(names, keys, strict=True)}


def _line(error: BaseException) -> str:
    lines = str(error).splitlines()
    return f"{type(error).__name__}: {lines[0] if lines else ''}"[:160]


def _reason(error: UnsupportedError) -> str:
    return "; ".join(f"{p.op}: {p.reason}" for p in error.problems)[:200] or _line(error)
