"""Rules of relevance at single linear layers, against their formulas on dense matrices."""

from __future__ import annotations

import numpy as np
import pytest

from support.graphs import noise
from support.relevance_case import (
    BOX,
    EACH,
    assert_near,
    assert_rule,
    explained,
    item_of,
    net,
    values,
)

CONVOLUTIONS = {
    "plain": ("Conv (x, k, b)", "float[4, 2, 3, 3] k, float[4] b"),
    "no_bias": ("Conv (x, k)", "float[4, 2, 3, 3] k"),
    "padded": ("Conv <pads = [1, 0, 2, 1]> (x, k, b)", "float[4, 2, 3, 3] k, float[4] b"),
    "strided": (
        "Conv <strides = [2, 3], pads = [1, 1, 1, 1]> (x, k, b)",
        "float[4, 2, 3, 3] k, float[4] b",
    ),
    "dilated": ("Conv <dilations = [2, 1]> (x, k, b)", "float[4, 2, 3, 2] k, float[4] b"),
    "same": (
        'Conv <auto_pad = "SAME_LOWER", strides = [2, 2]> (x, k, b)',
        "float[4, 2, 3, 3] k, float[4] b",
    ),
    "grouped": ("Conv <group = 2> (x, k, b)", "float[6, 1, 3, 3] k, float[6] b"),
    "one_by_one": ("Conv (x, k, b)", "float[5, 2, 1, 1] k, float[5] b"),
    "transposed": (
        "ConvTranspose <strides = [2, 1]> (x, k, b)",
        "float[2, 3, 3, 2] k, float[3] b",
    ),
    "transposed_grouped": (
        "ConvTranspose <group = 2, strides = [2, 2], output_padding = [1, 0], pads = [1, 1, 0, 1]>"
        " (x, k, b)",
        "float[2, 3, 3, 3] k, float[6] b",
    ),
    "transposed_no_bias": ("ConvTranspose (x, k)", "float[2, 3, 2, 2] k"),
}
OTHER_RANKS = {
    "signal": (
        "N, 3, 9",
        "N, m, l",
        "Conv <strides = [2]> (x, k, b)",
        "float[4, 3, 3] k, float[4] b",
    ),
    "volume": (
        "N, 2, 4, 3, 4",
        "N, m, d, h, w",
        "Conv <pads = [1, 0, 0, 1, 0, 0]> (x, k, b)",
        "float[3, 2, 2, 2, 2] k, float[3] b",
    ),
    "depthwise_signal": (
        "N, 3, 9",
        "N, m, l",
        "Conv <group = 3> (x, k, b)",
        "float[3, 1, 3] k, float[3] b",
    ),
}
PRODUCTS = {
    "gemm": ("N, 6", "N, m", "Gemm (x, k)", "float[6, 4] k"),
    "gemm_scalar": ("N, 6", "N, m", "Gemm (x, k, b)", "float[6, 4] k, float b"),
    "gemm_line": ("N, 6", "N, m", "Gemm (x, k, b)", "float[6, 4] k, float[4] b"),
    "gemm_row": ("N, 6", "N, m", "Gemm (x, k, b)", "float[6, 4] k, float[1, 4] b"),
    "gemm_scaled": (
        "N, 6",
        "N, m",
        "Gemm <alpha = -1.5, beta = 0.3, transB = 1> (x, k, b)",
        "float[4, 6] k, float[4] b",
    ),
    "gemm_alpha": ("N, 6", "N, m", "Gemm <alpha = 0.5> (x, k, b)", "float[6, 4] k, float[4] b"),
    "matmul": ("N, 6", "N, m", "MatMul (x, k)", "float[6, 4] k"),
    "matmul_of_rows": ("N, 3, 6", "N, l, m", "MatMul (x, k)", "float[6, 4] k"),
    "matmul_left": ("N, 6, 3", "N, m, l", "MatMul (k, x)", "float[4, 6] k"),
    "matmul_left_four": ("N, 2, 5, 3", "N, c, m, l", "MatMul (k, x)", "float[4, 5] k"),
    "matmul_batched": ("N, 2, 3, 6", "N, c, l, m", "MatMul (x, k)", "float[2, 6, 4] k"),
    "matmul_batched_left": ("N, 2, 6, 3", "N, c, m, l", "MatMul (k, x)", "float[2, 4, 6] k"),
    "matmul_vector": ("N, 5, 5", "N, l", "MatMul (x, k)", "float[5] k"),
}


@pytest.mark.one_in(6)
@pytest.mark.parametrize("layer", CONVOLUTIONS)
@pytest.mark.parametrize("rule", EACH | BOX)
def test_convolutions(layer: str, rule: str) -> None:
    made, weights = CONVOLUTIONS[layer]
    assert_rule(net(f"y = {made}", weights=weights), (EACH | BOX)[rule], (2, 7, 6))


@pytest.mark.one_in(3)
@pytest.mark.parametrize("layer", OTHER_RANKS)
@pytest.mark.parametrize("rule", EACH | BOX)
def test_convolutions_of_other_ranks(layer: str, rule: str) -> None:
    x, y, made, weights = OTHER_RANKS[layer]
    assert_rule(net(f"y = {made}", x, y, weights), (EACH | BOX)[rule], item_of(x))


@pytest.mark.one_in(4)
@pytest.mark.parametrize("layer", PRODUCTS)
@pytest.mark.parametrize("rule", EACH)
def test_products(layer: str, rule: str) -> None:
    x, y, made, weights = PRODUCTS[layer]
    assert_rule(net(f"y = {made}", x, y, weights), EACH[rule], item_of(x))


BATCHLESS = {
    "gemm_by_items": ("3, 6", "3, m", "Gemm (x, k, b)", "float[6, 4] k, float[3, 4] b"),
    "gemm_one_each": ("3, 6", "3, m", "Gemm (x, k, b)", "float[6, 4] k, float[3, 1] b"),
    "gemm_turned": ("6, 3", "3, m", "Gemm <transA = 1> (x, k, b)", "float[6, 4] k, float[4] b"),
    "gemm_right": ("6, 3", "m, 3", "Gemm (k, x, b)", "float[4, 6] k, float[3] b"),
    "gemm_right_turned": (
        "3, 6",
        "m, 3",
        "Gemm <transB = 1, alpha = 2.0> (k, x, b)",
        "float[4, 6] k, float[4, 1] b",
    ),
    "matmul_left": ("6, 3", "m, 3", "MatMul (k, x)", "float[4, 6] k"),
    "vector": ("6", "m", "MatMul (x, k)", "float[6, 4] k"),
    "vector_right": ("6", "m", "MatMul (k, x)", "float[4, 6] k"),
    "vector_of_many": ("6", "c, m", "MatMul (k, x)", "float[2, 4, 6] k"),
}


@pytest.mark.one_in(2)
@pytest.mark.parametrize("layer", BATCHLESS)
@pytest.mark.parametrize("rule", EACH)
def test_products_whose_batch_does_not_lead(layer: str, rule: str) -> None:
    """The whole input is one item, or its rows have a bias of their own."""
    x, y, made, weights = BATCHLESS[layer]
    model = net(f"y = {made}", x, y, weights)
    size = tuple(int(d) for d in x.split(","))
    given, (method, by_formula) = noise(*size), EACH[rule]
    zero = values(model, np.zeros(size)).reshape(-1)
    units = np.eye(given.size).reshape(-1, *size)
    w = np.stack([values(model, unit).reshape(-1) - zero for unit in units], 1)
    w[np.abs(w) < 1e-6] = 0
    found, ct = explained(model, method, given)
    r = (values(model, given) * ct).reshape(-1)
    wanted, kept = by_formula(w, zero, given.reshape(-1).astype(np.float64), r)
    assert_near(found["attribution"].reshape(-1), wanted)
    assert_near(found["bias_relevance"].sum(), kept.sum())
