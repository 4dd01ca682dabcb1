"""Several files of one network: each against the first, all against each other, each by itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations, pairwise

from retrograph.auditing.activations import Activations
from retrograph.auditing.audit import audit
from retrograph.auditing.feeding import read_inputs, recipe_of_others
from retrograph.auditing.files_result import FileAudits
from retrograph.auditing.network import Network
from retrograph.auditing.result import Audit
from retrograph.auditing.running import outputs_of
from retrograph.auditing.runtime_audit import RuntimeAudit
from retrograph.auditing.told import Part, quiet
from retrograph.auditing.ways import OPTIMISED, Way, installed_ways
from retrograph.errors import InputError, RetrographError, parameter
from retrograph.inputs.loader import Input, Progress, as_list
from retrograph.keywords import check_counts, checked_keywords
from retrograph.model import Model, Source, opened
from retrograph.preprocess import Preprocessing


@checked_keywords
def audit_files(
    files: Sequence[Source],
    inputs: Input | Iterable[Input] = (),
    *,
    runtime: bool = False,
    method: str | None = "guided",
    preprocessing: Preprocessing | str | None = None,
    preprocessing_b: Preprocessing | str | None = None,
    tolerance: float | None = None,
    layers: str = "all",
    threads: int | None = None,
    progress: Progress | None = None,
) -> FileAudits:
    """Whether several files are one network: each against the first, all against each other.

    Args:
        files: paths to .onnx files, or models in memory; the first is the reference.
        inputs: as in `audit`.
        runtime: whether each file is held against itself, too: as ONNX Runtime optimises it, and
            on every other device that is installed, against its nodes one by one on the CPU. One
            file is enough then.
        method, preprocessing, tolerance, layers, threads: as in `audit`.
        preprocessing_b: how pictures become the input of all files but the first, where it differs.
        progress: takes how many hundredths are done, and 100.

    Raises:
        InputError: there is one file alone, one cannot be read, or inputs cannot be matched.
        UnsupportedError: a file has operators that have no canonical form, or cannot be run.
    """
    check_counts(threads=threads)
    models = _opened(files, least=1 if runtime else 2)
    given = as_list(inputs)
    recipe_b = recipe_of_others(models[0], given, preprocessing, preprocessing_b)
    recipes = [preprocessing, *[recipe_b] * (len(models) - 1)]
    pairs = [*combinations(range(len(models)), 2)]
    steps = len(pairs) + runtime * len(models)
    ends = pairwise(100 * i / steps for i in range(steps + 1))
    told = [Part(progress or quiet).part(*each) for each in ends]
    found = {
        (i, j): audit(
            models[i],
            models[j],
            given,
            method=method,
            preprocessing=recipes[i],
            preprocessing_b=None if i else preprocessing_b,
            tolerance=tolerance,
            layers=layers,
            threads=threads,
            progress=part,
        )
        for (i, j), part in zip(pairs, told, strict=False)
    }
    runs: list[Audit | str] = []
    for model, recipe, part in zip(models, recipes, told[len(pairs) :], strict=False):
        runs += _runtime_audits(model, given, recipe, tolerance, threads)
        part(1, 1)
    audits = tuple(each for each in runs if isinstance(each, Audit))
    notes = tuple(each for each in runs if isinstance(each, str))
    return FileAudits(_names(models), found, audits, notes)


def _opened(files: Sequence[Source], least: int) -> list[Model]:
    """The models; raises InputError where there are fewer than so many, or one cannot be read."""
    models = [opened(each) for each in files]
    if len(models) < least:
        raise InputError(
            f"there is nothing to hold {models[0].name if models else 'a file'} against; give two "
            f"files, or {parameter('runtime', True)} for one as the runtime runs it"
        )
    return models


def _names(models: Sequence[Model]) -> tuple[str, ...]:
    """What the files are called: their paths where they have one name."""
    names = [model.name for model in models]
    if len({*names}) == len(names):
        return tuple(names)
    return tuple(model.file or model.name for model in models)


def _runtime_audits(
    model: Model,
    inputs: Sequence[Input],
    preprocessing: Preprocessing | str | None,
    tolerance: float | None,
    threads: int | None,
) -> Iterator[Audit | str]:
    """The file in every way that is installed; a note for a device that is there and cannot run it.

    Raises:
        UnsupportedError: it cannot be run.
        InputError: it cannot be run with the optimisations.
    """
    read = read_inputs(model, model, inputs, preprocessing, None)
    plain = Activations(Network(model), read.a, threads=threads)
    outputs_of(plain)  # raises: it cannot be run
    for way in installed_ways():
        yield _audit_in(way, RuntimeAudit(plain, read, tolerance))


def _audit_in(way: Way, audits: RuntimeAudit) -> Audit | str:
    try:
        return audits.audit(way)
    except RetrographError as error:
        if way == OPTIMISED:
            raise
        first = error.message.splitlines()[0]
        return f"{audits.network.model.name} cannot be run {way.name}: {first}"
