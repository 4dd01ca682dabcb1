"""Bodies of requests as inputs: pictures, arrays, JSON. Nothing in them names a file."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from retrograph.errors import InputError, one_line
from retrograph.inputs.loader import Input
from retrograph.runtime import Array
from retrograph.serving.array_files import is_arrays, read_arrays
from retrograph.serving.refusals import Refused

_MULTIPART = "multipart/"
_JSON = "application/json"
_DTYPES: Final = ("float32", "float64", "float16", "uint8", "int32", "int64", "bool")
_HOW = (
    "send a picture's bytes (curl --data-binary @dog.jpg), an .npy, an .npz with an array for each "
    "input, or JSON"
)


def is_json(data: bytes, content_type: str) -> bool:
    """Whether a body is JSON: what its type says, or where that says nothing how it begins.

    Raises:
        Refused: the body is packed in a form that is not taken.
    """
    if content_type.startswith(_MULTIPART):
        raise Refused(415, f"{content_type.partition(';')[0]} is not taken: {_HOW}")
    return content_type.startswith(_JSON) or data[:64].lstrip()[:1] == b"{"


def raw_input(data: bytes, most: int) -> Input:
    """The input in a body that is no JSON: told by how it begins.

    Args:
        data: the body.
        most: how many bytes the arrays of an .npz may have.

    Raises:
        InputError: there is none, or it is damaged.
    """
    if not data:
        raise InputError(f"the body is empty; {_HOW}")
    return read_arrays("the body", data, most) if is_arrays(data) else data


def json_object(data: bytes) -> dict[str, Any]:
    """The object in a body.

    Raises:
        InputError: it is none.
    """
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise InputError(f"the body is no JSON that can be read ({one_line(error)})") from None
    if not isinstance(value, dict):
        raise InputError('the body is no object of JSON; give {"input": [...], "unit": 3}')
    return value


def json_input(value: Any) -> Input:
    """The input in a JSON object's `input`.

    Args:
        value: nested lists of numbers, which are the model's input as it is; an object with
            `data`, such lists, and `dtype`; one with `picture`, the bytes of a picture's file in
            base64; or, for a model of several inputs, an object with one of these, or a number,
            for each input.

    Raises:
        InputError: it is none of these.
    """
    if isinstance(value, dict) and not _is_value(value):
        return {str(name): _value(f"input '{name}'", each) for name, each in value.items()}
    input_ = _value("input", value)
    if isinstance(input_, float):
        raise InputError(f"input is {input_:g}; give lists of numbers")
    return input_


def _is_value(value: Mapping[str, Any]) -> bool:
    return isinstance(value.get("picture"), str) or isinstance(value.get("data"), list)


def _value(name: str, value: Any) -> bytes | Array | float:
    if isinstance(value, bool) or value is None or isinstance(value, str):
        raise InputError(
            f"{name} is {value!r:.60}; give lists of numbers, or {{'picture': BASE64}}"
        )
    if isinstance(value, (int, float)):
        return float(value)
    if isinstance(value, dict):
        if isinstance(value.get("picture"), str):
            return _decoded(name, value["picture"])
        return _array(name, value.get("data"), value.get("dtype", "float32"))
    return _array(name, value, "float32")


def _decoded(name: str, text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise InputError(f"{name}: its picture is no base64; encode the file's bytes") from None


def _array(name: str, data: Any, dtype: Any) -> Array:
    if dtype not in _DTYPES:
        raise InputError(f"{name}: dtype is {dtype!r:.60}; choose from: {', '.join(_DTYPES)}")
    try:
        values = np.asarray(data)
    except (ValueError, OverflowError, RecursionError):
        raise InputError(f"{name}: its lists are of several lengths; give an array") from None
    if values.dtype.kind not in "biuf" or not isinstance(data, list):
        raise InputError(f"{name} holds what is no number; give lists of numbers")
    with np.errstate(over="ignore"):
        cast = values.astype(dtype)
    if cast.dtype.kind in "biu" and not np.array_equal(cast, values):
        raise InputError(f"{name}: its numbers are none of {dtype}")
    return cast
