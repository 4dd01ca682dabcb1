"""What `import retrograph` offers to explain: a batch, many inputs, several methods.

>>> rg.explain("net.onnx", "dog.jpg").save("dog.guided.png")                # the class on top
>>> rg.explain("net.onnx", "dog.jpg", "golden retriever", labels="imagenet.txt")
>>> rg.explain("net.onnx", x, (17, 4, 5), layer="relu3").attribution        # a unit by its index
>>> for explanation in rg.explain_all("net.onnx", "photos/", out="maps/"):
...     print(explanation)
>>> rg.compare("net.onnx", ["dog.jpg", "cat.jpg"], ["gradient", rg.methods.LrpGamma(gamma=0.1)])
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from retrograph.errors import InputError
from retrograph.inputs.loader import Input, Progress, as_list
from retrograph.inputs.share import Share, share_of
from retrograph.keywords import checked_keywords
from retrograph.methods import Method, method_named
from retrograph.methods.chosen import MethodChoice
from retrograph.model import Source, opened
from retrograph.pipeline.aim import HeadLayout, Pixels, aim_of
from retrograph.pipeline.batch import attribute_batch
from retrograph.pipeline.cache import READY_SESSIONS
from retrograph.pipeline.comparing import compare_all
from retrograph.pipeline.destination import Destination
from retrograph.pipeline.labels import Labels
from retrograph.pipeline.opening import open_comparison, open_session
from retrograph.pipeline.parallel import settings_for_many
from retrograph.pipeline.settings import COMPARED, ExplainSettings, Question, Reading, Running
from retrograph.pipeline.sharing import share_batches
from retrograph.pipeline.units import Unit, whole_numbers
from retrograph.pipeline.writing import write_explanations
from retrograph.preprocess import BadInput, Preprocessing
from retrograph.results.attribution import Attribution
from retrograph.results.comparison import Comparison
from retrograph.results.explanation import Explanation


@checked_keywords
def explain(
    model: Source,
    x: Input | Sequence[Input],
    unit: Unit | ArrayLike | None = None,
    *,
    method: str | Method | None = None,
    layer: str | None = None,
    top: int = 1,
    box: int | None = None,
    at: Pixels | None = None,
    class_: str | int | None = None,
    what: str | None = None,
    over: Pixels | None = None,
    head: HeadLayout | None = None,
    wrt: str | Sequence[str] | None = None,
    labels: Labels | None = None,
    preprocessing: Preprocessing | str | None = None,
    alphabet: str | None = None,
    sample_rate: int | None = None,
    batch: int = 32,
    device: str = "auto",
    threads: int | None = None,
    outputs: bool = True,
    precision: str | None = None,
    straight_through: bool | None = None,
) -> Attribution:
    """What in N inputs drives a unit. The last four graphs stay ready for the next call.

    Args:
        model: a path to an .onnx file, a model in memory, or a graph that retrograph has built;
            one in memory that is no `Model` is copied and digested by each call.
        x: one input or several of one size: paths of pictures, folders, archives, .npy, .npz, .csv
            and FASTA, pictures of Pillow, the bytes of a picture's file, and arrays with or without
            a batch axis. Pictures, and arrays of bytes for a model of pictures, are preprocessed;
            floats are the model's input as it is. For a model of several inputs an array for each
            by its name, or an .npz.
        method: guided if None, or gradient, which a note says, where there is no ReLU.
        unit, layer, top, box, at, class_, what, over, head, wrt, labels, preprocessing, alphabet,
            sample_rate, batch, device, threads, outputs, precision,
            straight_through: in `SHARED`.

    Returns:
        The attributions [N, *input] ([N, K, *input] with top=K), which draw themselves with the
        inputs, the units by name and the class scores.

    Raises:
        InputError: what was given is wrong: the file, the layer, the method, the unit, an input.
        DeviceError: ONNX Runtime or the device is not there.
        UnsupportedError: the graph cannot be built.
    """
    aim = aim_of(box=box, at=at, class_=class_, what=what, over=over, head=head)
    question = replace(question_of(method, unit, layer, top, wrt), aim=aim)
    reading = Reading(labels, preprocessing, alphabet, sample_rate)
    running = Running(device, threads, precision, straight_through)
    # A batch of 2, that it is found out whether inputs can share a run.
    settings = ExplainSettings(question, reading, running, batch=2, outputs=outputs)
    inputs = as_list(x)
    session = replace(READY_SESSIONS.open(model, settings, inputs), batch=batch)
    return attribute_batch(session, inputs, _unit_rows(unit))


def question_of(
    method: str | Method | None,
    unit: Unit | ArrayLike | None,
    layer: str | None,
    top: int,
    wrt: str | Sequence[str] | None,
) -> Question:
    """What is asked by one method; of units for each input the first stands for all."""
    if isinstance(method, Iterable) and not isinstance(method, str):
        raise InputError(
            f"method is one method, not {method!r:.60}; compare and explain_all take several"
        )
    if method is not None and not isinstance(method, str):
        method = method_named(method)
    elif method is not None and "," in method:
        raise InputError(
            f"method is one method, not '{method:.60}'; compare and explain_all take several"
        )
    rows = _unit_rows(unit)
    return Question(
        method=method,
        unit=_one_unit(unit) if rows is None else rows[0],
        layer=layer,
        top=top,
        wrt=wrt if wrt is None or isinstance(wrt, str) else tuple(wrt),
    )


def _unit_rows(unit: Unit | ArrayLike | None) -> list[tuple[int, ...]] | None:
    """The units of each input where there is one for each; None where one is for all."""
    if unit is None or isinstance(unit, str) or np.ndim(unit) != 2:
        return None
    return [whole_numbers(row) for row in np.asarray(unit)]


def _one_unit(unit: Unit | ArrayLike | None) -> Unit | None:
    if unit is None or isinstance(unit, str):
        return unit
    if isinstance(unit, Sequence) and any(isinstance(part, str) for part in unit):
        return tuple(map(str, unit))
    return whole_numbers(unit)


@checked_keywords
def explain_all(
    model: Source,
    inputs: Input | Iterable[Input],
    *,
    method: MethodChoice | None = None,
    unit: Unit | None = None,
    layer: str | None = None,
    top: int = 1,
    box: int | None = None,
    at: Pixels | None = None,
    class_: str | int | None = None,
    what: str | None = None,
    over: Pixels | None = None,
    head: HeadLayout | None = None,
    batch: int = 16,
    wrt: str | None = None,
    labels: Labels | None = None,
    preprocessing: Preprocessing | str | None = None,
    alphabet: str | None = None,
    sample_rate: int | None = None,
    device: str = "auto",
    threads: int | None = None,
    precision: str | None = None,
    straight_through: bool | None = None,
    style: str | None = None,
    out: str | os.PathLike[str] | None = None,
    npz: bool = False,
    part: tuple[int, int] | None = None,
    force: bool = False,
    progress: Progress | None = None,
) -> Iterator[Explanation | BadInput]:
    """What in each of many inputs drives a unit: read ahead, no more than a few in memory.

    Args:
        inputs: what `explain` takes, of any sizes that the model takes.
        method: a name, several with commas, a method with parameters of its own, or several.
        model, unit, layer, top, box, at, class_, what, over, head, wrt, labels, preprocessing,
            alphabet, sample_rate, batch, device, threads, precision, straight_through: in `SHARED`.
        style: how attributions are drawn; each method's own way if None.
        out: a folder, or for a single input a picture's name, that pictures are written to.
        npz, force: whether arrays are kept, too; whether files that are there are replaced.
        part: which part of the inputs and of how many, such as (3, 8): whole batches.
        progress: is called with how many inputs are done, and of how many where that is known.

    Returns:
        An `Explanation` for each input, in their order; for what cannot be explained a `BadInput`
        that says why, as soon as it is met: before inputs whose batch is not full yet.

    Raises:
        InputError: what was given is wrong, such as the file, the unit or the folder.
        DeviceError, UnsupportedError: as in `explain`.
    """
    aim = aim_of(box=box, at=at, class_=class_, what=what, over=over, head=head)
    question = Question(method=method, unit=unit, layer=layer, top=top, aim=aim, wrt=wrt)
    reading = Reading(labels, preprocessing, alphabet, sample_rate)
    running = Running(device, threads, precision, straight_through)
    settings = ExplainSettings(question, reading, running, batch=batch, style=style)
    values = as_list(inputs)
    destination = None if out is None else _destination(out, [*values, model], npz, force)
    return _explained(model, values, settings, destination, part and share_of(part), progress)


def _destination(
    out: str | os.PathLike[str], sources: Iterable[Any], npz: bool, force: bool
) -> Destination:
    """Where the answers are written: a folder, or a picture's name of a single input."""
    files = [str(source) for source in sources if isinstance(source, (str, os.PathLike))]
    return Destination(os.fspath(out), files, single=None, arrays=npz, force=force)


def _explained(
    model: Source,
    inputs: Sequence[Input],
    settings: ExplainSettings,
    destination: Destination | None,
    share: Share | None,
    progress: Progress | None,
) -> Iterator[Explanation | BadInput]:
    """The explanations of all inputs, written where they have a destination."""
    source = opened(model)
    if destination is not None:
        settings = settings_for_many(source, settings, inputs)
    session = open_session(source, settings, inputs)
    batches = share_batches(session, inputs, share, destination, progress)
    if destination is None:
        return session.explain_all(batches)
    return write_explanations(batches, session, destination, settings.running.runs)


@checked_keywords
def compare(
    model: Source,
    inputs: Input | Iterable[Input],
    methods: MethodChoice = COMPARED,
    *,
    unit: Unit | None = None,
    layer: str | None = None,
    box: int | None = None,
    at: Pixels | None = None,
    class_: str | int | None = None,
    what: str | None = None,
    over: Pixels | None = None,
    head: HeadLayout | None = None,
    batch: int = 1,
    wrt: str | None = None,
    labels: Labels | None = None,
    preprocessing: Preprocessing | str | None = None,
    alphabet: str | None = None,
    sample_rate: int | None = None,
    device: str = "auto",
    threads: int | None = None,
    precision: str | None = None,
    straight_through: bool | None = None,
    style: str | None = None,
    progress: Progress | None = None,
) -> Comparison:
    """Methods side by side: a row for each input, a column for each method.

    Args:
        model: a path to an .onnx file, or a model in memory.
        inputs: as in `explain_all`, at most 100.
        methods: names, with commas or in a list, or methods with parameters of their own, such as
            `retrograph.methods.LrpGamma(gamma=0.1)`.
        style, progress: as in `explain_all`.
        unit, layer, box, at, class_, what, over, head, wrt, labels, preprocessing, alphabet,
            sample_rate, batch, device, threads, precision, straight_through: in `SHARED`.

    Returns:
        What each method shows of each input; it says which methods cannot be built for the model,
        and which inputs cannot be explained.

    Raises:
        InputError: what was given is wrong, or no input can be explained.
        DeviceError: ONNX Runtime or the device is not there.
        UnsupportedError: no method can be built for the model.
    """
    aim = aim_of(box=box, at=at, class_=class_, what=what, over=over, head=head)
    question = Question(method=methods, unit=unit, layer=layer, aim=aim, wrt=wrt)
    reading = Reading(labels, preprocessing, alphabet, sample_rate)
    running = Running(device, threads, precision, straight_through)
    settings = ExplainSettings(question, reading, running, batch=batch, style=style)
    source, values = opened(model), as_list(inputs)
    session = open_comparison(source, settings, values)
    return compare_all(source, session, values, progress)
