"""The sanity checks: against Quantus' own figures, closed forms and what was changed by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.stats
import skimage.metrics
from onnx import ModelProto

from corpus_inputs import cifar10
from retrograph import InputError, sanity_checks
from retrograph.sanity_checks.findings import Findings
from retrograph.sanity_checks.similarity import MEASURES, Comparison, magnitude, similarities, ssim
from support import nets
from support.corpus import needs_corpus
from support.paths import GOLDENS, SAMPLE_MODELS

Array = np.ndarray[Any, Any]

SAMPLE = SAMPLE_MODELS / "cifar10_cnn.onnx"
GOLDENS = dict(np.load(GOLDENS / "sanity" / "quantus.npz"))
SEED, STEPS, BASELINE, CLASSES = 3, 24, 0.25, 6


def golden_net() -> ModelProto:
    """The network that Quantus was given."""
    nodes = [
        nets.node("Conv", "x w1 b1", "a", pads=[1, 1, 1, 1]),
        nets.node("Relu", "a", "b"),
        nets.node("Conv", "b w2 b2", "c"),
        nets.node("Relu", "c", "d"),
        nets.node("Flatten", "d", "e"),
        nets.node("Gemm", "e w3 b3", "out", transB=1),
    ]
    layers = ("conv1", "conv2", "fc")
    constants = {f"w{i}": GOLDENS[f"{name}/weight"] for i, name in enumerate(layers, 1)}
    constants |= {f"b{i}": GOLDENS[f"{name}/bias"] for i, name in enumerate(layers, 1)}
    inputs = [nets.info("x", ["N", *GOLDENS["x"].shape[1:]])]
    return nets.model(nodes, inputs, [nets.info("out", ["N", CLASSES])], constants)


def pictures(count: int, *shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).random((count, *shape), np.float32)


@pytest.mark.parametrize("order", ["cascading", "independent"])
def test_randomisation_as_quantus(order: Any) -> None:
    found = sanity_checks.randomisation(
        golden_net(), GOLDENS["x"], methods=["gradient"], order=order, seed=SEED
    )
    assert found.stages == (("fc1",), ("conv2",), ("conv1",))
    for name in MEASURES:
        np.testing.assert_allclose(found.similarity[name][0], GOLDENS[f"{order}/{name}"], atol=2e-4)


def test_random_logit_as_quantus() -> None:
    found = sanity_checks.random_logit(golden_net(), GOLDENS["x"], methods=["gradient"], draws=5)
    same = found.others[:, :, 0] == GOLDENS["others"]
    assert (same.sum(axis=0) == 1).all(), "five draws of six classes are all the others"
    for name in MEASURES:
        ours = found.similarity[name][0].T[same.T]
        np.testing.assert_allclose(ours, GOLDENS[f"logit/{name}"], atol=2e-4)


def test_deletion_as_quantus() -> None:
    found = sanity_checks.faithfulness(
        golden_net(), GOLDENS["x"], methods=["gradient"], steps=STEPS, baseline=BASELINE
    )
    assert found.measure == "probability"
    np.testing.assert_allclose(found.deletion[0, 1:].T, GOLDENS["deletion"], atol=1e-6)


def test_units_are_those_of_the_model_as_it_is() -> None:
    subject = sanity_checks.Subject.of(
        golden_net(), GOLDENS["x"], ["gradient"], None, None, "cpu", None
    )
    np.testing.assert_array_equal(subject.units[:, 0], GOLDENS["unit"])


# Measures.


def test_measures_against_libraries() -> None:
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(2, 3, 16, 9))
    found = similarities(a, b, 0)
    size_a, size_b = np.abs(a).sum(axis=0), np.abs(b).sum(axis=0)
    x, y = size_a / size_a.max(), size_b / size_b.max()
    span = 1 - min(x.min(), y.min())
    assert found == pytest.approx(
        {
            "spearman-abs": scipy.stats.pearsonr(*map(ranks, (np.abs(a), np.abs(b))))[0],
            "spearman": scipy.stats.pearsonr(ranks(a), ranks(b))[0],
            "ssim": skimage.metrics.structural_similarity(x, y, data_range=span),
            "cosine": np.sum(a * b) / np.sqrt(np.sum(a * a) * np.sum(b * b)),
        }
    )


def ranks(a: Array) -> Array:
    return np.argsort(np.argsort(a.ravel()))


def test_measures_of_simple_maps() -> None:
    a = np.random.default_rng(2).normal(size=(2, 8, 8))
    assert list(similarities(a, 3 * a, 0).values()) == pytest.approx([1, 1, 1, 1])
    assert list(similarities(a, -a, 0).values()) == pytest.approx([1, -1, 1, -1])


@pytest.mark.parametrize("other", [np.zeros((2, 8, 8)), np.full((2, 8, 8), np.inf)])
def test_measures_of_a_map_without_content(other: Array) -> None:
    a = np.random.default_rng(2).normal(size=(2, 8, 8))
    assert np.isnan([*similarities(a, other, 0).values()]).all()


def test_magnitude_sums_over_channels() -> None:
    a = np.array([[[1.0, -2.0]], [[-3.0, 0.5]]])
    np.testing.assert_array_equal(magnitude(a, 0), [[4.0, 2.5]])
    np.testing.assert_array_equal(magnitude(a, None), abs(a))


def test_ssim_of_small_maps() -> None:
    a, b = np.random.default_rng(3).random((2, 4, 6))
    x, y = a / a.max(), b / b.max()
    span = 1 - min(x.min(), y.min())
    wanted = skimage.metrics.structural_similarity(x, y, win_size=3, data_range=span)
    assert ssim(a, b) == pytest.approx(wanted)
    assert np.isnan(ssim(a[:2], b[:2]))


# Checks.


@pytest.mark.slow
def test_the_same_seed_gives_the_same_figures() -> None:
    x = pictures(2, 3, 8, 8)

    def run(seed: int) -> tuple[Array, Array, Array]:
        kept = sanity_checks.randomisation(nets.cnn(), x, seed=seed).similarity["spearman"]
        other = sanity_checks.random_logit(nets.cnn(), x, draws=1, seed=seed).others
        control = sanity_checks.faithfulness(nets.cnn(), x, steps=4, seed=seed).deletion[-1]
        return kept, other, control

    first, again, second = run(1), run(1), run(2)
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(first[0], second[0])
    assert not np.array_equal(first[2], second[2])


def test_stages_group_layers_evenly() -> None:
    found = sanity_checks.randomisation(
        SAMPLE, pictures(1, 3, 32, 32), methods=["gradient"], stages=2
    )
    assert found.stages == (("fc1", "conv3"), ("conv2", "conv1"))
    each = sanity_checks.randomisation(
        SAMPLE, pictures(1, 3, 32, 32), methods=["gradient"], stages=9
    )
    np.testing.assert_allclose(
        found.similarity["cosine"][:, -1], each.similarity["cosine"][:, -1], atol=1e-6
    )


def linear(weights: Array) -> ModelProto:
    nodes = [nets.node("Flatten", "x", "f"), nets.node("MatMul", "f w", "out")]
    shape = ["N", *weights.shape[1:]]
    flat = {"w": weights.reshape(1, -1).T.copy()}
    return nets.model(nodes, [nets.info("x", shape)], [nets.info("out", ["N", 1])], flat)


def test_deletion_of_a_linear_model() -> None:
    """f(x) = w x: after k positions what is left is the sum over the others, largest |w| first."""
    rng = np.random.default_rng(4)
    weights = np.abs(rng.normal(size=(1, 2, 3, 4))).astype(np.float32)
    x = rng.random((1, 2, 3, 4)).astype(np.float32)
    found = sanity_checks.faithfulness(
        linear(weights), x, methods=["gradient"], layer="out", steps=12, baseline=0.0
    )
    assert found.measure == "activation"
    shares = (weights * x).sum(axis=1).ravel()[np.argsort(-weights.sum(axis=1).ravel())]
    wanted = 1 - np.concatenate([[0], np.cumsum(shares)]) / shares.sum()
    np.testing.assert_allclose(found.deletion[0, :, 0], wanted, atol=1e-6)
    area = (wanted[1:] + wanted[:-1]).sum() / 2 / 12
    assert found.deletion_area[0, 0] == pytest.approx(area, abs=1e-6)
    np.testing.assert_allclose(found.shares, np.arange(13) / 12)


def test_deletion_takes_the_mean_colour() -> None:
    """A model that sums what it sees keeps its activation: every channel's mean stays."""
    x = pictures(1, 3, 5, 5)
    found = sanity_checks.faithfulness(
        linear(np.ones((1, 3, 5, 5), np.float32)), x, methods=["gradient"]
    )
    assert found.deletion[:, -1, 0] == pytest.approx([1, 1], abs=1e-6)


def test_insertion_ends_at_the_whole_input() -> None:
    x = pictures(2, 3, 8, 8)
    found = sanity_checks.faithfulness(nets.cnn(), x, steps=5)
    start = found.deletion[0, 0]
    for curves in found.deletion[:, 0], found.insertion[:, -1]:
        np.testing.assert_allclose(curves, np.broadcast_to(start, curves.shape), atol=1e-6)
    blurred = found.insertion[:, 0]
    np.testing.assert_allclose(blurred, np.broadcast_to(blurred[0], blurred.shape), atol=1e-6)
    assert not np.allclose(blurred[0], start)


def test_signed_rank_puts_the_negative_last() -> None:
    weights = np.array([[[[3.0, -4.0, 1.0]]]], np.float32)
    x = np.array([[[[1.0, 0.2, 1.0]]]], np.float32)
    run: Callable[..., sanity_checks.Faithfulness] = sanity_checks.faithfulness
    model = linear(weights)
    by_size = run(model, x, methods=["gradient"], steps=3, baseline=0.0)
    by_sign = run(model, x, methods=["gradient"], steps=3, baseline=0.0, rank="signed")
    whole = 3 - 0.8 + 1
    assert by_size.deletion[0, :, 0] == pytest.approx([1, 4 / whole, 1 / whole, 0], abs=1e-6)
    assert by_sign.deletion[0, :, 0] == pytest.approx([1, 0.2 / whole, -0.8 / whole, 0], abs=1e-6)


def test_a_unit_that_is_not_active_has_no_curve() -> None:
    x = pictures(1, 3, 5, 5)
    model = linear(-np.ones((1, 3, 5, 5), np.float32))
    found = sanity_checks.faithfulness(model, x, methods=["gradient"], steps=2)
    assert np.isnan(found.deletion).all()
    (line,) = Findings(faithfulness=found).cautions()
    assert "1 input on which the unit is not active" in line


@pytest.mark.one_in(2)
@pytest.mark.parametrize(
    ("proto", "shape", "target"),
    [
        (nets.cnn(batch=2), (3, 8, 8), None),
        (nets.nhwc_cnn(), (8, 8, 3), None),
        (nets.half_cnn(), (3, 8, 8), None),
        (nets.sequence_net(), (4, 20), None),
        (nets.vector_net(), (5,), None),
        (nets.volume_net(), (2, 4, 4, 4), None),
        (nets.cnn(), (3, 8, 8), "relu1"),
    ],
    ids=["batch 2", "nhwc", "half", "sequence", "vector", "volume", "layer"],
)
def test_every_kind_of_input(proto: ModelProto, shape: tuple[int, ...], target: str | None) -> None:
    x = pictures(3, *shape, seed=5)
    given = {"methods": ["gradient", "guided"], "layer": target, "device": "cpu"}
    kept = sanity_checks.randomisation(proto, x, **given)
    other = sanity_checks.random_logit(proto, x, draws=2, **given)
    order = sanity_checks.faithfulness(proto, x, steps=3, **given)
    assert kept.similarity["cosine"].shape == (2, len(kept.stages), 3)
    assert (np.abs(kept.similarity["cosine"]) <= 1 + 1e-6).any()
    explained = sanity_checks.Subject.of(proto, x, ["gradient"], target, None, "cpu", None).units
    assert (np.any(other.others != explained, axis=2)).all()
    assert order.deletion.shape == order.insertion.shape == (3, 4, 3)
    assert np.isfinite(order.deletion).all()


def test_other_units_lie_at_the_same_position() -> None:
    x = pictures(2, 3, 8, 8)
    found = sanity_checks.random_logit(nets.cnn(), x, methods=["gradient"], layer="relu1", draws=3)
    explained = sanity_checks.Subject.of(
        nets.cnn(), x, ["gradient"], "relu1", None, "cpu", None
    ).units
    assert (found.others[:, :, 1:] == explained[:, 1:]).all()
    assert (found.others[:, :, 0] != explained[:, 0]).all()


def test_mistakes() -> None:
    x = pictures(1, 3, 8, 8)
    with pytest.raises(InputError, match="models of one input"):
        sanity_checks.randomisation(nets.two_input_net(), pictures(1, 5))
    with pytest.raises(InputError, match="nothing to check"):
        sanity_checks.random_logit(nets.cnn(), [])
    with pytest.raises(InputError, match="no other class"):
        sanity_checks.random_logit(
            linear(np.ones((1, 3, 8, 8), np.float32)), x, methods=["gradient"]
        )
    with pytest.raises(InputError, match="unknown method"):
        sanity_checks.random_logit(nets.cnn(), x, methods=["magic"])


def test_words_say_what_the_numbers_say() -> None:
    alike = Comparison.empty(2, 2, 1)
    for values in alike.similarity.values():
        values[:] = [[[0.1], [0.3]], [[0.95], [0.91]]]
    weights = sanity_checks.Randomisation(
        ("gradient", "guided"), "cascading", (("fc",), ("a", "b")), alike, ()
    )
    logit = sanity_checks.RandomLogit(("gradient", "guided"), np.zeros((2, 1, 1)), alike)
    said = Findings(randomisation=weights, logit=logit).words()
    assert said == [
        "Weights: averaged over the stages, |rho| is 0.93 for guided (hardly changes) and 0.20 for "
        "gradient (changes); with all 3 layers drawn anew 0.91 for guided and 0.30 for gradient. "
        "guided depends least on the weights, gradient most.",
        "Class: for another class, |rho| is 0.93 for guided (hardly changes) and 0.20 for gradient "
        "(changes). guided depends least on the class, gradient most.",
    ]


def test_the_verdict_on_a_method_is_one_sentence() -> None:
    alike = Comparison.empty(2, 1, 1)
    for values in alike.similarity.values():
        values[:] = [[[0.1]], [[0.95]]]
    methods = ("gradient", "guided")
    weights = sanity_checks.Randomisation(methods, "cascading", (("fc",),), alike, ())
    logit = sanity_checks.RandomLogit(methods, np.zeros((2, 1, 1)), alike)
    falling, rising = np.array([[1.0], [0.0]]), np.array([[0.0], [1.0]])
    flat = np.full((2, 1), 0.5)
    order = sanity_checks.Faithfulness(
        (*methods, "random"),
        "probability",
        np.array([0.0, 1.0]),
        np.stack([falling * 0.5, flat, flat]),
        np.stack([rising + 0.5, rising + 0.5, flat]),
    )
    found = Findings(randomisation=weights, logit=logit, faithfulness=order)
    assert found.verdict("gradient") == (
        "This map depends on what the network has learned, is another one for another class or "
        "channel and points at places that matter more to the score than random ones."
    )
    assert found.verdict("guided") == (
        "This map hardly depends on what the network has learned, is nearly the same for another "
        "class or channel and points at places that matter more to the score than random ones "
        "when they are put back, not when they are taken away."
    )
    alike.similarity["spearman-abs"][:] = np.nan
    assert Findings(logit=logit).verdict("guided") == ""


def test_a_map_changes_in_part_where_the_measures_disagree() -> None:
    """Such as gradients that fall off around the unit alike, whatever the weights."""
    alike = Comparison.empty(1, 1, 1)
    alike.similarity["spearman-abs"][:], alike.similarity["cosine"][:] = 0.95, -0.05
    found = sanity_checks.RandomLogit(("gradient",), np.zeros((1, 1, 1)), alike)
    (said,) = Findings(logit=found).words()
    assert said == "Class: for another class, |rho| is 0.95 for gradient (changes in part)."


def test_maps_that_vanish_are_told() -> None:
    alike = Comparison.empty(1, 1, 2)
    alike.blank[:] = [[[True, False]]]
    found = sanity_checks.RandomLogit(("deconvnet",), np.zeros((1, 2, 1)), alike)
    lines = Findings(logit=found).cautions()
    assert len(lines) == 2
    alike.dark[:] = True
    assert (
        "2 of the 2 maps of other classes are compared with one that is 0"
        in (Findings(logit=found).cautions()[0])
    )
    assert "1 of the 2 maps of other classes are 0 everywhere" in lines[0]
    assert Findings(logit=found).words() == [
        "Class: for another class, |rho| is undefined for deconvnet."
    ]


def test_what_a_unit_does_not_see_is_no_likeness() -> None:
    """Unrelated maps that are 0 outside of a corner: |rho| is high, and the words do not use it."""
    rng = np.random.default_rng(6)
    a, b = np.zeros((2, 3, 32, 32))
    a[:, :6, :6], b[:, :6, :6] = rng.normal(size=(2, 3, 6, 6))
    alike = Comparison.empty(1, 1, 1)
    alike.put((0, 0, 0), a, b, 0)
    assert alike.silent.item() == 1 - 36 / 1024
    assert alike.similarity["spearman-abs"].item() > 0.9
    found = Findings(logit=sanity_checks.RandomLogit(("gradient",), np.zeros((1, 1, 1)), alike))
    cosine = alike.similarity["cosine"].item()
    assert found.words() == [
        f"Class: for another class, cos is {cosine:.2f} for gradient (changes)."
    ]
    (line,) = found.cautions()
    assert "96 % for gradient" in line


@pytest.mark.slow
@needs_corpus
def test_guided_depends_less_on_weights_and_class_than_the_gradient() -> None:
    """What Adebayo et al. and Sixt et al. found, on the sample model and pictures of CIFAR-10."""
    shown = [np.asarray(image, np.float32) / 255 for image, _ in cifar10()[:6]]
    x = np.stack(shown).transpose(0, 3, 1, 2)
    kept = sanity_checks.randomisation(SAMPLE, x).similarity["spearman-abs"].mean(axis=(1, 2))
    other = sanity_checks.random_logit(SAMPLE, x).similarity["spearman-abs"].mean(axis=(1, 2))
    gradient, _, guided = zip(kept, other, strict=True)
    assert gradient < (0.25, 0.35)
    assert guided[0] > gradient[0] + 0.2
    assert guided[1] > gradient[1] + 0.3
