"""The audited inputs as what each of the two files takes."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from retrograph.auditing.activations import Feeds
from retrograph.auditing.layouts import in_layout, may_fit
from retrograph.auditing.preprocessings import preparation_notes, with_geometry_of
from retrograph.errors import InputError, parameter
from retrograph.inputs import (
    PreprocessingChoice,
    choose_kind,
    choose_preprocessing,
    fitted_preprocessing,
)
from retrograph.inputs.kinds import InputKind
from retrograph.inputs.loader import Input, Signature, is_floats, load_batches, load_items
from retrograph.inputs.pixels import first_pixels
from retrograph.model import Model
from retrograph.preprocess import BadInput, InputAxes, Item, Preprocessing, of_bytes
from retrograph.runtime import Array, Spec

_AT_ONCE = 8
_ARRAYS = frozenset({".npy", ".npz"})
_OF_NOISE = 4
_NOISE = (
    f"no input is given: {_OF_NOISE} inputs of noise are run, on which trained networks do little; "
    "give pictures to be sure"
)
_UNUSED = (
    f"the inputs are arrays of floats, which are taken as they are: {parameter('preprocessing')} "
    "is for pictures"
)


@dataclass(frozen=True)
class AuditInputs:
    """What both files are run on.

    Attributes:
        names: of the inputs, one for each row.
        a, b: the runs of each, of as many rows.
        items: the inputs as A takes them; empty for a model of several inputs.
        kind: what A's input is.
        notes: what is to be known of them.
    """

    names: tuple[str, ...]
    a: Feeds
    b: Feeds
    items: tuple[Item, ...]
    kind: InputKind
    notes: tuple[str, ...]

    @property
    def count(self) -> int:
        """How many inputs there are; more rows repeat the last one."""
        return len(self.items) or len(self.names)


def read_inputs(
    a: Model,
    b: Model,
    inputs: Sequence[Input],
    preprocessing: Preprocessing | str | None,
    preprocessing_b: Preprocessing | str | None,
) -> AuditInputs:
    """The inputs as both files take them.

    Args:
        a, b: the models.
        inputs: files, folders, pictures and arrays, arrays as A takes them; noise if empty.
        preprocessing, preprocessing_b: how pictures become the input of A, and of B where it
            differs.

    Raises:
        InputError: one cannot be read, or the inputs of the files cannot be matched.
    """
    choice = _choice(a, preprocessing, inputs)
    kind, notes = choose_kind(a, _first(a), choice)
    specs = _specs(a), _specs(b)
    names = _matched(*specs)
    if len(specs[0]) > 1:
        return _named(a, inputs, kind, names, notes)
    if not inputs:
        inputs, notes = _noise(specs[0][0], kind), (_NOISE,)
    floats = _are_floats(inputs, kind.axes)
    if floats and not may_fit(kind.axes.item, b.axes(_first(b)).item):
        raise InputError(
            f"A and B take different inputs: A takes {specs[0][0].name}: {specs[0][0]}, B takes "
            f"{specs[1][0].name}: {specs[1][0]}; give two files of the same inputs, or pictures, "
            "which are fitted to both"
        )
    items = _good(load_items(inputs, kind))
    if not items:
        raise InputError("nothing is given to be audited on; name a picture, a folder or an array")
    arrays_b, choice_b = _of_b(a, b, items, inputs, choice, preprocessing_b, floats=floats)
    if floats and (preprocessing or preprocessing_b):
        notes = (*notes, _UNUSED)
    if choice is not None and not floats and _NOISE not in notes:
        notes = (*notes, *preparation_notes(choice, choice_b))
    lead = kind.axes.fixed_batch, b.axes(_first(b)).fixed_batch
    count, rows = _rows(lead, len(items))
    filled = [*range(len(items)), *[len(items) - 1] * (rows - len(items))]
    return AuditInputs(
        names=tuple(items[i].name for i in filled),
        a=_runs(a, [items[i].array for i in filled], lead[0] or count),
        b=_runs(b, [arrays_b[i] for i in filled], lead[1] or count),
        items=tuple(items),
        kind=kind,
        notes=notes,
    )


def recipe_of_others(
    a: Model,
    inputs: Sequence[Input],
    preprocessing: Preprocessing | str | None,
    preprocessing_b: Preprocessing | str | None,
) -> Preprocessing | str | None:
    """How pictures become the input of every file but A: of a preset on the pixels that A sees."""
    if preprocessing_b is None or isinstance(preprocessing_b, Preprocessing) or not inputs:
        return preprocessing_b or preprocessing
    choice_a, choice_b = _choice(a, preprocessing, inputs), _choice(a, preprocessing_b, inputs)
    if choice_a is None or choice_b is None:
        return preprocessing_b
    return with_geometry_of(choice_a, choice_b).recipe


def _choice(
    model: Model, preprocessing: Preprocessing | str | None, inputs: Sequence[Input]
) -> PreprocessingChoice | None:
    """How pictures become a model's input; what is given is not doubted, for both files get it."""
    tried = inputs if preprocessing is None else ()
    return choose_preprocessing(model, _first(model), preprocessing, tried, device="cpu")


def _rows(lead: tuple[int | None, int | None], count: int) -> tuple[int, int]:
    """How many items a run takes where that is open, and how many rows there are in all."""
    fixed = [size for size in lead if size]
    step = math.lcm(*fixed) if fixed else 1
    rows = -(-count // step) * step
    at_once = fixed[0] if fixed else next(n for n in range(_AT_ONCE, 0, -1) if rows % n == 0)
    return at_once, rows


def _runs(model: Model, arrays: Sequence[Array], size: int) -> Feeds:
    name = _first(model)
    axes = model.axes(name)
    try:
        return [{name: axes.feed(arrays[i : i + size])} for i in range(0, len(arrays), size)]
    except ValueError:
        raise InputError(
            f"{model.name} takes inputs of any size, and those given differ in size; give inputs "
            "of one size"
        ) from None


def _of_b(
    a: Model,
    b: Model,
    items: Sequence[Item],
    inputs: Sequence[Input],
    choice_a: PreprocessingChoice | None,
    said: Preprocessing | str | None,
    *,
    floats: bool,
) -> tuple[list[Array], PreprocessingChoice | None]:
    """The items as B takes them: read for it where it says how, else A's in its layout.

    Returns:
        The items, and how pictures became them; None where they are A's.
    """
    name = _first(b)
    wanted = b.axes(name).item
    preprocessing = said or _of_bytes(b, name)
    same_type = a.taken(_first(a)).kind == b.taken(name).kind
    says = fitted_preprocessing(b, name, preprocessing) is not None
    moved = [in_layout(item.array, wanted) for item in items]
    if (floats or not says) and same_type and all(array is not None for array in moved):
        return [array for array in moved if array is not None], None
    if floats:
        raise InputError(
            f"an item of {a.name} is {[*items[0].array.shape]} and one of {b.name} "
            f"{_dims(wanted)}, which no order of axes brings together; give pictures, which are "
            "fitted to both"
        )
    choice = _choice(b, preprocessing, inputs)
    if choice is not None and choice_a is not None and not isinstance(said, Preprocessing):
        choice = with_geometry_of(choice_a, choice)
    kind, _ = choose_kind(b, name, choice)
    return [item.array for item in _good(load_items(inputs, kind))], choice


def _of_bytes(model: Model, name: str) -> Preprocessing | None:
    """Pictures as they are, for an input of bytes that what the file says cannot be meant for."""
    recipe = of_bytes(model.taken(name))
    try:
        choose_preprocessing(model, name, None, (), device="cpu")
    except InputError:
        return recipe
    return None


def _named(
    a: Model,
    inputs: Sequence[Input],
    kind: InputKind,
    names: Mapping[str, str],
    notes: tuple[str, ...],
) -> AuditInputs:
    """For models of several inputs: what each .npz or mapping holds is a run."""
    specs = _specs(a)
    explained = next(spec for spec in specs if spec.name == _first(a))
    given = inputs or [_noise_by_name(specs)]
    notes = notes if inputs else (_NOISE,)
    rows: list[str] = []
    feeds: list[Mapping[str, Array]] = []
    for batch in load_batches(given, Signature(specs, explained, kind)):
        for bad in batch.bad:
            raise bad.error
        rows += [item.name for item in batch.items]
        feeds.append(batch.feeds)
    theirs = [{names[name]: value for name, value in run.items()} for run in feeds]
    return AuditInputs(tuple(rows), feeds, theirs, (), kind, notes)


def _good(items: Iterator[Item | BadInput]) -> list[Item]:
    found = []
    for item in items:
        if isinstance(item, BadInput):
            raise item.error
        found.append(item)
    return found


def _are_floats(inputs: Sequence[Input], axes: InputAxes) -> bool:
    """Whether all inputs are arrays as A takes them, in memory or in files."""
    if all(map(is_floats, inputs)):
        return True
    files = [each for each in inputs if not is_floats(each)]
    may_be = all(isinstance(f, (str, os.PathLike)) and Path(f).suffix in _ARRAYS for f in files)
    return may_be and axes.frame is not None and not first_pixels(files, axes, 1)


def _first(model: Model) -> str:
    """The first floating-point input."""
    if not model.inputs:
        model.target(None)  # raises: no input of floating point
    return model.inputs[0].name


def _specs(model: Model) -> tuple[Spec, ...]:
    """What the file takes."""
    found = []
    for info in model.graph.inputs:
        tensor = model.tensor(info.name)
        found.append(Spec(info.name, model.taken(info.name), tensor.shape or ()))
    return tuple(found)


def _matched(a: Sequence[Spec], b: Sequence[Spec]) -> dict[str, str]:
    """By the name of each input of A that of B's.

    Raises:
        InputError: there are not as many.
    """
    if len(a) != len(b):
        ours, theirs = ("; ".join(f"{s.name}: {s}" for s in specs) for specs in (a, b))
        raise InputError(
            f"the inputs cannot be matched: A takes {ours}, B takes {theirs}; give two files of "
            "the same inputs"
        )
    known = {spec.name for spec in b}
    left = iter([spec.name for spec in b if spec.name not in {s.name for s in a}])
    return {spec.name: spec.name if spec.name in known else next(left) for spec in a}


def _noise(spec: Spec, kind: InputKind) -> list[Input]:
    """Pictures of noise where the input takes pictures, else arrays of it."""
    rng = np.random.default_rng(0)
    shape = tuple(kind.axes.item)
    if any(not isinstance(size, int) for size in shape):
        raise InputError(
            f"no input is given, and '{spec.name}' ({spec}) is of any size; give a picture or an "
            "array"
        )
    sizes = [int(size) for size in shape if size is not None]
    if kind.axes.takes_pictures:
        height, width = (sizes[axis] for axis in kind.axes.spatial)
        pixels = rng.integers(0, 256, (_OF_NOISE, height, width, 3), np.uint8)
        return [Image.fromarray(each) for each in pixels]
    return [rng.normal(size=sizes).astype(np.float32) for _ in range(_OF_NOISE)]


def _noise_by_name(specs: Sequence[Spec]) -> dict[str, Array]:
    rng = np.random.default_rng(0)
    found = {}
    for spec in specs:
        shape = [size if isinstance(size, int) else 1 for size in spec.shape]
        is_float = spec.dtype is None or spec.dtype.kind == "f"
        found[spec.name] = (
            rng.normal(size=shape).astype(spec.dtype or np.float32)
            if is_float
            else np.zeros(shape, spec.dtype)
        )
    return found


def _dims(shape: Sequence[int | str | None]) -> str:
    return "[" + ", ".join(str(size) if isinstance(size, int) else "?" for size in shape) + "]"
