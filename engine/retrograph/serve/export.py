"""What a page shows, as files: pages without scripts, which open from disk or any web server.

Each input has a page: a choice of units beside the one that is shown, which a click changes.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from html import escape
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from retrograph.errors import InputError, RetrographError, parameter, spelled
from retrograph.output import check_new_folder, make_folder, safe_name
from retrograph.preprocess.recipe import known
from retrograph.scans import Progress
from retrograph.serve.export_input import Choice, InputPage, input_page
from retrograph.serve.shown_model import ShownModel

if TYPE_CHECKING:
    from retrograph.serve.page import Page

_STYLE: Final = Path(__file__).parent / "export.css"


def export(page: Page, folder: Path, choice: Choice, progress: Progress | None = None) -> Path:
    """Write each input under each model: its explanation, and units of some layers.

    Args:
        page: whose models and inputs are written.
        folder: is made; it must be new or empty.
        choice: of layers and units.
        progress: is called with how many explained inputs are written, and of how many.

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
    total, done = len(page.models) * len(page.inputs), count(1)

    def told() -> None:
        if progress is not None:
            progress(next(done), total)

    with tempfile.TemporaryDirectory(dir=folder.absolute().parent, prefix=".part") as part:
        staged = Path(part)
        sections = [
            _model_section(page, model, staged, choice, told) for model in page.models.values()
        ]
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
            shape = model.model.item(model.model.target(layer))
            channels = shape[model.forward(layer).channel_axis] if shape else None
            wrong = next((c for c in choice.channels if c >= (known(channels) or c + 1)), None)
            if wrong is not None:
                raise InputError(
                    f"{parameter('channels', wrong)} is out of range: '{layer}' of {model.name} "
                    f"has {channels} channels; count from 0"
                )


def _model_section(
    page: Page, model: ShownModel, staged: Path, choice: Choice, told: Callable[[], None]
) -> str:
    """A model's part of the first page; its inputs are written, and each is told."""
    folder = staged / safe_name(model.name)
    folder.mkdir()
    cards, written = [], list[InputPage]()
    for shown in page.inputs:
        try:
            written.append(input_page(model, shown, folder, choice))
        except RetrographError as error:
            cards.append(_card(folder.name, None, Path(shown.name).name, spelled(error.message)))
        else:
            cards.append(_card(folder.name, written[-1], written[-1].title, written[-1].words))
        told()
    for place, each in enumerate(written):
        around = [
            f"<a href='{quote(written[other].file)}'>{words}</a>"
            for other, words in ((place - 1, "previous"), (place + 1, "next"))
            if 0 <= other < len(written)
        ]
        links = " &middot; ".join(["<a href='../index.html'>all inputs</a>", *around])
        title = f"{each.title} · {model.name}"
        _write(folder / each.file, title, f"<nav>{links}</nav>{each.body}", "../style.css")
    return f"<h2>{escape(model.name)}</h2><div class='cards'>{''.join(cards)}</div>"


def _card(folder: str, written: InputPage | None, title: str, words: str) -> str:
    """A link to an input's page; of one that could not be explained why, without a link."""
    inner = f"<b>{escape(title)}</b><span>{escape(words)}</span>"
    if written is None:
        return f"<div class='card'>{inner}</div>"
    picture = f"<img src='{quote(f'{folder}/{written.thumb}')}' alt=''>"
    return f"<a class='card' href='{quote(f'{folder}/{written.file}')}'>{picture}{inner}</a>"


def _write(file: Path, title: str, body: str, style: str) -> None:
    text = (
        "<!doctype html>\n<html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width'>"
        f"<title>{escape(title)}</title><link rel='stylesheet' href='{style}'></head>"
        f"<body><h1>{escape(title)}</h1>{body}</body></html>\n"
    )
    file.write_text(text, encoding="utf-8")
