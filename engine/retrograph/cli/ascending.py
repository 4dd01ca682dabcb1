"""The ascents of `retrograph maximize`: the question, a bar of progress, what is kept."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bar

from retrograph.cli import made
from retrograph.cli.options import chosen_preprocessing
from retrograph.cli.terminal import complain, console
from retrograph.errors import InputError
from retrograph.model import SCORES, Model, save
from retrograph.output import check_free, safe_name
from retrograph.pipeline.destination import Destination
from retrograph.pipeline.labels import model_labels
from retrograph.pipeline.units import parse_unit
from retrograph.preprocess import PRESETS, BadItem, InputAxes, Preprocessing, iter_inputs
from retrograph.preprocess.recipe import describe
from retrograph.render import film, signed
from retrograph.render.colour import Picture
from retrograph.render.planes import plane
from retrograph.results.unit_names import channel_names, has_no_positions, names_classes
from retrograph.runtime import Array
from retrograph.synthesis import (
    DREAM,
    CodeSettings,
    Maximum,
    Progress,
    Settings,
    dream,
    maximize,
    maximize_code,
)

Units = tuple[tuple[int, ...], ...]

_DREAMT = 448
"""The greatest short side of a dream, where no size is given."""


@dataclass(frozen=True)
class Question:
    """What is asked of which model.

    Attributes:
        model: the source model.
        alias: the layer's short name.
        item: the shape of an item of it.
        channel_axis: its axis that counts channels.
        units: a picture each.
        labels: the class names, if known.
        axes: of the model's input.
        recipe: how a picture becomes that.
        notes: what is to be known.
    """

    model: Model
    alias: str
    item: tuple[int | None, ...]
    channel_axis: int
    units: Units
    labels: tuple[str, ...]
    axes: InputAxes
    recipe: Preprocessing
    notes: tuple[str, ...]

    @property
    def is_class(self) -> bool:
        """Whether the units of the layer are the classes of the labels."""
        return names_classes(self.labels, self.item, self.channel_axis)

    @property
    def channel_names(self) -> Sequence[str]:
        """The classes that the channels of the layer score, if they do."""
        return channel_names(self.labels, self.item, self.alias, self.channel_axis)

    @property
    def scores_classes(self) -> bool:
        """Whether the units of the layer are classes, with names or without."""
        return self.alias == SCORES and has_no_positions(self.item, self.channel_axis)

    @property
    def takes_pictures(self) -> bool:
        """Whether the model's input is a picture, or a video."""
        return self.axes.frame is not None

    @property
    def fitted_recipe(self) -> Preprocessing:
        """How a picture, or a frame, becomes the input of a model that takes such."""
        assert self.axes.frame is not None
        return self.recipe.for_shape(self.axes.frame)

    def picture(self, values: Array) -> Picture:
        """An input [*input] as a picture; of a video some frames, of other numbers a plane."""
        if not self.takes_pictures:
            return signed(plane(values), percentile=100)
        frames = self.axes.frames_of(values, self.fitted_recipe)
        return frames[0] if self.axes.takes_pictures else film(frames)


def asked(args: argparse.Namespace) -> Question:
    """What the options ask for.

    Raises:
        InputError: there is no such layer or unit.
    """
    model = Model(args.model)
    chosen = chosen_preprocessing(args)
    labels = model_labels(model, args.labels)
    request = model.request(method="gradient", layer=args.layer)
    found = model.check(request)
    chosen = chosen or model.preprocessing(request.sources[0])
    alias = model.alias(request.target)
    question = Question(
        model=model,
        alias=alias,
        item=found.item,
        channel_axis=found.channel_axis,
        units=_only_unit(args, found.item)
        or chosen_units(args.unit, found.item, labels, alias, found.channel_axis),
        labels=labels,
        axes=model.axes(request.sources[0]),
        recipe=chosen or PRESETS["0-1"],
        notes=request.notes,
    )
    if chosen is None and question.takes_pictures:
        note = "no --preprocess given and none stored: the model is taken to see pictures as 0-1"
        return replace(question, notes=(*question.notes, note))
    return question


def _only_unit(args: argparse.Namespace, item: Sequence[int | None]) -> Units:
    """The unit of a layer that has a single one, if none is named, and what grows is one."""
    alone = all(d == 1 for d in item) and not (args.unit or args.dream or args.fool)
    return ((0,) * len(item),) if alone else ()


def chosen_units(
    texts: Sequence[str],
    item: Sequence[int | None],
    labels: Sequence[str],
    alias: str,
    channel_axis: int = 0,
) -> Units:
    """The units that --unit names: each as in `explain`, ranges such as 0-9, or all.

    Raises:
        InputError: there is no such unit, or it is of another kind than the first.
    """
    found: list[tuple[int, ...]] = []
    for text in texts:
        for each in _ranged(text, item[channel_axis], alias):
            choice = parse_unit(each, item, labels, alias, channel_axis)
            if choice.index is None:
                raise InputError(
                    "--unit top is the most active unit of a picture, and there is none yet; give "
                    "numbers, class names or all"
                )
            found.append(choice.index)
    if len({len(unit) for unit in found}) > 1:
        raise InputError("--unit names channels and single units; give all of one kind")
    return tuple(dict.fromkeys(found))


def _ranged(text: str, channels: int | None, alias: str) -> list[str]:
    if text == "all":
        if channels is None:
            raise InputError(f"'{alias}' has an open number of channels; give --unit numbers")
        return [str(i) for i in range(channels)]
    match = re.fullmatch(r"(\d{1,9})-(\d{1,9})", text)
    if match is None:
        return [text]
    first, last = int(match[1]), int(match[2])
    if last < first or last - first >= _MOST_UNITS:
        raise InputError(f"--unit {text} is no range; write the lower number first, as 0-9")
    return [str(i) for i in range(first, last + 1)]


_MOST_UNITS = 10_000


def run_ascent(args: argparse.Namespace) -> int:
    """Make pictures, or a dream, and write them."""
    question = asked(args)
    if not question.units and not args.dream:
        raise InputError("nothing is said to grow; give --unit, such as 3, 0-9 or all")
    stem = Path(args.dream or args.model).stem
    kind = "dream" if args.dream else "maximize"
    name = safe_name(f"{stem}.{question.alias}.{kind}.png")
    destination = Destination(
        args.output,
        [args.model, *filter(None, [args.dream, args.generator])],
        single=name,
        arrays=args.npz or not question.axes.takes_pictures,
        force=args.force,
    )
    places = made.picture_places(args, question)
    if args.joined:
        check_free(Path(args.joined), force=args.force)
    out = console(stderr=args.json)
    made.announce(question, kind, out)
    with bar(out) as watch:
        found, joined_notes = _makers(args)(args, question, watch)
    made.tell_notes(joined_notes, out)
    if not found:
        complain("interrupted before the first step; nothing is written")
        return 130
    made.write(found, question, destination, places, args, out)
    finished = all(each.finished for each in found) and len(found) >= len(question.units)
    if not finished:
        complain(
            f"interrupted after {found[-1].steps} steps of picture {len(found)}; "
            "what was made is written"
        )
    if args.json:
        print(made.as_json(found, question, destination, places, joined_notes))
    return 0 if finished else 130


Made = tuple[list[Maximum], list[str]]
Maker = Callable[[argparse.Namespace, Question, Callable[[Progress], None]], Made]


def _makers(args: argparse.Namespace) -> Maker:
    if args.dream:
        return _dreamt
    return _coded if args.generator else _climbed


def _climbed(args: argparse.Namespace, q: Question, watch: Callable[[Progress], None]) -> Made:
    start, noise = _start(args, q)
    usual = Settings() if q.takes_pictures else Settings(decay=0.0)
    found = maximize(
        q.model,
        q.units,
        target=args.layer,
        measure=args.measure,
        place=args.place,
        start=start,
        noise=noise,
        preprocessing=q.recipe,
        size=args.size,
        bounds=args.bounds,
        settings=chosen_settings(args, usual),
        seed=args.seed,
        snapshots=args.strip,
        device=args.device,
        threads=args.threads,
        watch=watch,
    )
    return found, []


def _start(args: argparse.Namespace, q: Question) -> tuple[Array | None, float]:
    """What the ascent starts from, and the noise that is added to it."""
    usual = 0.05 if q.takes_pictures else 0.1
    if args.start in ("noise", "grey"):
        return None, usual if args.start == "noise" else 0.0
    return read_input(args.start, q.axes, q.recipe), 0.0


def read_input(path: str, axes: InputAxes, recipe: Preprocessing) -> Array:
    """The first input of a file, without the batch axis.

    Raises:
        InputError: it cannot be read as one.
    """
    fitted = recipe if axes.frame is None else recipe.for_shape(axes.frame)
    found = next(iter_inputs([path], axes, fitted))
    if isinstance(found, BadItem):
        raise found.error
    return found.array


def _dreamt(args: argparse.Namespace, q: Question, watch: Callable[[Progress], None]) -> Made:
    found = dream(
        q.model,
        _photograph(args, q),
        target=args.layer,
        units=q.units[:1],
        preprocessing=q.recipe,
        settings=chosen_settings(args, DREAM),
        seed=args.seed,
        snapshots=args.strip,
        device=args.device,
        threads=args.threads,
        watch=watch,
    )
    return ([] if found is None else [found]), []


def _photograph(args: argparse.Namespace, q: Question) -> Array:
    """The picture to dream on, of --size, or its own up to a limit."""
    if not q.axes.takes_pictures:
        raise InputError(
            f"a dream needs a model that takes pictures, and this one takes "
            f"{describe(q.axes.shape)}; leave it out"
        )
    recipe = replace(q.fitted_recipe, resize="crop", crop_fraction=1.0)
    size: Sequence[int | None] = args.size or (None, None)
    if args.size is None:
        own = read_input(args.dream, q.axes.with_size((None, None)), recipe)
        height, width = (own.shape[axis] for axis in q.axes.spatial)
        factor = min(1.0, _DREAMT / min(height, width))
        size = round(height * factor), round(width * factor)
    return read_input(args.dream, q.axes.with_size(size), recipe)


def _coded(args: argparse.Namespace, q: Question, watch: Callable[[Progress], None]) -> Made:
    usual = CodeSettings(prior=args.prior)
    settings = replace(
        usual, steps=args.steps or usual.steps, rate=args.rate or usual.rate, prior=args.prior
    )
    found, whole = maximize_code(
        q.model,
        args.generator,
        q.units,
        target=args.layer,
        measure=args.measure,
        place=args.place,
        preprocessing=q.recipe,
        output_range=args.output_range,
        settings=settings,
        seed=args.seed,
        snapshots=args.strip,
        device=args.device,
        threads=args.threads,
        watch=watch,
    )
    if args.joined:
        save(whole.model.proto, args.joined, force=args.force)
    return found, [f"the generator: {whole.note}"] if whole.note else []


def chosen_settings(args: argparse.Namespace, usual: Settings) -> Settings:
    """The settings with what the options say."""
    given: dict[str, Any] = {
        f.name: getattr(args, f.name) for f in fields(Settings) if getattr(args, f.name) is not None
    }
    return replace(usual, **given)


@contextmanager
def bar(out: Console) -> Iterator[Callable[[Progress], None]]:
    """A bar of progress with the activation, on a terminal."""
    columns = (
        TextColumn("climbing"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("activation {task.fields[activation]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    hidden = not out.is_terminal
    with Bar(*columns, console=out, transient=True, disable=hidden) as progress:
        task = progress.add_task("", total=None, activation="")

        def watch(state: Progress) -> None:
            shown = f"{state.activation:.4g}" if np.isfinite(state.activation) else "-"
            progress.update(task, total=state.total, completed=state.done, activation=shown)

        yield watch
