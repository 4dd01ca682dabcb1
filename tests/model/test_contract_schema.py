"""The JSON schema of the metadata: what every built graph holds to, and what it refuses."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import jsonschema
import pytest

import retrograph
from retrograph.contract import Contract
from retrograph.errors import InputError
from support import nets
from support.graphs import TWO_INPUTS, parse
from support.paths import ENGINE, ROOT, SAMPLE_MODELS

SCHEMA = json.loads((ENGINE / "retrograph" / "contract.schema.json").read_text())
TEXTS = ("version", "method", "target", "alias", "select", "source_sha256", "precision")
TEXTS += ("onnxruntime",)


def decoded(properties: Mapping[str, str]) -> dict[str, Any]:
    """The object that the schema speaks of, as docs/CONTRACT.md says."""
    texts = {k.removeprefix("retrograph."): v for k, v in properties.items() if "retrograph." in k}
    plain = [k for k, v in texts.items() if k in TEXTS or (k == "preprocessing" and not v)]
    return {k: v if k in plain else json.loads(v) for k, v in texts.items()}


def properties_of(*arguments: Any, **options: Any) -> dict[str, str]:
    built = retrograph.build(*arguments, **options)
    return {p.key: p.value for p in built.metadata_props}


@pytest.fixture(scope="module")
def metadata() -> dict[str, str]:
    return properties_of(
        SAMPLE_MODELS / "cifar10_cnn.onnx", layer="relu2", select="unit", many=True
    )


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_built_graphs_hold_to_the_schema(metadata: dict[str, str]) -> None:
    others = [
        properties_of(parse(TWO_INPUTS), method="gradient"),
        properties_of(nets.half_cnn(), precision="float16", preprocessing="imagenet"),
        properties_of(nets.cnn(size="s"), layer="e", straight_through=False, select="cotangent"),
        properties_of(nets.cnn(), method="lrp-epsilon", wrt="b"),
        properties_of(nets.wave_net("T")),
    ]
    for properties in (metadata, *others):
        jsonschema.validate(decoded(properties), SCHEMA)


def test_the_schema_names_every_key() -> None:
    metadata = properties_of(nets.cnn(batch=2), wrt="b", open_batch=True)
    jsonschema.validate(decoded(metadata), SCHEMA)
    assert decoded(metadata).keys() == SCHEMA["properties"].keys()
    page = (ROOT / "docs" / "CONTRACT.md").read_text(encoding="utf-8")
    table = page[page.index("## Metadata") : page.index("## How a picture")]
    assert all(f"`{key}`" in table for key in SCHEMA["properties"])
    recipe = SCHEMA["$defs"]["preprocessing"]["properties"]
    assert recipe.keys() == json.loads(retrograph.Preprocessing().to_json()).keys()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("contract", "2"),
        ("select", "any"),
        ("many", "1"),
        ("explained", "[]"),
        ("axes", '{"image": "NXHW"}'),
        ("shape", "[]"),
        ("source_sha256", "0" * 63),
        ("preprocessing", '{"scale": 0}'),
        ("preprocessing", '{"colour": "rgb"}'),
        ("onnxruntime", "1"),
    ],
)
def test_the_schema_refuses(metadata: dict[str, str], key: str, value: str) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(decoded(metadata | {f"retrograph.{key}": value}), SCHEMA)


def test_a_newer_contract_is_refused(metadata: dict[str, str]) -> None:
    assert Contract.from_properties(metadata | {"retrograph.contract": "1"}) is not None
    older = {
        k: v for k, v in metadata.items() if k not in ("retrograph.contract", "retrograph.axes")
    }
    before = Contract.from_properties(older)
    assert before is not None
    assert (before.contract, before.axes) == (1, {})
    with pytest.raises(InputError, match=r"contract 2, and 1 is known here.*update retrograph"):
        Contract.from_properties(metadata | {"retrograph.contract": "2"})


@pytest.mark.parametrize(
    ("source", "axes"),
    [
        (nets.cnn, "NCHW"),
        (nets.nhwc_cnn, "NHWC"),
        (nets.volume_net, "NCDHW"),
        (nets.sequence_net, "N**"),
        (lambda: nets.wave_net(400), "NS"),
        (nets.vector_net, "N*"),
    ],
)
def test_what_the_axes_count(source: Any, axes: str) -> None:
    metadata = properties_of(source(), method="gradient")
    assert json.loads(metadata["retrograph.axes"]) == {"x": axes}


def test_axes_of_a_picture_alone_and_of_rows_that_are_one_item() -> None:
    text = '<ir_version: 8, opset_import: ["" : 17]> g (float[{0}] x) => ({1} y) {{ {2} }}'
    alone = parse(text.format("3, 6, 6", "float", "y = ReduceMean <keepdims = 0> (x)"))
    assert json.loads(properties_of(alone, method="gradient")["retrograph.axes"]) == {"x": "CHW"}
    rows = parse(text.format("6, 5", "float[6, 5]", "y = Softmax <axis = 0> (x)"))
    metadata = properties_of(rows, method="gradient", layer="y")
    assert json.loads(metadata["retrograph.axes"]) == {"x": "**"}
