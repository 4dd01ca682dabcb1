"""Whether an attribution can be trusted: the sanity checks, and other ways to prepare a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from retrograph.pipeline.trying_preprocessing import find_preprocessing
from retrograph.sanity_checks import Sanity
from retrograph.serve.facts import png
from retrograph.serve.query import Answer, Query, json_answer
from retrograph.serve.spelling import on_page

if TYPE_CHECKING:
    from retrograph.inputs import PreprocessingChoice
    from retrograph.serve.page import Page


def sanity(page: Page, query: Query) -> Answer:
    """The sanity checks of what is asked, as numbers and words; as a picture their plot."""
    checked: Sanity = page.model(query).sanity(query.question(), page.input(query))
    if query.choice("format", ("json", "png")) == "png":
        return png(checked.image())
    verdict = checked.findings.verdict(checked.context.methods[0])
    return json_answer({**checked.to_dict(), "verdict": verdict, "plot": True})


def preprocessing(page: Page, query: Query) -> Answer:
    """How a picture becomes the input, how that is known, and what each preset would give."""
    model, shown, ask = page.model(query), page.input(query), query.question()
    session = model.usual_session(ask)
    choice = session.context.preprocessing
    if choice is None:
        note = "the model takes no pictures, so nothing is preprocessed"
        return json_answer(
            {"name": "none", "source": "", "sure": True, "words": note, "note": "", "tried": []}
        )
    picture = shown.picture()
    known = {**choice.to_dict(session.context.labels, on_page), "words": _words(choice)}
    if picture is None:
        return json_answer(known)
    running = session.context.device
    tried = find_preprocessing(model.model, picture, labels=page.given["labels"], device=running)
    return json_answer({**known, "tried": tried.to_dict()["tried"]})


def _words(choice: PreprocessingChoice) -> str:
    """How pictures are prepared and how that is known, in a sentence."""
    count = "1 picture" if choice.pictures == 1 else f"{choice.pictures} pictures"
    sure = "" if choice.is_sure else "; another way may be right, too"
    how = {
        "stored": ", as the model's file says",
        "declared": ", as the model's graph does it",
        "given": ", as was asked for",
        "assumed": "; nothing tells whether that is right",
        "probed": f", under which the model tells most clearly what it sees on {count}{sure}",
    }
    return f"Pictures are prepared as {choice.name}{how[choice.source]}."
