"""An input's page of an export: what the model says and units of layers, each shown by a click.

The views of a page lie in it, and the link to one makes it the target, which the style sheet shows:
no script is needed, back works, and a link to a view can be sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import numpy as np
from PIL import Image

from retrograph.output import safe_name
from retrograph.pipeline.activations import Activations
from retrograph.results.caption import plain_number
from retrograph.results.explanation import Explanation
from retrograph.serve.explained import scored
from retrograph.serve.inputs import PageInput
from retrograph.serve.maps import scale_of, thumbnails
from retrograph.serve.query import Query
from retrograph.serve.shown_model import ShownModel

_UNITS: Final = 8
"""The strongest units of a layer that are shown, where none are chosen."""
_LAYERS: Final = 4
"""The layers that are shown, where none are chosen."""
_SAID: Final = 4
"""Classes, boxes or regions that are shown."""
_SIDE: Final = 96
"""The short side that thumbnails are enlarged to, in pixels."""


@dataclass(frozen=True)
class Choice:
    """What is written of a page.

    Attributes:
        layers: aliases or tensors; some ReLUs, evenly spaced, if empty.
        channels: their numbers; the strongest of each input if empty.
    """

    layers: Sequence[str] = ()
    channels: Sequence[int] = ()


@dataclass(frozen=True)
class InputPage:
    """The page of an input; its pictures are written.

    Attributes:
        file: the page's, in the model's folder.
        title: what the input is called.
        words: what the model says of it.
        thumb: the file of the input, small.
        body: what the page shows, as HTML.
    """

    file: str
    title: str
    words: str
    thumb: str
    body: str


def input_page(model: ShownModel, shown: PageInput, folder: Path, choice: Choice) -> InputPage:
    """The page of an input, whose pictures are written.

    Args:
        model: it is explained by.
        shown: the input.
        folder: its pictures come into.
        choice: of layers and units.

    Raises:
        RetrographError: the input cannot be read, or explained.
    """
    views, ask = _Views(folder, shown.id), Query({}).asking_nothing()
    explanation = model.attribution(ask, shown).explanations[0]
    item = model.batch(ask, model.usual_session(ask), shown).items[0]
    drawn = explanation.context.kind.input_picture(item.array, item.shown)
    thumb = views.picture(_enlarged(Image.fromarray(np.asarray(drawn))), "input")
    words = explanation.unit_name(0)
    usual = views.add("scores", words, explanation)
    choices = [_said_section(model, shown, views, usual)]
    for layer in choice.layers or _some_layers(model):
        choices.append(_layer_section(model, shown, views, layer, choice.channels))
    body = (
        f"<main class='look'><section class='viewer' aria-label='Explanation'>{views.html()}"
        f"</section><section class='choices' aria-label='What can be shown'>{''.join(choices)}"
        "</section></main>"
    )
    return InputPage(f"{shown.id}.html", Path(shown.name).name, words, thumb, body)


@dataclass
class _Views:
    """The views of a page: a figure each, of which one is shown.

    Attributes:
        folder: their files come into.
        prefix: the names of these begin with.
        figures: as HTML, by their ids in the page; the first is shown where none is chosen.
    """

    folder: Path
    prefix: str
    figures: dict[str, str] = field(default_factory=dict)

    def add(self, name: str, words: str, explanation: Explanation) -> str:
        """Add a view; its id."""
        file = quote(self.picture(explanation.image(), name))
        id = safe_name(name).replace(" ", "-")
        is_usual = "" if self.figures else " usual"
        self.figures[id] = (
            f"<figure class='view{is_usual}' id='{quote(id)}'><figcaption>{escape(words)} "
            f"<a href='{file}' download>save</a></figcaption><img src='{file}' loading='lazy' "
            f"alt='{escape(explanation.summary())}'></figure>"
        )
        return id

    def picture(self, picture: Image.Image, what: str) -> str:
        """Write a picture; its file's name."""
        name = safe_name(f"{self.prefix}.{what}.png")
        picture.save(self.folder / name, "PNG")
        return name

    def html(self) -> str:
        """All views; the usual one is the last, which the style sheet hides behind a chosen one."""
        usual, *others = self.figures.values()
        return "".join([*others, usual])


def _said_section(model: ShownModel, shown: PageInput, views: _Views, usual: str) -> str:
    """What the model says of an input: links to the explanations of classes, boxes and regions."""
    record = scored(model, Query({}), shown)
    links = []
    for kind in ("classes", "boxes", "regions"):
        for place, each in enumerate(record[kind][:_SAID]):
            number = each["class"] if kind == "regions" else each["index"]
            named = each["name"] or f"class {number}"
            words = f"{named} · box {number}" if kind == "boxes" else named
            id = usual
            if place or kind == "regions":
                asked = each.get("question") or {"unit": number}
                id = views.add(f"{kind}.{place}", words, _explained(model, shown, asked))
            links.append(_said(id, words, each))
    return f"<h2>What the model says</h2><p class='said'>{''.join(links)}</p>"


def _said(id: str, words: str, told: dict[str, Any]) -> str:
    share = told.get("share")
    number = plain_number(told["score"], 3) if share is None else f"{share:.1%}"
    return f"<a href='#{quote(id)}'><b>{escape(words)}</b> <span>{number}</span></a>"


def _some_layers(model: ShownModel) -> list[str]:
    """ReLUs of a model, evenly spaced; where it has none, any layers."""
    every = model.hosted.layers
    names = [each["alias"] for each in every if each["relu"]] or [each["alias"] for each in every]
    numbers = np.linspace(0, len(names) - 1, min(_LAYERS, len(names))).round().astype(int)
    return [names[number] for number in numbers]


def _layer_section(
    model: ShownModel, shown: PageInput, views: _Views, layer: str, channels: Sequence[int]
) -> str:
    """A layer's units: their maps, each a link to its explanation."""
    activations = model.activations(Query({"layer": layer}).question(), shown)
    peaks, places = activations.peaks()
    chosen = [c for c in channels if c < len(peaks)] or np.argsort(-peaks, kind="stable")[
        :_UNITS
    ].tolist()
    scale = scale_of(activations.values)
    cards = []
    for channel in chosen:
        place = tuple(int(i) for i in places[channel])
        map_file = views.picture(_map_of(activations, channel, scale), f"{layer}.{channel}.map")
        unit = activations.unit(channel, place)
        explanation = _explained(model, shown, {"layer": layer, "unit": ",".join(map(str, unit))})
        id = views.add(f"{layer}.{channel}", f"{layer}: {explanation.unit_name(0)}", explanation)
        cards.append(
            f"<a class='card' href='#{quote(id)}'><img src='{quote(map_file)}' alt=''>"
            f"<b>channel {channel}</b><span>{plain_number(float(peaks[channel]))}</span></a>"
        )
    return f"<h2>{escape(layer)}</h2><div class='cards'>{''.join(cards)}</div>"


def _explained(model: ShownModel, shown: PageInput, asked: dict[str, Any]) -> Explanation:
    """What is asked of an input."""
    query = Query({name: str(value) for name, value in asked.items()})
    return model.attribution(query.question(), shown).explanations[0]


def _map_of(activations: Activations, channel: int, scale: float) -> Image.Image:
    (drawn,) = thumbnails(activations.values[[channel]], scale)
    return _enlarged(Image.fromarray(drawn))


def _enlarged(picture: Image.Image) -> Image.Image:
    """A small picture, so that its pixels are seen; a large one as a thumbnail."""
    picture = picture.convert("RGB")
    factor = max(1, _SIDE // min(picture.size))
    picture = picture.resize((picture.width * factor, picture.height * factor), 0)
    picture.thumbnail((4 * _SIDE, 2 * _SIDE))
    return picture
