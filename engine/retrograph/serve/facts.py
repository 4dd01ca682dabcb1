"""What the page is told without a run: models, networks, inputs, commands."""

from __future__ import annotations

import io
import shlex
import wave
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from retrograph import render
from retrograph._version import __version__
from retrograph.errors import InputError, parameter
from retrograph.serve.query import Answer, Query, json_answer
from retrograph.serving.spelling import keyword_of

if TYPE_CHECKING:
    from retrograph.runtime import Array
    from retrograph.serve.inputs import PageInput
    from retrograph.serve.page import Page
    from retrograph.serve.shown_model import ShownModel
    from retrograph.serving.questions import Ask

_LARGEST = 4096
"""The longest side of a picture that is sent."""


def models(page: Page, query: Query) -> Answer:
    """The models by their names."""
    each = [{"name": name, "file": shown.model.name} for name, shown in page.models.items()]
    return json_answer({"version": __version__, "models": each})


def model(page: Page, query: Query) -> Answer:
    """What is to be known of a model before anything is asked."""
    shown = page.model(query)
    scan = {"scan": page.scan_record(shown), "scanning": page.is_scanning}
    return json_answer({**shown.record, **scan})


def graph(page: Page, query: Query) -> Answer:
    """A model as it is drawn."""
    return json_answer(page.model(query).outline.to_dict())


def inputs(page: Page, query: Query) -> Answer:
    """The inputs of the page."""
    return json_answer({"inputs": page.inputs.records(page.kind_name), "cut": page.inputs.is_cut})


def input_picture(page: Page, query: Query) -> Answer:
    """An input as the model sees it, drawn as its kind is; with `raw` the picture in its file."""
    shown, side = page.input(query), query.count("size", _LARGEST, _LARGEST)
    if query.text("raw") == "1":
        picture = shown.picture()
        if picture is not None:
            picture.thumbnail((side or 1, side or 1))
            return png(picture)
    model, ask = page.model(query), query.question()
    session = model.usual_session(ask)
    batch, kind = model.batch(ask, session, shown), session.context.kind
    item = batch.items[0]
    drawn = Image.fromarray(np.asarray(kind.input_picture(item.array, item.shown)))
    if max(drawn.size) > side:
        drawn.thumbnail((side or 1, side or 1))
    return png(drawn)


def commands(page: Page, query: Query) -> Answer:
    """What is shown as a command line and as Python; what is compared side by side as such.

    `compare` is as in the page's address: methods:a,b, or unit:X or input:ID, of which each is
    explained by a call of its own.
    """
    way, _, value = (query.text("compare") or "").partition(":")
    asked = [query]
    if way in ("unit", "input") and value:
        asked.append(Query({**query.values, way: value}))
    methods = value if way == "methods" else ""
    calls = [_call(page, each, methods) for each in asked]
    notes = [note for note in dict.fromkeys(_note_on_file(page, each) for each in asked) if note]
    lines = ["import retrograph as rg"]
    for name, (_, call, style) in zip("ab", calls, strict=False):
        lines += [f"{name} = rg.{call}", f"{name}.image({style})"]
    words = [command for command, _, _ in calls]
    return json_answer(
        {"command": "\n".join([*notes, *words]), "python": "\n".join([*notes, *lines])}
    )


def _call(page: Page, query: Query, methods: str) -> tuple[str, str, str]:
    """A command, the same as a call of Python, and the style of its picture.

    Args:
        page: of the input.
        query: the question.
        methods: those beside the asked one, with commas; only that one is shown if "".
    """
    shown, ask = page.input(query), query.question()
    file = page.model(query).model.file or page.model(query).name
    values = {
        name: value
        for name in ("layer", "unit", "method", "wrt", "top", "box", "at", "class", "what", "over")
        if (value := query.text(name)) is not None
    }
    if methods:
        first = values.pop("method", None) or page.model(query).usual_method(ask)
        values["method"] = ",".join(dict.fromkeys([first, *methods.split(",")]))
    options = [f"--{name}={shlex.quote(value)}" for name, value in values.items()]
    keywords = [
        f"{'methods' if methods and name == 'method' else keyword_of(name)}={_literal(name, value)}"
        for name, value in values.items()
    ]
    given = {**page.given, "preprocessing": _preprocessing(page, query)}
    options += [
        f"--{'preprocess' if name == 'preprocessing' else name.replace('_', '-')}"
        f"={shlex.quote(str(value))}"
        for name, value in given.items()
        if value is not None
    ]
    keywords += [f"{name}={value!r}" for name, value in given.items() if value is not None]
    if ask.style is not None:
        options.append(f"--style={shlex.quote(ask.style)}")
    where = shown.name if shown.is_added else str(shown.path)
    verb = "compare" if methods else "explain"
    words = [f"retrograph {verb}", shlex.quote(file), shlex.quote(where), *options]
    call = f"{verb}({', '.join([repr(file), repr(where), *keywords])})"
    return " ".join(words), call, "" if ask.style is None else repr(ask.style)


def _preprocessing(page: Page, query: Query) -> Any:
    """The preprocessing that was asked for or found on pictures, which may be others elsewhere."""
    ask = query.question()
    asked = ask.preprocessing or page.given["preprocessing"]
    if asked is not None:
        return asked
    choice = page.model(query).usual_session(ask).context.preprocessing
    return choice.name if choice is not None and choice.source == "probed" else None


def _note_on_file(page: Page, query: Query) -> str:
    """A comment where the file was sent, or holds more inputs than the one that is shown."""
    shown = page.input(query)
    if shown.is_added:
        return f"# {' '.join(shown.name.split())} was sent to the page: fill in its path"
    if sum(each.path == shown.path for each in page.inputs) < 2:
        return ""
    name = " ".join(shown.name.split())
    return f"# shows all inputs of {shown.path.name}; the page shows {name}"


def sound_of(model: ShownModel, ask: Ask, shown: PageInput) -> tuple[Array, int] | None:
    """The samples [T, C] that a model hears of an input, and how many a second.

    None where the input is no waveform, or its rate is not known.

    Raises:
        RetrographError: it cannot be read.
    """
    session = model.usual_session(ask)
    item, kind = model.batch(ask, session, shown).items[0], session.context.kind
    rate = item.sample_rate or kind.sample_rate
    if kind.axes.samples is None or rate is None:
        return None
    along = np.moveaxis(item.array, kind.axes.samples, 0)
    return along.reshape(len(along), -1), rate


def audio(page: Page, query: Query) -> Answer:
    """The samples that the model hears, as a WAV of 16 bits.

    Raises:
        InputError: the input is no waveform, or its rate is not known.
    """
    shown = page.input(query)
    sound = sound_of(page.model(query), query.question(), shown)
    if sound is None:
        raise InputError(
            f"{shown.name} is no sound that can be played; give {parameter('sample_rate', 'HZ')} "
            "where it is one"
        )
    samples, rate = sound
    pulses = (np.clip(samples, -1, 1) * (2**15 - 1)).astype("<i2")
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(pulses.shape[1])
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(pulses.tobytes())
    return Answer(buffer.getvalue(), "audio/wav")


def _literal(name: str, value: str) -> Any:
    """A parameter's value as Python writes it: numbers as they are, a unit's as a tuple."""
    parts = value.split(",")
    if name in ("unit", "at", "over", "top", "box") and all(p.isdecimal() for p in parts):
        return f"({', '.join(parts)})" if len(parts) > 1 else value
    return repr(value)


def png(picture: Image.Image | render.Page) -> Answer:
    """A picture as it is sent."""
    return Answer(render.png_bytes(picture), "image/png")
