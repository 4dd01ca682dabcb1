"""The OpenAPI document of a service: what it takes and answers, for programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from retrograph._version import __version__
from retrograph.methods import METHODS
from retrograph.pipeline.aim import WHATS
from retrograph.preprocess import PRESETS
from retrograph.render import STYLES
from retrograph.serving.answers import RECORD
from retrograph.serving.questions import FORMATS

Schema = Mapping[str, Any]

_TEXT: Final[Schema] = {"type": "string", "minLength": 1}
_UNIT: Final[Schema] = {
    "anyOf": [
        {"type": "string", "minLength": 1},
        {"type": "integer"},
        {"type": "array", "minItems": 1, "items": {"type": ["integer", "string"]}},
    ]
}
_PLACE: Final[Schema] = {
    "anyOf": [{"type": "string", "minLength": 1}, {"type": "array", "items": {"type": "number"}}]
}
_CLASS: Final[Schema] = {"anyOf": [{"type": "string", "minLength": 1}, {"type": "integer"}]}

_PARAMETERS: Final[dict[str, tuple[str, Schema]]] = {
    "layer": ("the layer to explain, by alias or name; the class scores if left out", _TEXT),
    "unit": (
        "the most active one if left out; a class by name or number, a channel's number, or the "
        "numbers of one unit (17,4,5); several have a row each (cat,dog), cat-dog is a difference",
        _UNIT,
    ),
    "method": (
        "guided if left out, or gradient where there is no ReLU",
        {"type": "string", "examples": [*METHODS]},
    ),
    "wrt": ("the input that is explained, or an inner tensor", _TEXT),
    "top": ("so many of the most active units", {"type": "integer", "minimum": 1}),
    "box": ("the number of a detector's box, the strongest being 0", {"type": "integer"}),
    "at": ("X,Y: the box there, or that pixel of a map", _PLACE),
    "class": ("a class: its best box, its pixels of a map", _CLASS),
    "what": ("of a box", {"type": "string", "enum": [*WHATS]}),
    "over": ("the positions of a map that are summed: mask, all, X,Y or X0,Y0,X1,Y1", _PLACE),
    "preprocessing": (
        "how a picture becomes the input; as the service says if left out",
        {"type": "string", "enum": [*PRESETS]},
    ),
    "outputs": (
        "whether the model's own outputs are computed, from which class scores are read",
        {"type": "boolean", "default": True},
    ),
    "style": ("of a picture, alone or with ,smooth", {"type": "string", "examples": [*STYLES]}),
    "format": (
        "what is answered; if left out Accept says it, else JSON",
        {"type": "string", "enum": [*FORMATS]},
    ),
}

_NUMBERS: Final[Schema] = {"type": "array", "items": {}}
_VALUE: Final[Schema] = {
    "anyOf": [
        _NUMBERS,
        {"type": "number"},
        {
            "type": "object",
            "required": ["data"],
            "properties": {"data": _NUMBERS, "dtype": {"type": "string"}},
        },
        {
            "type": "object",
            "required": ["picture"],
            "properties": {"picture": {"type": "string", "contentEncoding": "base64"}},
        },
    ]
}

_REFUSALS: Final = {
    400: "a mistake in what was asked; the message says what, where and how to mend it",
    404: "there is no model of that name",
    406: "nothing is accepted that can be answered",
    408: "the body did not arrive in time",
    413: "the body, the picture or the input is too large",
    415: "the body is packed in a form that is not taken",
    422: "nodes of the model cannot be treated; `problems` lists them",
    500: "an error inside of the service, or a device that is not there",
    503: "the service is busy, not ready or stopping; Retry-After says when to ask again",
    504: "there was no answer in time",
}


def document(models: Sequence[str]) -> dict[str, Any]:
    """The OpenAPI document of a service.

    Args:
        models: their names.
    """
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "retrograph",
            "version": __version__,
            "description": "What in this input drives this neuron? There is no authentication.",
        },
        "paths": {
            "/v1/explain": {"post": _explain(models)},
            "/v1/models": {"get": _get("The names of the models", "models", {"Models": _MODELS})},
            "/v1/model": {
                "get": _get(
                    "One model: inputs, labels, methods, defaults", "model", _OBJECT, models
                )
            },
            "/v1/layers": {
                "get": _get("What of a model can be explained", "layers", _OBJECT, models)
            },
            "/healthz": {"get": _get("Whether the process lives", "health", _OBJECT)},
            "/readyz": {"get": _get("Whether the models are ready", "readiness", _OBJECT, (), 503)},
            "/metrics": {"get": _metrics()},
            "/openapi.json": {"get": _get("This document", "document", _OBJECT)},
        },
        "components": {"schemas": {"Error": _ERROR}},
    }


_OBJECT: Final[dict[str, Schema]] = {"Object": {"type": "object"}}
_MODELS: Final[Schema] = {
    "type": "object",
    "required": ["version", "models"],
    "properties": {
        "version": {"type": "string"},
        "models": {"type": "array", "items": {"type": "string"}},
    },
}
_ERROR: Final[Schema] = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["status", "type", "message", "parameters", "problems"],
            "properties": {
                "status": {"type": "integer"},
                "type": {"type": "string"},
                "message": {"type": "string"},
                "parameters": {"type": "array", "items": {"type": "string"}},
                "problems": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "required": ["node", "op", "reason"],
                        "properties": {
                            name: {"type": "string"} for name in ("node", "op", "reason")
                        },
                    },
                },
            },
        }
    },
}
_EXPLAINED: Final[Schema] = {
    "type": "object",
    "description": "what `retrograph explain --json` prints",
    "required": ["methods", "layer", "preprocessing", "notes", "explained"],
    "properties": {
        "methods": {"type": "array", "items": {"type": "string"}},
        "layer": {"type": "string"},
        "preprocessing": {"type": ["object", "null"]},
        "notes": {"type": "array", "items": {"type": "string"}},
        "explained": {"type": "array", "items": {"type": "object"}},
    },
}


def _explain(models: Sequence[str]) -> dict[str, Any]:
    """The operation that explains."""
    own = {name: {**schema, "description": text} for name, (text, schema) in _PARAMETERS.items()}
    named = {"model": {**_model(models), "description": "may be left out where there is one"}}
    asked = {"input": {"description": "lists of numbers, or a value for each input"}}
    media = ("application/octet-stream", "image/jpeg", "image/png")
    raw = {name: {"schema": {"type": "string", "format": "binary"}} for name in media}
    return {
        "operationId": "explain",
        "summary": "What in an input drives a unit",
        "parameters": [
            _parameter(name, text, schema)
            for name, (text, schema) in {
                "model": ("may be left out where there is one", _model(models)),
                **_PARAMETERS,
            }.items()
        ],
        "requestBody": {
            "required": True,
            "description": "a picture's bytes, an .npy, an .npz, or JSON",
            "content": {
                **raw,
                "application/json": {
                    "examples": _EXAMPLES,
                    "schema": {
                        "type": "object",
                        "required": ["input"],
                        "additionalProperties": False,
                        "properties": {**named, **own, **asked, "input": _INPUT},
                    },
                },
            },
        },
        "responses": {"200": _explained(), **_refused(*_REFUSALS)},
    }


_PICTURE: Final = (
    "iVBORw0KGgoAAAANSUhEUgAAAAIAAAACCAIAAAD91JpzAAAAFklEQVR42mM8UaHBwMDAxMDAwMDAAAARqgFs"
    "exo+EQAAAABJRU5ErkJggg=="
)
"""Two by two pixels of orange."""
_EXAMPLES: Final = {
    form: {
        "summary": f"a picture, answered as {form}",
        "value": {"input": {"picture": _PICTURE}, "format": form},
    }
    for form in FORMATS
}

_INPUT: Final[Schema] = {
    "description": "lists of numbers are the model's input as it is; of a model of several inputs "
    "a value for each by its name",
    "anyOf": [*_VALUE["anyOf"], {"type": "object", "additionalProperties": _VALUE}],
}


def _explained() -> dict[str, Any]:
    """The answer."""
    binary = {"schema": {"type": "string", "format": "binary"}}
    content = {media: binary for name, media in FORMATS.items() if name != "json"}
    return {
        "description": "the attribution: its record, its arrays, or a picture",
        "headers": {
            RECORD: {
                "description": "of what is no JSON: layer, unit, score, preprocessing and notes",
                "schema": {"type": "string"},
            }
        },
        "content": {FORMATS["json"]: {"schema": _EXPLAINED}, **content},
    }


def _model(models: Sequence[str]) -> Schema:
    return {"type": "string", "enum": [*models]}


def _parameter(name: str, text: str, schema: Schema, *, required: bool = False) -> dict[str, Any]:
    """A parameter of the address, lists with commas."""
    return {
        "name": name,
        "in": "query",
        "required": required,
        "description": text,
        "schema": schema,
        "style": "form",
        "explode": False,
    }


def _get(
    summary: str,
    name: str,
    schema: Mapping[str, Schema],
    models: Sequence[str] = (),
    *more: int,
) -> dict[str, Any]:
    """An operation that tells something as JSON."""
    (shape,) = schema.values()
    text = "may be left out where there is one"
    is_needed = len(models) > 1
    asked = [_parameter("model", text, _model(models), required=is_needed)] if models else []
    refused = _refused(*((400, 404, 503) if models else ()), *more)
    content = {"application/json": {"schema": shape}}
    answer = {"200": {"description": summary, "content": content}}
    return {
        "operationId": name,
        "summary": summary,
        "parameters": asked,
        "responses": {**answer, **refused},
    }


def _metrics() -> dict[str, Any]:
    """The operation for Prometheus."""
    content = {"text/plain": {"schema": {"type": "string"}}}
    answer = {"description": "counters in Prometheus' text format", "content": content}
    return {"operationId": "metrics", "summary": "What was counted", "responses": {"200": answer}}


def _refused(*statuses: int) -> dict[str, Any]:
    """Errors, in one form."""
    schema = {"$ref": "#/components/schemas/Error"}
    return {
        str(status): {
            "description": _REFUSALS[status],
            "content": {"application/json": {"schema": schema}},
        }
        for status in statuses
    }
