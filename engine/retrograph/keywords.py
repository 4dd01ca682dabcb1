"""Wrong keywords and numbers given to the public functions, refused with the right ones."""

from __future__ import annotations

import difflib
import inspect
import operator
import re
from collections.abc import Callable, Iterable
from functools import wraps
from textwrap import fill
from typing import Final, ParamSpec, SupportsIndex, TypeVar

from retrograph.errors import InputError, parameter

P = ParamSpec("P")
R = TypeVar("R")
Choice = TypeVar("Choice", bound=str)

_WORDS = {
    "target": "layer",
    "layer": "layers",
    "layers": "layer",
    "channel": "unit",
    "class_": "unit",
    "neuron": "unit",
    "output": "out",
    "preprocess": "preprocessing",
    "classes": "labels",
    "providers": "device",
    "params": "parameters",
}
"""What keywords are called here that other tools call otherwise; several may be right."""

SHARED: Final = {
    "model": "a path to an .onnx file, or a model in memory.",
    "unit": "the most active one if None; the number of a class or of a channel, which is taken at "
    "its most active position; the unit's index in an item of the layer, [r], or in "
    "`explain` one for each input, [N, r]; or the name of a class. "
    'Several, "cat,dog,12", have a map each, "cat-dog" is the difference of two.',
    "layer": "the tensor to explain, by alias or name; if None the class scores before a final "
    "Softmax, Sigmoid or tanh, however it is spelled, and a last quantiser (a note says so).",
    "wrt": "the input that is explained, the first if None; or an inner tensor by alias or name, "
    "such as embeddings, whose shape the attribution has.",
    "top": "explain so many of the most active units of each input: of a detector the strongest "
    "boxes, of a layer with positions its most active channels.",
    "box": "the number of a box of a detector, the strongest being 0, which is explained if "
    "nothing is asked.",
    "at": '"X,Y" or (x, y), X to the right and Y down from 0, in pixels of the input as the model '
    "sees it: the strongest box there, or that pixel of a map.",
    "class_": "a class by its name or number: its best box, its pixels of a map.",
    "what": "of a box its class (the logit, the default), objectness or box (width and height).",
    "over": "the positions of a map over which a class's scores are summed: mask (those that are "
    'predicted as it, the default), all, "X,Y", or "X0,Y0,X1,Y1".',
    "head": "the layout of the outputs, where it is not found right: a file of `retrograph heads "
    "--json`, its object, or a head of `Model.heads()`.",
    "labels": "the class names: a file, a list, or imagenet, coco, voc, cifar10, mnist or none; if "
    "None those in the model's file, else of the one data set with as many (a note says so).",
    "preprocessing": "how a picture becomes the input, a preset's name or a `Preprocessing`; if "
    "None as the model's file says, else the preset that the first pictures show to be right (the "
    "answer says how surely), else 0-1.",
    "alphabet": "the letters of a sequence's channels: dna, rna, protein, or such as ACGT.",
    "sample_rate": "samples a second of the model's waveforms, to which sounds are resampled; as "
    "the model's file says if None, and where it says none sounds keep theirs.",
    "batch": "how many inputs a run takes, where the model leaves that open and keeps them apart.",
    "device": "auto (CUDA if there, else the CPU), cpu, cuda, or another device of `Explainer`.",
    "threads": "how many threads operators may use; runs under way at a time share them.",
    "outputs": "whether the graph keeps the model's own; without them nothing behind the layer is "
    "computed.",
    "precision": "float32, float16, or tf32: float32 whose products CUDA may round.",
    "straight_through": "whether what rounds in a quantised network passes the cotangent as if it "
    "rounded nothing, and a Sign where |x| is at most 1 (usual); else its derivative, 0, is taken.",
}
"""What keywords mean that several functions have: a docstring lists them as `in SHARED`."""
_SHARED_ENTRY: Final = re.compile(r"^( +)(\w+(?:,\s+\w+)*): in `SHARED`\.$", re.MULTILINE)


def checked_keywords(function: Callable[P, R]) -> Callable[P, R]:
    """The function, which raises an `InputError` where it is called with wrong arguments.

    The error names the keyword that was probably meant, and all that there are. In its docstring
    the texts of shared keywords are filled in, for `help`.
    """
    signature = inspect.signature(function)
    name = function.__qualname__.removesuffix(".__init__")

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            signature.bind(*args, **kwargs)
        except TypeError as error:
            raise InputError(_explained(name, signature, kwargs, error)) from None
        return function(*args, **kwargs)

    if call.__doc__ is not None:
        call.__doc__ = with_shared_texts(call.__doc__)
    return call


def with_shared_texts(docstring: str) -> str:
    """The docstring with an entry for each keyword that it lists as `in SHARED`."""
    return _SHARED_ENTRY.sub(_shared_texts, docstring)


def _shared_texts(entry: re.Match[str]) -> str:
    """The entry "a, b: in `SHARED`." as one entry for each keyword, with its text."""
    indent, names = entry[1], re.split(r",\s+", entry[2])
    more = f"{indent}    "
    texts = (f"{name}: {SHARED[name]}" for name in names)
    return "\n".join(
        fill(text, 100, initial_indent=indent, subsequent_indent=more, break_on_hyphens=False)
        for text in texts
    )


def chosen(what: str, value: str, choices: Iterable[Choice]) -> Choice:
    """The one of some choices that a value is.

    Args:
        what: is chosen, for the message.
        value: that was given.
        choices: that there are.

    Raises:
        InputError: it is none of them.
    """
    for choice in choices:
        if choice == value:
            return choice
    raise InputError(f"unknown {what} '{value}'; choose one of: {', '.join(choices)}", about=what)


def check_counts(**values: object) -> None:
    """Raises InputError for the first of some numbers that is none from 1; None is not given."""
    for name, value in values.items():
        if value is None:
            continue
        if not isinstance(value, SupportsIndex) or operator.index(value) < 1:
            raise InputError(f"{parameter(name)} is {value!r:.60}; give a whole number from 1")


def _explained(
    name: str, signature: inspect.Signature, given: dict[str, object], error: TypeError
) -> str:
    """What is wrong with a call, and how it is mended."""
    known = [each for each in signature.parameters if each != "self"]
    wrong = [keyword for keyword in given if keyword not in known]
    if not wrong:
        return f"{name}: {error}; give {', '.join(known)}"
    keyword = wrong[0]
    near = difflib.get_close_matches(keyword, known, n=1)
    other = _WORDS.get(keyword)
    meant = other if other in known else near[0] if near else None
    hint = f"did you mean '{meant}'? " if meant else ""
    return f"{name} takes no '{keyword}'; {hint}choose from: {', '.join(known)}"
