"""The corpus for tests: which models there are, and their outputs in ONNX Runtime.

What an input looks like and what float64 says of a gradient is in tools/corpus/corpus_inputs.py and
tools/corpus/corpus_float64.py.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
from onnx import ModelProto

from corpus_inputs import VARIABLE, entries
from support.graphs import LEVELS, Array, runner

needs_corpus = pytest.mark.skipif(
    not entries(), reason=f"{VARIABLE} does not name the folder of the corpus of real models"
)

ENTRIES = {entry.name: entry for entry in entries()}
QUICK = (
    "carvana_unet_simp",
    "cifar10_resnet_4b",
    "collins_rul_small20",
    "ideeplc_tf",
    "mnist_cntk",
    "mnist_keras2onnx_28k",
    "mobilenetv1_05_160_tflite",
    "puffin_dna_seqbro",
    "squeezenet_imagenet_fp16",
    "tinyyolo_ball",
)
"""Small models of several tasks, exporters and layouts; the others run in make test-all."""


def each(*tasks: str) -> pytest.MarkDecorator:
    """One test for each model of the corpus with one of these tasks; of all without tasks."""
    names = [
        e.name if e.name in QUICK else pytest.param(e.name, marks=pytest.mark.slow)
        for e in entries()
        if not tasks or e.task in tasks
    ]
    return pytest.mark.parametrize("name", names or ["no corpus"])


@cache
def feeds_of(name: str) -> dict[str, Array]:
    """An input of a model."""
    return ENTRIES[name].feeds()


@cache
def source_outputs(name: str) -> dict[str, Any]:
    """What the source model gives with optimisations off."""
    return runner(ENTRIES[name].model.proto, "off")(**feeds_of(name))


@cache
def own_spread(name: str) -> dict[str, float]:
    """How far the source model's own outputs move between ONNX Runtime's optimisation levels."""
    spread = dict.fromkeys(source_outputs(name), 0.0)
    for level in LEVELS:
        outputs = runner(ENTRIES[name].model.proto, level)(**feeds_of(name))
        for key, expected in source_outputs(name).items():
            spread[key] = max(spread[key], distance(outputs[key], expected))
    return spread


def distance(found: Any, wanted: Any) -> float:
    """The greatest difference by the greatest magnitude; of labels the share that differs."""
    if isinstance(wanted, list):  # ZipMap: a dictionary for each item
        assert [list(f) for f in found] == [list(w) for w in wanted]
        found, wanted = (np.array([list(d.values()) for d in side]) for side in (found, wanted))
    assert found.shape == wanted.shape
    assert found.dtype == wanted.dtype
    if not np.issubdtype(wanted.dtype, np.floating):
        return float((found != wanted).mean())
    assert np.isfinite(wanted).all()
    largest = np.abs(wanted.astype(np.float64)).max(initial=0.0)
    difference = np.abs(found.astype(np.float64) - wanted.astype(np.float64)).max(initial=0.0)
    return float(difference / largest) if largest else float(difference)


@cache
def built(name: str, method: str) -> ModelProto:
    """The built graph of a model's default target."""
    model = ENTRIES[name].model
    return model.build(model.request(method=method))
