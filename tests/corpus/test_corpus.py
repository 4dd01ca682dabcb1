"""Real models: their outputs stay, they build and run, and their gradients are derivatives."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from check_corpus import ROUNDING, TOLERANCE, check, is_right
from corpus_inputs import (
    PICTURE_CLASSIFIERS,
    cifar10,
    imagenet_classes,
    mnist,
    photos,
    root,
)
from retrograph import Explainer, InputError, RetrographError, UnsupportedError
from retrograph.preprocess import load_picture
from support.corpus import (
    ENTRIES,
    built,
    distance,
    each,
    feeds_of,
    needs_corpus,
    own_spread,
    source_outputs,
)
from support.graphs import LEVELS, METHODS, assert_close, runner

pytestmark = needs_corpus

CLASSIFIERS = (*PICTURE_CLASSIFIERS, "timeseries", "proteomics1d")
SAME = 1e-5
SPREAD = 2.0
LARGE = 50_000


@each()
def test_the_manifest_names_the_files(name: str) -> None:
    assert ENTRIES[name].file.is_file()


@each()
def test_outputs_are_those_of_the_source(name: str) -> None:
    """At every optimisation level, to float rounding.

    Where rounding is amplified (quantised activations jump by a whole step; the logarithm of a
    small number; float16), the yardstick is by how much the source model itself moves between the
    levels: a built graph may move twice as far; in float32 with optimisations off not at all.
    """
    try:
        model = built(name, "gradient")
    except UnsupportedError as error:
        pytest.skip(str(error).splitlines()[0])
    for level in LEVELS:
        outputs = runner(model, level)(**feeds_of(name))
        for key, expected in source_outputs(name).items():
            found = distance(outputs[key], expected)
            if found > SAME:
                assert level != "off" or expected.dtype == np.float16
                assert found <= SPREAD * own_spread(name)[key], (level, key)


@each(*CLASSIFIERS)
@pytest.mark.parametrize("method", METHODS)
def test_classifiers_build_and_run(name: str, method: str) -> None:
    entry = ENTRIES[name]
    model = built(name, method)
    onnx.checker.check_model(model, full_check=True)
    own = {node.domain for node in entry.model.proto.graph.node} | {"", "ai.onnx"}
    assert {node.domain for node in model.graph.node} <= own
    assert model.ByteSize() < 1.05 * entry.file.stat().st_size + 300_000
    x = feeds_of(name)[entry.model.inputs[0].name]
    outputs = runner(model)(**feeds_of(name))
    assert outputs["attribution"].shape == x.shape
    assert np.isfinite(outputs["attribution"]).all()
    assert outputs["attribution"].any()


@each(*CLASSIFIERS)
def test_the_gradient_is_the_derivative(name: str) -> None:
    """Central differences in float64 on onnx.reference, of the canonical model cut at the target.

    The built graph runs in float64 too, and in ONNX Runtime it differs by rounding only. For large
    pictures that takes too long here: one direction, against ONNX Runtime's gradient. The whole is
    done by tools/corpus/check_corpus.py.
    """
    entry = ENTRIES[name]
    if entry.model.inputs[0].dtype != np.float32:
        pytest.skip("float16: see tools/corpus/check_corpus.py")
    if feeds_of(name)[entry.model.inputs[0].name].size < LARGE or entry.task == "proteomics1d":
        row = check(entry, directions=3)
        assert is_right(entry, row)
        assert row.rounding is not None
        assert row.rounding < 1e-3
    else:
        row = check(entry, directions=1, exact=False)
    found = row.gradient
    assert found is not None
    assert found.worst < (TOLERANCE if row.rounding else ROUNDING["float32"])
    assert found.score < 1e-5
    assert found.kinks <= 3


@each("cifar10")
def test_cifar10_accuracy_is_that_of_the_manifest(name: str) -> None:
    entry = ENTRIES[name]
    explainer = Explainer(entry.model, device="cpu")
    assert explainer.contract.shape == (10,)
    hits = sum(
        int(explainer.attribute(entry.picture(image)).unit[0, 0]) == label
        for image, label in cifar10()
    )
    assert hits == round(100 * entry.verified["acc_eran100"])


@each("mnist")
def test_mnist_digits_are_recognised(name: str) -> None:
    entry = ENTRIES[name]
    explainer = Explainer(entry.model, device="cpu")
    digits = mnist(50)
    hits = sum(
        int(explainer.attribute(entry.picture(image)).unit[0, 0]) == label
        for image, label in digits
    )
    assert hits >= 0.9 * len(digits)


# Photographs whose subject is an ImageNet class and fills the picture.
SUBJECTS = ("pelican", "kimono", "hummingbird", "chickadee", "dragonfly", "snake", "spider")


@each("imagenet")
def test_photographs_are_recognised(name: str) -> None:
    entry, folder = ENTRIES[name], root()
    assert folder is not None
    classes = imagenet_classes(entry.verified["label_offset"])
    explainer = Explainer(entry.model, device="cpu")
    asked = {file: what for file, what in photos().items() if what in SUBJECTS}
    assert len(asked) >= len(SUBJECTS)
    for file, what in asked.items():
        found = explainer.attribute(entry.picture(load_picture(folder / file)))
        assert what in classes[int(found.unit[0, 0])], file


@each("imagenet")
def test_many_units_equal_single_ones(name: str) -> None:
    entry = ENTRIES[name]
    x = feeds_of(name)[entry.model.inputs[0].name]
    together = Explainer(entry.model, method="guided", many=True, device="cpu").attribute(x, 2)
    alone = Explainer(entry.model, method="guided", select="unit", device="cpu")
    tolerance = 1e-4 if x.dtype == np.float32 else 2e-2
    for k in range(2):
        expected = alone.attribute(x, unit=together.unit[0, k])
        assert_close(together.attribution[:, k], expected.attribution, tolerance)


@each()
def test_what_cannot_be_built_says_why(name: str) -> None:
    """A refusal names every node that is in the way; nothing else is raised."""
    refused: dict[str, RetrographError] = {}
    for method in METHODS:
        try:
            built(name, method)
        except (UnsupportedError, InputError) as error:
            refused[method] = error
    for method, error in refused.items():
        if isinstance(error, UnsupportedError):
            assert error.problems
            assert all(p.node in str(error) and p.reason for p in error.problems)
        else:
            assert method != "gradient"
            assert 'method="gradient"' in str(error)
    assert not refused or ENTRIES[name].task not in PICTURE_CLASSIFIERS
