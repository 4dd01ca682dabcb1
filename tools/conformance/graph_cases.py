"""Built graphs, inputs and expected outputs: one case each, in one list."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from checkout import ROOT
from onnx import ModelProto

import graph_nets as own
import retrograph
from case_files import (
    BUILT,
    CASE,
    Array,
    largest_difference,
    read_case,
    write_array,
    write_json,
)
from corpus_float64 import to_float64
from graph_nets import noise, pixels
from retrograph.contract import Contract
from support import nets
from support.finite import reference, runtime

Feeds = dict[str, Array]
SAMPLES = ROOT / "sample_models"


@dataclass(frozen=True)
class GraphCase:
    """A graph that is built, and what it is given.

    Attributes:
        name: of the case's folder.
        about: what the case holds that others do not.
        source: the model that is built from.
        feeds: the inputs, by the names of the built graph.
        tolerance: of a floating-point output, as a share of its largest magnitude.
        options: of `retrograph.build`.
        unit: what an explainer is given for the indices of `select`; these if None.
    """

    name: str
    about: str
    source: Callable[[], ModelProto | str]
    feeds: Feeds
    tolerance: float = 1e-4
    options: dict[str, Any] = field(default_factory=dict)
    unit: Array | None = None


def write_case(case: GraphCase, folder: Path) -> None:
    """Build a case's graph, compute what it is to give, and write both.

    Raises:
        AssertionError: ONNX Runtime, optimisations off, is farther from it than the tolerance, or
            an attribution is 0 everywhere, which any host that computes nothing would give.
    """
    folder.mkdir(parents=True)
    built = retrograph.build(case.source(), **case.options)
    (folder / BUILT).write_bytes(built.SerializeToString())
    expected = expected_outputs(built, case.feeds)
    computed = runtime(built, optimised=False)(case.feeds)
    inputs = [
        {"name": name, **write_array(folder, f"input-{number}.bin", values)}
        for number, (name, values) in enumerate(case.feeds.items())
    ]
    outputs = []
    for number, (name, values) in enumerate(expected.items()):
        difference = largest_difference(computed[name], values)
        assert difference <= case.tolerance, f"{case.name}: {name} is off by {difference}"
        role = _role(built, name)
        assert role != "attribution" or values.any(), f"{case.name}: {name} is 0 everywhere"
        entry = {"name": name, "role": role}
        entry |= write_array(folder, f"output-{number}.bin", values)
        entry |= {"dtype": computed[name].dtype.name, "stored": entry["dtype"]}
        outputs.append(entry | {"tolerance": case.tolerance if values.dtype.kind == "f" else 0})
    properties = {p.key: p.value for p in built.metadata_props}
    about = {
        "case": case.name,
        "about": case.about,
        "expected": "onnx.reference, in float64",
        "model": BUILT,
        "metadata": properties,
        "inputs": inputs,
        "outputs": outputs,
    }
    if case.unit is not None:
        about["unit"] = write_array(folder, "unit.bin", case.unit)
    write_json(folder / CASE, about)


def rebuild(case: GraphCase, folder: Path, device: str) -> None:
    """Put the graph that is built for a device in place of a case's; what is expected stays.

    Raises:
        AssertionError: the metadata are others, so that the case does not describe it.
    """
    built = retrograph.build(case.source(), device=device, **case.options)
    metadata = {entry.key: entry.value for entry in built.metadata_props}
    assert metadata == read_case(folder)["metadata"], case.name
    (folder / BUILT).write_bytes(built.SerializeToString())


def expected_outputs(built: ModelProto, feeds: Feeds) -> Feeds:
    """What a graph gives in float64 on onnx.reference, floating point rounded to float32."""
    wide = {k: v.astype(np.float64) if v.dtype.kind == "f" else v for k, v in feeds.items()}
    outputs = reference(to_float64(built))(wide)
    arrays = {name: np.asarray(values) for name, values in outputs.items()}
    return {k: v.astype(np.float32) if v.dtype.kind == "f" else v for k, v in arrays.items()}


def _role(built: ModelProto, name: str) -> str:
    """What an output is by the contract: attribution, score, unit, bias_relevance or model."""
    contract = Contract.from_properties({p.key: p.value for p in built.metadata_props})
    assert contract is not None
    roles = {contract.called("score"): "score", contract.called("unit"): "unit"}
    roles |= dict.fromkeys(contract.attributions, "attribution")
    if contract.bias_relevance is not None:
        roles[contract.bias_relevance] = "bias_relevance"
    return roles.get(name, "model")


def _sample(file: str) -> Callable[[], str]:
    return lambda: str(SAMPLES / file)


def _photograph(*shape: int) -> Array:
    """Smooth colours from 0 to 1, as photographs have."""
    n, c, height, width = shape
    rows, columns = np.mgrid[0:height, 0:width] / max(height, width)
    waves = np.arange(1, n * c + 1).reshape(n, c, 1, 1)
    values: Array = 0.5 + 0.3 * np.sin(7 * waves * rows) + 0.2 * np.cos(5 * waves * columns + waves)
    return values.round(2).astype(np.float32)


def _int64(*values: Any) -> Array:
    return np.array(values, np.int64)


def _scaled_picture() -> Array:
    return (pixels(2, 3, 48, 48).astype(np.float32) - 110) / 60


def _letters() -> Array:
    one_hot = np.eye(20, dtype=np.float32)[pixels(2, 64) % 20]
    return np.ascontiguousarray(one_hot.transpose(0, 2, 1))


CASES = (
    GraphCase(
        "top",
        "a sample model; the most active unit of each item",
        _sample("cifar10_cnn.onnx"),
        {"image": _photograph(2, 3, 32, 32)},
        options={"preprocessing": "0-1"},
    ),
    GraphCase(
        "unit-many",
        "three units of an inner layer for each item from one forward pass, one out of range",
        _sample("cifar10_cnn.onnx"),
        {
            "image": _photograph(2, 3, 32, 32),
            "select": _int64(
                [[81, 3, 7], [8, 1, 5], [90, 3, 8]], [[256, 0, 0], [12, 6, 5], [12, 6, 1]]
            ),
        },
        options={"layer": "relu3", "select": "unit", "many": True, "preprocessing": "0-1"},
    ),
    GraphCase(
        "channel",
        "a channel's most active position",
        own.squeeze_net,
        {"image": _scaled_picture(), "select": _int64([2], [19])},
        options={"layer": "fire3", "select": "channel", "preprocessing": "caffe-bgr"},
    ),
    GraphCase(
        "class-number",
        "classes of a layer [10, 1, 1], which explainers take by their numbers alone, too",
        nets.scores_as_a_map,
        {"image": _photograph(2, 3, 32, 32), "select": _int64([3, 0, 0], [8, 0, 0])},
        options={"select": "unit", "preprocessing": "0-1"},
        unit=_int64([3], [8]),
    ),
    GraphCase(
        "cotangent",
        "any weighting of the layer, by deconvnet",
        own.squeeze_net,
        {"image": _scaled_picture(), "cotangent": noise(2, 5)},
        options={"method": "deconvnet", "select": "cotangent", "preprocessing": "imagenet"},
    ),
    GraphCase(
        "top-many",
        "like SqueezeNet; `select` holds how many of the most active units are taken",
        own.squeeze_net,
        {"image": _scaled_picture(), "select": _int64(3)},
        options={"many": True, "preprocessing": "imagenet"},
    ),
    GraphCase(
        "one-dimension",
        "a sample model of sequences",
        _sample("motif_cnn.onnx"),
        {"sequence": _letters(), "select": _int64([0], [0])},
        options={"method": "gradient", "select": "unit"},
    ),
    GraphCase(
        "several-inputs",
        "two explained inputs, an output for each, and one of whole numbers",
        own.two_inputs,
        {"a": noise(3, 3), "b": noise(3, 4, seed=1), "count": _int64(*[[1, 0, 2]] * 3)},
    ),
    GraphCase(
        "float16-model",
        "a model in float16: its inputs and outputs are",
        nets.half_cnn,
        {"x": noise(2, 3, 8, 8).astype(np.float16), "select": _int64([1], [3])},
        tolerance=1e-3,
        options={"select": "unit"},
    ),
    GraphCase(
        "float16-precision",
        "a float32 model computed in float16: inputs and outputs stay float32",
        nets.cnn,
        {"x": noise(2, 3, 8, 8), "select": _int64([1], [3])},
        tolerance=1e-3,
        options={"select": "unit", "precision": "float16"},
    ),
    GraphCase(
        "rank-0",
        "the layer is a single number, its unit [0]",
        own.one_number,
        {"picture": noise(3, 6, 6), "select": _int64([0])},
        options={"layer": "energy", "select": "unit"},
    ),
    GraphCase(
        "no-batch",
        "a layer without a batch axis is one item, its units of full rank",
        own.no_batch,
        {"rows": noise(6, 5), "select": _int64([4, 3])},
        options={"layer": "y", "select": "unit"},
    ),
    GraphCase(
        "fixed-batch",
        "a batch that the file fixes at three",
        lambda: nets.cnn(batch=3),
        {"x": noise(3, 3, 8, 8)},
        options={"method": "gradient"},
    ),
    GraphCase(
        "bytes",
        "bytes as input, channels last: the attribution is floating point",
        own.byte_net,
        {"picture": pixels(2, 8, 8, 3)},
        options={"preprocessing": "0-255"},
    ),
    GraphCase(
        "taken-names",
        "the model has the contract's names itself: `retrograph.names` tells ours",
        own.taken_names,
        {
            "select": noise(2, 5),
            "attribution": noise(2, 3, seed=1),
            "retrograph.select": _int64([1], [2]),
        },
        options={"select": "unit", "wrt": "select"},
    ),
    GraphCase(
        "embeddings",
        "tokens, explained by the embeddings that they choose",
        own.token_net,
        {"tokens": _int64([1, 5, 2, 10, 0, 3, 3], [4, 4, 7, 9, 1, 2, 8])},
    ),
    GraphCase(
        "relevance",
        "a method of relevance: what fell to biases is an output, too",
        lambda: nets.cnn(),
        {"x": np.abs(noise(2, 3, 8, 8)), "select": _int64([0], [2])},
        options={"method": "lrp-epsilon", "select": "unit"},
    ),
    GraphCase(
        "no-outputs",
        "without the model's own outputs: nothing behind the layer runs",
        nets.nhwc_cnn,
        {"x": noise(2, 8, 8, 3), "select": _int64([3, 1, 2], [4, 0, 3])},
        options={"layer": "e", "select": "unit", "outputs": False, "preprocessing": "0-1"},
    ),
    GraphCase(
        "open-length",
        "a waveform of any length",
        lambda: nets.wave_net("T"),
        {"x": noise(2, 60)},
    ),
    GraphCase(
        "sampled",
        "a method that runs the network many times in a Loop",
        lambda: nets.cnn(),
        {"x": noise(2, 3, 8, 8)},
        options={"method": "integrated-gradients"},
    ),
)
