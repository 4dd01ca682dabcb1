"""The one bar of the command line."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from retrograph.cli.progress import Mistakes, progress_bar
from retrograph.errors import InputError
from retrograph.preprocess import BadInput


def drawn(*, terminal: bool) -> str:
    """What is printed of 2 done, then 3 of 4 with a word on the last one."""
    file = io.StringIO()
    out = Console(file=file, force_terminal=terminal, width=120)
    with progress_bar(out, "counting", 5) as bar:
        bar.advance(2)
        if terminal:
            bar._progress.refresh()
        bar.to(3, 4, "the last one")
    return re.sub(r"\x1b\[[^a-zA-Z]*[a-zA-Z]", "", file.getvalue())


def test_it_counts_and_says_what_is_done() -> None:
    text = drawn(terminal=True)
    assert "counting" in text
    assert "2/5" in text
    assert "3/4 the last one" in text


def test_it_is_drawn_on_a_terminal_alone() -> None:
    assert not drawn(terminal=False).strip()


def test_bad_inputs_are_reported_counted_and_left_out(
    capsys: pytest.CaptureFixture[str],
) -> None:
    mistakes = Mistakes()
    bad = BadInput("dog.png", InputError("dog.png is no dog"))
    assert list(mistakes.sieve([1, bad, 2])) == [1, 2]
    assert mistakes.count == 1
    assert capsys.readouterr().err == "retrograph: dog.png is no dog\n"
