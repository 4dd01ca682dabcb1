"""Where the items are said to lie, no number depends on another item: held against the values."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from onnx import ModelProto, TensorProto, helper, numpy_helper, parser
from onnx.reference import ReferenceEvaluator

from retrograph import Explainer
from retrograph.ir.analysis.batch_axis import Place, follow_batch
from retrograph.ir.passes.canonicalize import canonicalize
from support.graphs import Array

ITEMS = 2
INTS: dict[str, Any] = {
    "a0": [0], "a1": [1], "a2": [2], "a3": [3], "a12": [1, 2], "m1": [-1], "i": 1, "i0": 0,
    "fold": [6, 4, 6], "unfold": [2, 3, 4, 6], "line": [144], "rows": [2, 72], "minor": [12, 12],
    "cut": [4, 2, 18], "front": [1, 2, 72], "s1": [1], "s2": [2], "s9": [9], "zero": [0],
    "rep": [1, 2, 1, 1], "rep0": [2, 1, 1, 1], "pads": [0, 0, 1, 0, 0, 0, 1, 0],
    "pads0": [1, 0, 0, 0, 0, 0, 0, 0], "wide": [2, 3, 4, 6], "some": [0, 2], "sf": [4, 2, 18],
    "sf2": [8, 18], "tf": [4, 36], "empty": [], "four": [5, 2, 3, 4, 6],
}  # fmt: skip
INTS |= {"sq": [3, 4, 6, 2], "sq0": [2, 4, 18], "m9": [-9], "a123": [1, 2, 3], "three": [3, 48]}
INTS |= {"wide8": [2, 3, 8, 6], "blocks": [[0, 2], [5, 3]], "swapped": [[5, 4, 3], [2, 1, 0]]}
INTS |= {"all": np.arange(144).reshape(1, 2, 72)}
INTS |= {"ones": np.ones((2, 3, 4, 6)), "places": np.ones((2, 3, 4, 6)) * 2}
OWN = np.stack(np.meshgrid(range(2), range(3), range(4), range(6), indexing="ij"), -1)
INTS |= {"own": OWN.reshape(2, 72, 4), "other": OWN[::-1].reshape(2, 72, 4)}
FLOATS = {"w": (5, 3, 3, 3), "m": (6, 5), "left": (5, 4), "cn": (2, 1, 1, 1), "c5": (5, 1, 1, 1, 1)}
FLOATS |= {"g": (72, 5), "b6": (6,), "vec": (6,), "gt": (5, 72), "row": (72,)}
FLOATS |= {"pair": (2, 4), "mats4": (3, 1, 6, 5), "cn2": (2,), "square": (2, 2)}
LEAD, LAST, THREE = Place(), Place(3), Place(0, 1, 3)
FIRST = "t = Transpose<perm = [1, 0, 2, 3]>(x)"
BACK = "t = Transpose<perm = [1, 2, 3, 0]>(x)"

CASES = {
    "conv": ("y = Conv(x, w)", LEAD),
    "conv of weights made of the items": ("v = Relu(x) y = Conv<kernel_shape=[4, 6]>(x, v)", None),
    "conv along the items": (f"{FIRST} y = GlobalAveragePool(t)", None),
    "function of turned": (f"{BACK} y = Tanh(t)", LAST),
    "normalised": ("y = LayerNormalization<axis = -1>(x, b6)", LEAD),
    "normalised along": (f"{BACK} y = LayerNormalization<axis = -1>(t, cn2)", None),
    "normalised beside": (f"{FIRST} y = LayerNormalization<axis = -1>(t, b6)", Place(1)),
    "fold": ("y = Reshape(x, fold)", Place(0, 1, 3)),
    "fold, unfold": ("t = Reshape(x, fold) s = Relu(t) y = Reshape(s, unfold)", LEAD),
    "line": ("y = Reshape(x, line)", Place(0, 1, 72)),
    "minor": (f"{BACK} y = Reshape(t, minor)", Place(1, 6, 1)),
    "minor back": (
        f"{BACK} s = Reshape(t, minor) r = Exp(s) q = Reshape(r, sq) "
        "y = Transpose<perm = [3, 0, 1, 2]>(q)",
        LEAD,
    ),
    "by smaller rows": ("y = Reshape(x, cut)", Place(0, 1, 2)),
    "not by rows": ("y = Reshape(x, three)", None),
    "a batch in front of others": ("y = Reshape(x, front)", Place(1)),
    "scrambled": (f"{FIRST} y = Reshape(t, rows)", None),
    "sequence": (
        "s = Reshape(x, sq0) t = Transpose<perm = [1, 0, 2]>(s) y = Reshape(t, sf2)",
        Place(0, 4, 1),
    ),
    "flat": ("y = Flatten(x)", LEAD),
    "flat, two": ("y = Flatten<axis = 2>(x)", Place(0, 1, 3)),
    "flat, none": ("y = Flatten<axis = 0>(x)", Place(1, 1, 72)),
    "flat, back": (f"{BACK} y = Flatten<axis = 3>(t)", Place(1)),
    "unsqueeze, squeeze": ("t = Unsqueeze(x, a0) s = Relu(t) y = Squeeze(s, a0)", LEAD),
    "squeeze all": ("m = ReduceMean(x, a12) y = Squeeze(m)", LEAD),
    "mean beside": ("y = ReduceMean<keepdims = 0>(x, a12)", LEAD),
    "mean along": (f"{FIRST} y = ReduceMean<keepdims = 0>(t, a1)", None),
    "mean before": (f"{FIRST} y = ReduceMean<keepdims = 0>(t, a0)", LEAD),
    "mean of all": ("y = ReduceMean(x)", None),
    "mean of none": ("y = ReduceMean<noop_with_empty_axes = 1>(x, empty)", LEAD),
    "greatest": ("n = ArgMax<axis = 2, keepdims = 0>(x) y = Cast<to = 1>(n)", LEAD),
    "greatest by default": ("n = ArgMax(x) y = Cast<to = 1>(n)", None),
    "softmax": ("y = Softmax<axis = 1>(x)", LEAD),
    "softmax along": (f"{BACK} y = Softmax<axis = -1>(t)", None),
    "softmax of folded": ("t = Reshape(x, fold) y = Softmax<axis = 1>(t)", Place(0, 1, 3)),
    "softmax over the fold": ("t = Reshape(x, fold) y = Softmax<axis = 0>(t)", None),
    "taken beside": ("y = Gather<axis = 1>(x, i)", LEAD),
    "taken before": (f"{FIRST} y = Gather<axis = 0>(t, some)", Place(1)),
    "one taken before": (f"{FIRST} y = Gather<axis = 0>(t, i)", LEAD),
    "taken along": ("y = Gather<axis = 0>(x, a1)", None),
    "taken as strided": ("t = Reshape(x, line) y = Gather<axis = 0>(t, all)", Place(1)),
    "taken in blocks": ("t = Reshape(x, fold) y = Gather<axis = 0>(t, blocks)", Place(0)),
    "taken, items exchanged": ("t = Reshape(x, fold) y = Gather<axis = 0>(t, swapped)", None),
    "joined beside": ("t = Tanh(x) y = Concat<axis = 1>(x, t)", LEAD),
    "joined along": ("t = Tanh(x) y = Concat<axis = 0>(x, t)", None),
    "joined with a turned": (f"{FIRST} s = ReduceMean(t) y = Concat<axis = 0>(t, t)", Place(1)),
    "scattered beside": ("t = Tanh(x) y = ScatterElements<axis = 1>(x, places, t)", LEAD),
    "scattered along": ("t = Tanh(x) y = ScatterElements<axis = 0>(x, ones, t)", None),
    "scattered, a number each": ("t = Tanh(x) s = Flatten(t) y = ScatterND(x, own, s)", LEAD),
    "scattered, exchanged": ("t = Tanh(x) s = Flatten(t) y = ScatterND(x, other, s)", None),
    "parted": ("y, z = Split<axis = 2, num_outputs = 2>(x)", LEAD),
    "parted along": ("y, z = Split<num_outputs = 2>(x)", None),
    "cut": ("y = Slice(x, s1, s9, a2)", LEAD),
    "cut along": ("y = Slice(x, s1, s2, a0)", None),
    "cut along, whole": ("y = Slice(x, zero, s9, a0)", LEAD),
    "cut along, turned round": ("y = Slice(x, m1, m9, a0, m1)", None),
    "cut along, whole, folded": ("t = Reshape(x, fold) y = Slice(t, zero, s9, a0)", Place(0, 1, 3)),
    "cut of a fold": ("t = Reshape(x, fold) y = Slice(t, s1, s9, a0)", None),
    "padded": ("y = Pad(x, pads)", LEAD),
    "padded along": ("y = Pad(x, pads0)", None),
    "repeated": ("y = Tile(x, rep)", LEAD),
    "repeated along": ("y = Tile(x, rep0)", Place(0, 2, 1)),
    "expanded": ("y = Expand(x, four)", Place(1)),
    "sum": (f"{FIRST} s = Relu(t) y = Add(t, s)", Place(1)),
    "sum with a constant a row": ("y = Add(x, cn)", LEAD),
    "sum with more axes": ("y = Mul(x, c5)", Place(1)),
    "sum of others": (f"{BACK} s = Transpose<perm = [3, 0, 1, 2]>(t) y = Add(x, s)", LEAD),
    "crossed": ("e = ReduceMean<keepdims = 0>(x, a123) h = Unsqueeze(e, a1) y = Mul(e, h)", None),
    "product": ("y = MatMul(x, m)", LEAD),
    "product, from the left": ("y = MatMul(left, x)", LEAD),
    "product, of rows": ("f = Flatten(x) y = MatMul(f, g)", LEAD),
    "product, columns": ("f = Flatten(x) t = Transpose(f) y = MatMul(gt, t)", Place(1)),
    "product, over the items": ("f = Flatten(x) y = MatMul(square, f)", None),
    "product, with a vector": ("y = MatMul(x, vec)", LEAD),
    "product, of a vector": ("f = Flatten(x) t = Transpose(f) y = MatMul(row, t)", LEAD),
    "product, over the items, from the right": (
        "f = Flatten(x) t = Transpose(f) y = MatMul(t, square)",
        None,
    ),
    "product, of matrices": ("t = Transpose<perm = [0, 1, 3, 2]>(x) y = MatMul(x, t)", LEAD),
    "product, of all pairs": ("f = Flatten(x) t = Transpose(f) y = MatMul(f, t)", None),
    "product, folded": (
        "t = Reshape(x, fold) s = Transpose<perm = [0, 2, 1]>(t) y = MatMul(t, s)",
        Place(0, 1, 3),
    ),
    "product, with more axes": (
        "r = ReduceMean<keepdims = 0>(x, a1) y = MatMul(r, mats4)",
        Place(1),
    ),
    "gemm": ("f = Flatten(x) y = Gemm(f, g)", LEAD),
    "gemm, turned": ("f = Flatten(x) t = Transpose(f) y = Gemm<transA = 1>(t, g)", LEAD),
    "gemm, along": ("f = Flatten(x) t = Transpose(f) y = Gemm<transA = 1>(f, pair)", None),
    "gemm, columns": ("f = Flatten(x) y = Gemm<transB = 1>(gt, f)", Place(1)),
    "einsum": ('y = Einsum<equation = "abcd,de->eabc">(x, m)', Place(1)),
    "einsum, along": ('y = Einsum<equation = "abcd,de->ebc">(x, m)', None),
    "einsum, both": ('t = Tanh(x) y = Einsum<equation = "abcd,abed->cae">(x, t)', Place(1)),
    "einsum, crossed": ('t = Tanh(x) y = Einsum<equation = "abcd,ebcd->ae">(x, t)', None),
    "einsum, dots": ('y = Einsum<equation = "...d,de->...e">(x, m)', LEAD),
    "running sum": ("y = CumSum(x, i)", LEAD),
    "running sum along": ("y = CumSum(x, i0)", None),
    "triangle": ("y = Trilu(x)", LEAD),
    "triangle along": ("f = Flatten(x) y = Trilu(f)", None),
    "best": ("y, n = TopK<axis = 1>(x, s2)", LEAD),
    "best along": ("y, n = TopK<axis = 0>(x, s1)", None),
    "resized": ("y = Resize(x, , , wide8)", LEAD),
}


def evaluated(model_text: str, x: Array, names: list[str]) -> dict[str, Array]:
    model = built(model_text)
    del model.graph.output[:]
    for name in names:
        info = helper.make_tensor_value_info(name, TensorProto.UNDEFINED, None)
        model.graph.output.append(info)
    return dict(zip(names, ReferenceEvaluator(model).run(None, {"x": x}), strict=True))


def built(body: str) -> ModelProto:
    text = (
        f'<ir_version: 8, opset_import: ["": 18]> net (float[{ITEMS},3,4,6] x) => (float[] y) '
        f"{{ {body} }}"
    )
    model = parser.parse_model(text)
    model.graph.output[0].type.tensor_type.ClearField("shape")
    rng = np.random.default_rng(0)
    values = {k: np.array(v, np.int64) for k, v in INTS.items()}
    values |= {k: rng.standard_normal(s).astype(np.float32) for k, s in FLOATS.items()}
    read = {name for node in model.graph.node for name in node.input}
    kept = [numpy_helper.from_array(v, k) for k, v in values.items() if k in read]
    model.graph.initializer.extend(kept)
    return model


def of_item(value: Array, place: Place, item: int) -> Array:
    """Which numbers of a tensor are said to be an item's."""
    along = np.arange(value.shape[place.axis]) // place.after % ITEMS == item
    shape = [-1 if axis == place.axis else 1 for axis in range(value.ndim)]
    return np.broadcast_to(along.reshape(shape), value.shape)


@pytest.mark.parametrize(("body", "place"), CASES.values(), ids=CASES)
def test_no_number_depends_on_another_item(body: str, place: Place | None) -> None:
    batch = follow_batch(canonicalize(built(body)))
    assert batch.places.get("y") == place
    assert (place is None) == ("y" in batch.mixed)
    names = [n for node in built(body).graph.node for n in node.output if n in batch.places]
    x = np.random.default_rng(1).standard_normal((ITEMS, 3, 4, 6)).astype(np.float32)
    before = evaluated(body, x, names)
    for item in range(ITEMS):
        other = x.copy()
        other[item] = np.random.default_rng(2).standard_normal(x.shape[1:])
        after = evaluated(body, other, names)
        for name in names:
            found = batch.places[name]
            assert before[name].shape[found.axis] == found.before * ITEMS * found.after
            changed = before[name] != after[name]
            assert not changed[~of_item(before[name], found, item)].any(), name


@pytest.mark.parametrize("batch", ["1", "N"])
@pytest.mark.parametrize("body", ["y = Add(x, four)", "y = Expand(x, sizes)"])
def test_an_item_that_is_stretched_over_rows_is_no_batch_of_them(body: str, batch: str) -> None:
    """It runs with one item alone, whatever the file says of the batch."""
    text = (
        f'<ir_version: 8, opset_import: ["": 18]> net (float[{batch},3] x) => (float[4,3] y) '
        f"<float[4,3] four, int64[2] sizes = {{4, 3}}> {{ {body} }}"
    )
    model = parser.parse_model(text)
    numbers = np.random.default_rng(0).standard_normal((4, 3)).astype(np.float32)
    model.graph.initializer.append(numpy_helper.from_array(numbers, "four"))
    graph = canonicalize(model)
    assert not follow_batch(graph).leads("y")
    found = Explainer(model, method="gradient", select="top").attribute(np.ones((1, 3), np.float32))
    assert found.score.shape == (1,)
    assert found.attribution.sum() == 1
