"""What a page shows, as files: pages without scripts, which open from disk or any web server."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import numpy as np
from PIL import Image

from retrograph.errors import InputError, RetrographError, parameter, spelled
from retrograph.output import check_new_folder, make_folder, safe_name
from retrograph.pipeline.activations import Activations
from retrograph.preprocess.recipe import known
from retrograph.serve.inputs import PageInput
from retrograph.serve.maps import scale_of, thumbnails
from retrograph.serve.query import Query
from retrograph.serve.shown_model import ShownModel

if TYPE_CHECKING:
    from retrograph.serve.page import Page

_UNITS: Final = 8
"""The strongest units of a layer that are shown, where none are chosen."""
_LAYERS: Final = 4
"""The layers that are shown, where none are chosen."""
_SIDE: Final = 96
"""The short side that thumbnails are enlarged to, in pixels."""
_STYLE: Final = Path(__file__).parent / "export.css"


@dataclass(frozen=True)
class Choice:
    """What is written of a page.

    Attributes:
        layers: aliases or tensors; some ReLUs, evenly spaced, if empty.
        channels: their numbers; the strongest of each input if empty.
    """

    layers: Sequence[str] = ()
    channels: Sequence[int] = ()


def export(page: Page, folder: Path, choice: Choice) -> Path:
    """Write each input under each model: its explanation, and units of some layers.

    Args:
        page: whose models and inputs are written.
        folder: is made; it must be new or empty.
        choice: of layers and units.

    Returns:
        The first page, index.html.

    Raises:
        InputError: there is no input, the folder holds something, or nothing can be written.
    """
    if not len(page.inputs):
        raise InputError("there is no input to be written; name pictures or folders")
    _check(page, choice)
    check_new_folder(folder)
    if folder.is_dir() and any(folder.iterdir()):
        raise InputError(f"{folder} is not empty; choose a new folder")
    make_folder(folder.absolute().parent)
    with tempfile.TemporaryDirectory(dir=folder.absolute().parent, prefix=".part") as part:
        staged = Path(part)
        sections = [_model_section(page, model, staged, choice) for model in page.models.values()]
        shutil.copy(_STYLE, staged / "style.css")
        _write(staged / "index.html", "retrograph", "".join(sections), "style.css")
        make_folder(folder)
        for file in staged.iterdir():
            shutil.move(file, folder / file.name)
    return folder / "index.html"


def _check(page: Page, choice: Choice) -> None:
    """Raises InputError where a chosen layer, or a channel of it, is not there in a model."""
    for model in page.models.values():
        for layer in choice.layers:
            count = model.model.item(model.model.target(layer))
            channels = count[model.forward(layer).channel_axis] if count else None
            wrong = next((c for c in choice.channels if c >= (known(channels) or c + 1)), None)
            if wrong is not None:
                raise InputError(
                    f"{parameter('channels', wrong)} is out of range: '{layer}' of {model.name} "
                    f"has {channels} channels; count from 0"
                )


def _model_section(page: Page, model: ShownModel, staged: Path, choice: Choice) -> str:
    """A model's part of the first page; its inputs are written."""
    folder = staged / safe_name(model.name)
    folder.mkdir()
    cards = []
    for shown in page.inputs:
        name = f"{shown.id}.html"
        try:
            words, thumb = _input_page(model, shown, folder, name, choice)
        except RetrographError as error:
            words, thumb, name = spelled(error.message), None, ""
        cards.append(_card(folder.name, name, thumb, Path(shown.name).name, words))
    return f"<h2>{escape(model.name)}</h2><div class='cards'>{''.join(cards)}</div>"


def _card(folder: str, name: str, thumb: str | None, title: str, words: str) -> str:
    picture = "" if thumb is None else f"<img src='{quote(f'{folder}/{thumb}')}' alt=''>"
    inner = f"{picture}<b>{escape(title)}</b><span>{escape(words)}</span>"
    if not name:
        return f"<div class='card'>{inner}</div>"
    return f"<a class='card' href='{quote(f'{folder}/{name}')}'>{inner}</a>"


def _input_page(
    model: ShownModel, shown: PageInput, folder: Path, name: str, choice: Choice
) -> tuple[str, str]:
    """Write the page of an input; what the model says of it, and its thumbnail's file."""
    files, ask = _Files(folder, shown.id), Query({}).asking_nothing()
    attribution = model.attribution(ask, shown)
    explanation = attribution.explanations[0]
    words = explanation.unit_name(0)
    item = model.batch(ask, model.usual_session(ask), shown).items[0]
    drawn = explanation.context.kind.input_picture(item.array, item.shown)
    thumb = files.picture(_enlarged(Image.fromarray(np.asarray(drawn))), "input")
    body = [
        "<p><a href='../index.html'>all inputs</a></p>",
        f"<h2>{escape(words)}</h2><img src='{quote(files.picture(explanation.image(), 'scores'))}' "
        f"alt='{escape(explanation.summary())}'>",
    ]
    for layer in choice.layers or _some_layers(model):
        body.append(_layer_section(model, shown, files, layer, choice.channels))
    title = f"{Path(shown.name).name} · {model.name}"
    _write(folder / name, title, "".join(body), "../style.css")
    return words, thumb


def _some_layers(model: ShownModel) -> list[str]:
    """ReLUs of a model, evenly spaced; where it has none, any layers."""
    every = model.hosted.layers
    names = [each["alias"] for each in every if each["relu"]] or [each["alias"] for each in every]
    numbers = np.linspace(0, len(names) - 1, min(_LAYERS, len(names))).round().astype(int)
    return [names[number] for number in numbers]


def _layer_section(
    model: ShownModel, shown: PageInput, files: _Files, layer: str, channels: Sequence[int]
) -> str:
    """A layer's units: their maps, each with its explanation."""
    ask = Query({"layer": layer}).question()
    activations = model.activations(ask, shown)
    peaks, places = activations.peaks()
    chosen = [c for c in channels if c < len(peaks)] or np.argsort(-peaks, kind="stable")[
        :_UNITS
    ].tolist()
    scale = scale_of(activations.values)
    cards = []
    for channel in chosen:
        place = tuple(int(i) for i in places[channel])
        map_file = files.picture(_map_of(activations, channel, scale), f"{layer}.{channel}.map")
        figure = _unit_figure(model, shown, layer, activations.unit(channel, place))
        name = files.picture(figure, f"{layer}.{channel}")
        cards.append(
            f"<a class='card' href='{quote(name)}'><img src='{quote(map_file)}' alt=''>"
            f"<b>channel {channel}</b><span>{float(peaks[channel]):.4g}</span></a>"
        )
    return f"<h3>{escape(layer)}</h3><div class='cards'>{''.join(cards)}</div>"


def _map_of(activations: Activations, channel: int, scale: float) -> Image.Image:
    (drawn,) = thumbnails(activations.values[[channel]], scale)
    return _enlarged(Image.fromarray(drawn))


def _unit_figure(
    model: ShownModel, shown: PageInput, layer: str, unit: Iterable[int]
) -> Image.Image:
    asked: dict[str, Any] = {"layer": layer, "unit": ",".join(map(str, unit))}
    return model.attribution(Query(asked).question(), shown).image()


def _enlarged(picture: Image.Image) -> Image.Image:
    """A small picture, so that its pixels are seen; a large one as a thumbnail."""
    picture = picture.convert("RGB")
    factor = max(1, _SIDE // min(picture.size))
    picture = picture.resize((picture.width * factor, picture.height * factor), 0)
    picture.thumbnail((4 * _SIDE, 2 * _SIDE))
    return picture


@dataclass(frozen=True)
class _Files:
    """The pictures of an input's page.

    Attributes:
        folder: they come into.
        prefix: their names begin with.
    """

    folder: Path
    prefix: str

    def picture(self, picture: Image.Image, what: str) -> str:
        """Write a picture; its file's name."""
        name = safe_name(f"{self.prefix}.{what}.png")
        picture.save(self.folder / name, "PNG")
        return name


def _write(file: Path, title: str, body: str, style: str) -> None:
    text = (
        "<!doctype html>\n<html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width'>"
        f"<title>{escape(title)}</title><link rel='stylesheet' href='{style}'></head>"
        f"<body><h1>{escape(title)}</h1>{body}</body></html>\n"
    )
    file.write_text(text, encoding="utf-8")
