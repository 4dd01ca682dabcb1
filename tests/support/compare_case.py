"""What the tests of `retrograph compare` share."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import retrograph
from retrograph.render import Key, Table
from retrograph.results import comparison
from support import nets


class Page(Table):
    """A table that keeps what it is given."""

    made: Page

    def __init__(self, titles: Sequence[str]) -> None:
        super().__init__(titles)
        Page.made = self
        self.titles, self.captions = list(titles), []

    def add(self, caption: str, pictures: Sequence[Any], **more: Any) -> None:
        super().add(caption, pictures, **more)
        self.captions.append(caption)

    def page(
        self, title: str, keys: Sequence[tuple[str, Key]] = (), notes: Sequence[str] = ()
    ) -> Image.Image:
        self.title, self.keys, self.notes = title, list(keys), list(notes)
        return super().page(title, keys, notes)


def watched(monkeypatch: pytest.MonkeyPatch) -> type[Page]:
    """What the last picture is made of, as `Page.made`."""
    monkeypatch.setattr(comparison, "Table", Page)
    return Page


def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The methods whose graphs are built, as they are."""
    built: list[str] = []
    explainer = retrograph.Explainer.__init__

    def noted(self: retrograph.Explainer, *args: Any, **options: Any) -> None:
        built.append(options["method"].name)
        explainer(self, *args, **options)

    monkeypatch.setattr(retrograph.Explainer, "__init__", noted)
    return built


def flat(path: Path) -> Path:
    """A model without a ReLU."""
    parts = [nets.node("Gemm", "x w", "out")], [nets.info("x", ["N", 5])]
    model = nets.model(*parts, [nets.info("out", ["N", 3])], {"w": nets.weights(5, 3)})
    return nets.save(model, path)
