"""Explanations of the page: numbers, the map alone, the figure, class scores."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import replace
from html import escape
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from retrograph.errors import InputError, RetrographError
from retrograph.pipeline.made_picture import made_picture
from retrograph.preprocess import InputAxes
from retrograph.preprocess.sequences import is_fasta
from retrograph.render import png_bytes
from retrograph.render.colour import magnitude
from retrograph.results.attribution import Attribution
from retrograph.results.caption import (
    class_records,
    class_shares,
    printed_lines,
    probability_text,
)
from retrograph.results.explanation import Explanation
from retrograph.results.maps import drawn_values, kind_of, style_of
from retrograph.results.record import explained_dict
from retrograph.results.unit_names import split_unit
from retrograph.runtime import Array
from retrograph.serve.facts import png, sound_of
from retrograph.serve.inputs import PageInput
from retrograph.serve.legend import SUMMED, as_on_page, legend_record, png_address
from retrograph.serve.maps import box, input_sizes
from retrograph.serve.query import Answer, Query, json_answer
from retrograph.serve.shown_model import ShownModel
from retrograph.serve.spelling import on_page
from retrograph.serving.answers import answer
from retrograph.serving.questions import FORMATS

if TYPE_CHECKING:
    from retrograph.serve.page import Page

_CLASSES: Final = 10
_OPAQUE: Final = 99.5
"""The percentile of magnitudes that hides what is under a map."""
_FEW: Final = 0.5
"""The share of known letters below which a sequence seems to be of another kind."""
_LINE: Final = 18
"""The height of a line of text under an SVG, in pixels."""


def explain(page: Page, query: Query) -> Answer:
    """What is asked of an input: as JSON, with the map if that is asked; as arrays, as a figure, or
    the map alone."""
    model, ask, shown = page.model(query), query.question(), page.input(query)
    form = query.choice("format", ("json", "png", "npz", "npy", "svg"))
    attribution = model.attribution(ask, shown)
    explanation = attribution.explanations[0].styled(ask.style)
    is_map = query.choice("part", ("figure", "map")) == "map"
    if form == "json":
        is_sound = sound_of(model, ask, shown) is not None
        record = {**_record(attribution, shown), "sound": is_sound}
        record["warning"] = _of_letters(attribution, shown)
        if is_map:
            drawn = as_on_page(explanation)
            record |= {"map": png_address(map_picture(drawn)), "legend": legend_record(drawn)}
        return json_answer(record)
    if form == "png" and is_map:
        return png(map_picture(as_on_page(explanation)))
    stem = f"{shown.path.stem}.{attribution.context.tag}"
    if form == "svg":
        return Answer(svg(explanation), "image/svg+xml", f"{stem}.svg")
    if form == "png":
        return png(explanation.page())
    content, _ = answer(attribution, replace(ask, format=form))
    return Answer(content, FORMATS[form], f"{stem}.{form}")


def _record(attribution: Attribution, shown: PageInput) -> dict[str, Any]:
    """What `retrograph explain --json` prints, with where units lie and what they see.

    What the page has sent goes by its own name, not by that of the file that it was kept in.
    """
    context = attribution.context
    record = explained_dict(attribution.explanations, context, spelling=on_page)
    contract, axes = context.contract, context.kind.axes
    for told, explanation in zip(record["explained"], attribution.explanations, strict=True):
        for unit, index in zip(told["units"], explanation.units, strict=False):
            unit["place"] = [*split_unit(index.tolist(), contract.channel_axis)[1]]
            unit["sees"] = _seen(explanation, index)
        told["units"][0]["ranked"] = _ranked(explanation)
        told["input"] = shown.name if shown.is_added else told["input"]
        told["size"] = _size(axes, explanation.array) or [*reversed(_seen_sizes(explanation)[-2:])]
    return {**record, "shape": [*contract.shape], "channel_axis": contract.channel_axis}


def _of_letters(attribution: Attribution, shown: PageInput) -> str:
    """A warning where the model knows few letters of a sequence in FASTA; "" where not."""
    coding = attribution.context.kind.coding
    if coding is None or not is_fasta(shown.path):
        return ""
    letters = coding.letters(attribution.explanations[0].array).rstrip()  # zeros at the end pad
    known = len(letters) - letters.count(" ")
    share = known / len(letters) if letters else 0.0
    if share >= _FEW:
        return ""
    some = f"only {share:.0%}" if known else "none"
    return (
        f"{some} of the letters of {shown.name} are among those that the model knows "
        f"({coding.alphabet}); the others are all zero: is it a sequence of this kind?"
    )


def _ranked(explanation: Explanation) -> dict[str, Any] | None:
    """How probable the first unit's class is, in words, and its place; None of other units."""
    shares, words = class_shares(explanation), probability_text(explanation, 0)
    if shares is None or not words:
        return None
    channel, _ = split_unit(explanation.units[0], explanation.context.contract.channel_axis)
    return {"words": words[0], "place": 1 + int((shares > shares[channel]).sum())}


def _seen(explanation: Explanation, index: Array) -> list[int] | None:
    """What a unit sees, in pixels of the input; None where that is all of it."""
    field, sizes = explanation.context.field, _seen_sizes(explanation)
    return box(field, tuple(index.tolist()), sizes) if field is not None and sizes else None


def _seen_sizes(explanation: Explanation) -> tuple[int, ...]:
    """The sizes of the input along the axes that units see a part of; () where they see it all."""
    context = explanation.context
    field, shown = context.field, context.contract.shown
    if field is None or explanation.rows_joined or field.source != shown:
        return ()
    batched = context.kind.axes.batched
    array = explanation.array[np.newaxis] if batched else explanation.array
    return input_sizes(field, array)


def _size(axes: InputAxes, array: Array) -> list[int]:
    """Width and height of an input as the model sees it; of a sequence its length."""
    return [array.shape[axis] for axis in reversed(axes.spatial)]


def map_picture(explanation: Explanation) -> Image.Image:
    """The attribution of the first unit alone, to be laid over the input.

    It is drawn in its style at the resolution of the input; of a picture it is the more opaque
    the farther from 0.

    Args:
        explanation: of `as_on_page`.

    Raises:
        InputError: it is not finite.
    """
    (method, *_) = explanation.context.methods
    style = style_of(method, explanation)
    kind, shown = kind_of(explanation), explanation.shown
    values = drawn_values(explanation, method)
    under = shown and Image.new("RGB", shown.size, "white")
    drawn = Image.fromarray(
        np.asarray(kind.map_picture(values, style, explanation.array, under))
    ).convert("RGB")
    if shown is None:
        return drawn
    frame = np.broadcast_to(values, explanation.array.shape)
    sizes = np.abs(frame.astype(np.float64))
    if style.name == SUMMED and kind.axes.channel is not None:
        sizes = np.abs(frame.sum(axis=kind.axes.channel, keepdims=True, dtype=np.float64))
    drawn.putalpha(Image.fromarray(_opacity(sizes, kind.axes)).resize(drawn.size))
    return drawn


def _opacity(sizes: Array, axes: InputAxes) -> Array:
    """How far from 0 the numbers of each pixel are, uint8 [H, W], by their sizes."""
    others = tuple(axis for axis in range(sizes.ndim) if axis not in axes.spatial)
    plane = sizes.max(axis=others) if others else sizes
    return (magnitude(plane[np.newaxis], "nchw", _OPAQUE) * 255).round().astype(np.uint8)


def svg(explanation: Explanation) -> bytes:
    """The figure as an SVG: its picture, and what is said of it as text that can be searched."""
    figure, lines = explanation.page(), printed_lines(explanation)
    data = base64.b64encode(png_bytes(figure)).decode()
    width, height = figure.width, figure.height
    below = "".join(
        f'<text x="12" y="{height + _LINE * (n + 1)}">{escape(line)}</text>'
        for n, line in enumerate(lines)
    )
    total = height + _LINE * len(lines) + 12
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{total}" '
        f'viewBox="0 0 {width} {total}" font-family="sans-serif" font-size="13">'
        f"<title>{escape(explanation.summary())}</title>"
        f'<rect width="{width}" height="{total}" fill="white"/>'
        f'<image width="{width}" height="{height}" href="data:image/png;base64,{data}"/>'
        f"{below}</svg>\n"
    ).encode()


def scores(page: Page, query: Query) -> Answer:
    """What the model says of an input: its classes, boxes, regions, or that it makes a picture."""
    return json_answer(scored(page.model(query), query, page.input(query)))


def scored(model: ShownModel, query: Query, shown: PageInput) -> dict[str, Any]:
    """What a model says of an input: classes, boxes, regions, or that it makes a picture.

    What each is explained by stands in its `question`, where that is not the class by its index.

    Raises:
        RetrographError: it cannot be read, or explained.
    """
    attribution = model.attribution(query.asking_nothing(), shown)
    explanation = attribution.explanations[0]
    found = attribution.to_dict()["explained"][0]
    size = _size(explanation.context.kind.axes, explanation.array)
    classes, boxes = _classes(explanation), [_box_record(each) for each in found.get("boxes", [])]
    regions: list[dict[str, Any]] = []
    is_picture = False
    if not classes and not boxes:
        is_picture = not explanation.context.labels and _made(model, query, shown, size) is not None
        regions = [] if is_picture else _regions(model, query, shown, size)
        if not regions:
            classes = [_unit_score(each, attribution) for each in found["units"]]
    record = {"classes": classes, "boxes": boxes, "regions": regions, "size": size}
    return {**record, "picture": is_picture}


def output_picture(page: Page, query: Query) -> Answer:
    """The picture that a model makes.

    Raises:
        InputError: its output is none.
    """
    model, shown = page.model(query), page.input(query)
    explanation = model.attribution(query.asking_nothing(), shown).explanations[0]
    size = _size(explanation.context.kind.axes, explanation.array)
    pixels = _made(model, query, shown, size)
    if pixels is None:
        raise InputError(f"the output of {model.name} is no picture; see its maps")
    return png(Image.fromarray(pixels))


def _made(
    model: ShownModel, query: Query, shown: PageInput, size: Sequence[int]
) -> NDArray[np.uint8] | None:
    """The picture that a model makes of an input; None where its output is none."""
    if len(size) != 2:
        return None
    activations = model.activations(query.asking_nothing(), shown)
    return made_picture(activations.values, [*reversed(size)])


def _classes(explanation: Explanation) -> list[dict[str, Any]]:
    """The highest class scores, with their shares."""
    shares = class_shares(explanation)
    return [
        {
            "index": each["class"],
            "name": each["name"],
            "score": each["score"],
            "share": None if shares is None else float(shares[each["class"]]),
        }
        for each in class_records(explanation, _CLASSES)
    ]


def _box_record(told: Mapping[str, Any]) -> dict[str, Any]:
    """A box of a detector, and what to ask for its explanation."""
    number = told["number"]
    return {
        **{name: told[name] for name in ("class", "name", "score")},
        "index": number,
        "box": told["corners"],
        "question": {"box": number},
    }


def _unit_score(told: Mapping[str, Any], attribution: Attribution) -> dict[str, Any]:
    """A unit of a model that scores no classes, as if it were one."""
    channel, _ = split_unit(told["unit"], attribution.context.contract.channel_axis)
    return {
        "index": channel,
        "name": told["name"],
        "score": told["activation"],
        "share": None,
        "question": {"unit": ",".join(map(str, told["unit"]))},
    }


def _regions(
    model: ShownModel, query: Query, shown: PageInput, size: Sequence[int]
) -> list[dict[str, Any]]:
    """The classes that a map predicts, with their shares of its pixels; none where it is no map."""
    if len(size) != 2 or len(model.activations(query.asking_nothing(), shown).values) < 2:
        return []
    middle = ",".join(str(extent // 2) for extent in size)
    aimed = Query({"at": middle, "preprocessing": query.text("preprocessing") or ""})
    try:
        told = model.attribution(aimed.question(), shown).to_dict()["explained"][0]
    except RetrographError:
        return []
    predicted = told.get("predicted", [])
    return [
        {**each, "question": {"class": each["name"] or str(each["class"])}} for each in predicted
    ]
