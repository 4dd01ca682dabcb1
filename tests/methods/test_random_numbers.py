"""The generator of the sampled methods: by its formula in NumPy, and its statistics."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from onnx import TensorProto, helper
from scipy import stats

from retrograph.ir.emit import INT64, Emitter
from retrograph.ir.graph import Graph, Tensor
from retrograph.methods import random
from support.graphs import Array, runner
from support.random_formula import MORE_ROUNDS, ROUNDS, P, keys_by_formula, normal_by_formula

SIZE, SAMPLES = 20_001, 24


def drawn(size: int, keys: Array) -> Array:
    """The emitted numbers of some samples, float32 [samples, size]."""
    inputs = [helper.make_tensor_value_info("key", TensorProto.INT64, [])]
    outputs = [helper.make_tensor_value_info("numbers", TensorProto.FLOAT, [size])]
    opsets = [helper.make_opsetid("", 18)]
    model = helper.make_model(
        helper.make_graph([], "none", inputs, []), opset_imports=opsets, ir_version=8
    )
    graph = Graph(model)
    e, length = Emitter(graph), [size]
    places = random.places(e, e.ints(length))
    found = random.normal(e, places, Tensor("key", INT64, ()), e.ints(length))
    run = runner(graph.to_model(replace(e.finish({"numbers": found}), outputs=outputs)))
    return np.stack([run(np.asarray(key))["numbers"] for key in keys])


@pytest.fixture(scope="module")
def numbers() -> Array:
    return drawn(SIZE, random.keys(0, 0, SAMPLES))


@pytest.mark.parametrize(("seed", "stream"), [(0, 0), (1, 0), (7, 3), (2**40, 1)])
def test_the_numbers_are_those_of_the_formula(seed: int, stream: int) -> None:
    found = drawn(501, random.keys(seed, stream, 3))
    for sample in range(3):
        wanted = normal_by_formula(seed, stream, sample, 501)
        np.testing.assert_allclose(found[sample], wanted, rtol=0, atol=2e-5)


@pytest.mark.parametrize("size", [1, 2, 3, 10])
def test_any_size(size: int) -> None:
    (found,) = drawn(size, random.keys(5, 0, 1))
    np.testing.assert_allclose(found, normal_by_formula(5, 0, 0, size), rtol=0, atol=2e-5)


def test_a_round_is_a_permutation_and_fits_into_64_bits() -> None:
    assert np.gcd(5, P - 1) == 1
    assert (P + max(*ROUNDS, *MORE_ROUNDS)) ** 2 < 2**63


def test_mean_and_variance(numbers: Array) -> None:
    count = numbers.size
    assert abs(numbers.mean()) < 4 / np.sqrt(count)
    assert abs(numbers.var() - 1) < 4 * np.sqrt(2 / count)
    assert abs(stats.skew(numbers, axis=None)) < 4 * np.sqrt(6 / count)
    assert abs(stats.kurtosis(numbers, axis=None)) < 4 * np.sqrt(24 / count)


def test_the_distribution_is_normal(numbers: Array) -> None:
    assert stats.kstest(numbers.ravel(), "norm").pvalue > 1e-3
    each = [stats.kstest(sample, "norm").pvalue for sample in numbers]
    assert stats.kstest(each, "uniform").pvalue > 1e-3


@pytest.mark.parametrize("lag", [1, 2, 3, 17, 224, (SIZE + 1) // 2])
def test_positions_are_not_correlated(numbers: Array, lag: int) -> None:
    """The last lag pairs the cosine with the sine of one angle."""
    for value in (numbers, numbers**2):
        a, b = value[:, :-lag].ravel(), value[:, lag:].ravel()
        assert abs(np.corrcoef(a, b)[0, 1]) < 4.5 / np.sqrt(a.size)


def test_samples_are_not_correlated(numbers: Array) -> None:
    for value in (numbers, numbers**2):
        table = np.corrcoef(value)[np.triu_indices(SAMPLES, 1)]
        assert np.abs(table).max() < 5 / np.sqrt(SIZE)


def test_seeds_and_streams_are_not_correlated() -> None:
    pairs = [(seed, stream) for seed in range(5) for stream in range(3)]
    keys = [random.keys(seed, stream, 1)[0] for seed, stream in pairs]
    table = np.corrcoef(drawn(SIZE, np.array(keys)))[np.triu_indices(len(pairs), 1)]
    assert np.abs(table).max() < 5 / np.sqrt(SIZE)


def test_a_position_is_not_correlated_between_samples() -> None:
    """The numbers that one place has in many samples."""
    few = drawn(40, random.keys(0, 0, 1500))
    assert stats.kstest(few.ravel(), "norm").pvalue > 1e-3
    assert np.abs(few.mean(0)).max() < 4.5 / np.sqrt(1500)
    a, b = few[:-1].ravel(), few[1:].ravel()
    assert abs(np.corrcoef(a, b)[0, 1]) < 4 / np.sqrt(a.size)


def test_uniform_numbers() -> None:
    found = random.uniform(3, 1, 5000)
    np.testing.assert_array_equal(
        found[:20], (np.array(keys_by_formula(3, 1, 20), np.float64) + 0.5) / 2**31
    )
    assert stats.kstest(found, "uniform").pvalue > 1e-3
    assert abs(np.corrcoef(found[:-1], found[1:])[0, 1]) < 4 / np.sqrt(5000)
    assert abs(np.corrcoef(found, random.uniform(3, 0, 5000))[0, 1]) < 4 / np.sqrt(5000)
