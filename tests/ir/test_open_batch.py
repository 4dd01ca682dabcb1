"""A fixed batch opened: N items give what each gives alone, or the node that keeps it is named."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import ModelProto

import retrograph
from retrograph import Contract, InputError, UnsupportedError
from support.graphs import Array, parse, runner

WEIGHTS = (
    "<float[4, 3, 3, 3] w, float[4] b, float[5, 4] f, float[4, 4] m, float[1, 1, 4] token, "
    "float[3, 3, 4] k, float[8, 4] half, float[1, 4, 1, 1] shift, float[1, 8, 8, 2] grid, "
    "int64[1] a0 = {0}, int64[2] a23 = {2, 3}, int64[1] one = {1}, "
    "int64[2] s4 = {1, 4}, int64[2] t4 = {1, -1}, int64[1] flat = {-1}, int64[2] z = {0, -1}, "
    "int64[3] seq = {1, 4, 64}, int64[4] img = {1, 4, 8, 8}, int64[3] back = {1, 64, 4}, "
    "int64[6] win = {1, 2, 4, 2, 4, 4}, int64[3] wins = {4, 16, 4}, "
    "int64[6] unwin = {1, 2, 2, 4, 4, 4}, int64[4] nhwc = {1, 8, 8, 4}, "
    "int64[4] twice = {1, 4, 16, 16}, int64[3] tokens = {1, 1, 4}, int64[1] i0 = {0}, "
    "int64[2] rows = {64, 4}, int64[3] steps = {64, 1, 4}, "
    "int64[1, 3] some = {200, 3, 77}, float[4, 16, 4] mask>"
)
CONV = "c = Conv <pads = [1, 1, 1, 1]> (x, w, b) r = Relu (c) "
POOL = CONV + "p = GlobalAveragePool (r) "
HEAD = "y = Gemm <transB = 1> (v, f)"
TOKENS = CONV + "s = Reshape (r, seq) t = Transpose <perm = [0, 2, 1]> (s) "
MEAN = "y = ReduceMean <axes = [1], keepdims = 0> (u)"
WINDOWS = (
    CONV + "n = Transpose <perm = [0, 2, 3, 1]> (r) a = Reshape (n, win) "
    "e = Transpose <perm = [0, 1, 3, 2, 4, 5]> (a) d = Reshape (e, wins) "
)
UNWINDOW = (
    "g = Reshape (o, unwin) h = Transpose <perm = [0, 1, 3, 2, 4, 5]> (g) i = Reshape (h, nhwc) "
    "y = ReduceMean <axes = [1, 2], keepdims = 0> (i)"
)

OPENED = {
    "a reshape to one row": POOL + "v = Reshape (p, s4)" + HEAD,
    "a reshape to one row, the rest open": POOL + "v = Reshape (p, t4)" + HEAD,
    "a reshape that copies": POOL + "v = Reshape (p, z)" + HEAD,
    "a flatten": POOL + "v = Flatten (p)" + HEAD,
    "a flatten from the first axis": POOL + "v = Flatten <axis = 0> (p)" + HEAD,
    "a squeeze without axes": POOL + "q = Squeeze (p) v = Unsqueeze (q, a0) y = Tanh (q)",
    "a squeeze of positions": POOL + "v = Squeeze (p, a23)" + HEAD,
    "all numbers in a line": POOL + "v = Reshape (p, flat) y = Tanh (v)",
    "positions as a sequence": TOKENS + "u = MatMul (t, m)" + MEAN,
    "a sequence as positions": TOKENS + "e = Transpose <perm = [0, 2, 1]> (t) "
    "i = Reshape (e, img) y = GlobalAveragePool (i)",
    "a class token": TOKENS + "u = Concat <axis = 1> (token, t)" + MEAN,
    "windows": WINDOWS + "o = Tanh (d)" + UNWINDOW,
    "windows with a mask of their own": WINDOWS + "o = Add (d, mask)" + UNWINDOW,
    "sizes of an enlargement": CONV
    + "e = Resize <mode = 'linear'> (r, , , twice) y = GlobalMaxPool (e)".replace("'", '"'),
    "a slice of one row": CONV + "e = Slice (r, i0, one, a0) y = GlobalMaxPool (e)",
    "rows by their numbers": CONV + "e = Gather <axis = 0> (r, i0) y = GlobalMaxPool (e)",
    "parts by their numbers": CONV + "l = Reshape (r, flat) e = Gather (l, some) y = Tanh (e)",
    "steps before items, as torch's attention": TOKENS + "e = Transpose <perm = [1, 0, 2]> (t) "
    "g = Reshape (e, rows) v = Gemm (g, m) h = Reshape (v, steps) "
    "u = Transpose <perm = [1, 0, 2]> (h)" + MEAN,
    "a constant of one row": CONV + "e = Mul (r, shift) y = GlobalMaxPool (e)",
    "a grid for all": CONV + "e = GridSample (r, grid) y = GlobalAveragePool (e)",
    "a shape that is asked for": POOL + "n = Shape (x) k0 = Gather (n, i0) l = Concat <axis = 0> "
    "(k0, flat) v = Reshape (p, l)" + HEAD,
    "an expansion": POOL + "q = Squeeze (p, a23) e = Expand (q, s4) y = Tanh (e)",
}

CLOSED = {
    "a mean of the items": (POOL + "y = ReduceMean <axes = [0], keepdims = 1> (p)", "ReduceMean"),
    "a softmax of the items": (POOL + "y = Softmax <axis = 0> (p)", "Softmax"),
    "one item by its number": (POOL + "k0 = Squeeze (i0) y = Gather <axis = 0> (p, k0)", "Gather"),
    "items beside items": (POOL + "y = Concat <axis = 0> (p, p)", "Concat"),
    "products of items": (
        POOL + "v = Flatten (p) e = Transpose <perm = [1, 0]> (v) y = MatMul (v, e)",
        "MatMul",
    ),
    "a batch normalised": (
        POOL + "y = ReduceMax <axes = [0, 1, 2, 3], keepdims = 1> (p)",
        "ReduceMax",
    ),
}


OPEN_SIZES = (
    CONV + "n = Shape <start = 2> (r) d = Add (n, n) o = Concat <axis = 0> (s4, d) "
    'e = Resize <mode = "nearest"> (r, , , o) q = Shape <start = 2> (e) '
    "k0 = ReduceProd <keepdims = 1> (q) l = Concat <axis = 0> (s4, k0) h = Reshape (e, l) "
    "g = Expand (h, l) y = ReduceMax <axes = [2], keepdims = 0> (g)"
)
"""Sizes of pictures are computed, and the number of items is a constant beside them."""


def net(body: str, items: int = 1, size: str = "8, 8") -> ModelProto:
    """The net of so many pictures [3, *size]."""
    text = (
        f'<ir_version: 8, opset_import: ["" : 17]> net (float[{items}, 3, {size}] x) => (float y) '
    )
    model = onnx.parser.parse_model(f"{text} {WEIGHTS} {{ {body} }}")
    model.graph.output[0].type.tensor_type.ClearField("shape")
    used = {name for node in model.graph.node for name in node.input}
    for info in model.graph.value_info:
        dims = [d.dim_value for d in info.type.tensor_type.shape.dim]
        value = np.random.default_rng(len(info.name)).standard_normal(dims).astype(np.float32)
        if info.name in used:
            model.graph.initializer.append(onnx.numpy_helper.from_array(value, info.name))
    del model.graph.value_info[:]
    return model


def pictures(count: int) -> Array:
    return np.random.default_rng(3).standard_normal((count, 3, 8, 8)).astype(np.float32)


def assert_as_alone(model: ModelProto, x: Array, alone: int = 1, **options: Any) -> None:
    """The opened graph gives for N items what the fixed one gives for each."""
    opened = runner(retrograph.build(model, open_batch=True, **options))
    fixed = runner(retrograph.build(model, **options))
    together = opened(x)
    for row in range(len(x)):
        for name, wanted in fixed(np.repeat(x[row : row + 1], alone, axis=0)).items():
            found = together[name][row : row + 1]
            first = wanted[:1] if alone > 1 else wanted
            assert found.size == first.size, name
            np.testing.assert_allclose(found.reshape(first.shape), first, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("method", ["gradient", "guided"])
@pytest.mark.parametrize("name", OPENED)
def test_each_item_gives_what_it_gives_alone(name: str, method: str) -> None:
    assert_as_alone(net(OPENED[name]), pictures(5), method=method)


@pytest.mark.parametrize("size", ["8, 8", "H, W"])
def test_sizes_that_are_computed_stay_open(size: str) -> None:
    assert_as_alone(net(OPEN_SIZES, size=size), pictures(3), method="gradient")


@pytest.mark.parametrize("name", OPENED)
def test_all_outputs_lead_with_the_items(name: str) -> None:
    built = retrograph.build(net(OPENED[name]), open_batch=True)
    for info in (*built.graph.input, *built.graph.output):
        assert info.type.tensor_type.shape.dim[0].dim_param == "N", info.name


@pytest.mark.parametrize("name", CLOSED)
def test_a_node_that_joins_the_items_is_named(name: str) -> None:
    body, op = CLOSED[name]
    model = net(body)
    with pytest.raises(UnsupportedError, match=r"cannot open the batch: 1 of the \d+") as raised:
        retrograph.build(model, open_batch=True)
    (problem,) = raised.value.problems
    assert problem.op == op
    assert problem.node in {node.name for node in model.graph.node} | {
        f"{op}_{i}" for i in range(9)
    }
    assert "outputs=False" in str(raised.value)


def test_what_took_the_batch_axis_away_is_named() -> None:
    body = POOL + "q = Squeeze (p) v = Softmax <axis = 0> (q) y = Tanh (v)"
    with pytest.raises(UnsupportedError, match="along axis 0, into which 'Squeeze_3' has folded"):
        retrograph.build(net(body), open_batch=True)


def test_what_only_the_outputs_need_may_join_the_items() -> None:
    body, _ = CLOSED["a mean of the items"]
    built = retrograph.build(net(body), layer="r", outputs=False, open_batch=True)
    assert runner(built)(pictures(4))["score"].shape == (4,)


@pytest.mark.parametrize("select", ["channel", "unit", "cotangent"])
def test_units_are_chosen_for_each_item(select: str) -> None:
    model, x = net(OPENED["a reshape to one row"]), pictures(4)
    built = retrograph.build(model, select=select, open_batch=True)
    name = "cotangent" if select == "cotangent" else "select"
    chosen = np.array([[1], [3], [0], [4]], np.int64)
    if select == "cotangent":
        chosen = np.eye(5, dtype=np.float32)[chosen[:, 0]]
    found = runner(built)(x, **{name: chosen})
    alone = runner(retrograph.build(model, select=select))
    for row in range(4):
        wanted = alone(x[row : row + 1], **{name: chosen[row : row + 1]})
        np.testing.assert_allclose(
            found["attribution"][row], wanted["attribution"][0], rtol=1e-5, atol=1e-6
        )


def test_many_units_share_a_forward_pass() -> None:
    model, x = net(OPENED["a reshape to one row"]), pictures(3)
    built = runner(retrograph.build(model, select="unit", many=True, open_batch=True))
    units = np.arange(5).reshape(1, 5, 1).repeat(3, 0)
    found = built(x, select=units)["attribution"]
    alone = runner(retrograph.build(model, select="unit", many=True))
    wanted = alone(x[2:], select=units[2:])["attribution"]
    np.testing.assert_allclose(found[2:], wanted, rtol=1e-5, atol=1e-6)


def rows_of(model: ModelProto, items: int) -> ModelProto:
    """The model of one item as it would be exported for several."""
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = items
    return model


def test_constants_with_a_row_for_each_item_are_those_of_one() -> None:
    body = CONV + "e = Mul (r, rows) u = Concat <axis = 1> (e, rows) y = GlobalAveragePool (u)"
    text = '<ir_version: 8, opset_import: ["" : 17]> net (float[3, 3, 8, 8] x) => (float y) '
    head = "<float[4, 3, 3, 3] w, float[4] b, float[3, 4, 8, 8] rows>"
    model = onnx.parser.parse_model(f"{text} {head} {{ {body} }}")
    model.graph.output[0].type.tensor_type.ClearField("shape")
    rng = np.random.default_rng(0)
    values = {"w": rng.standard_normal((4, 3, 3, 3)), "b": rng.standard_normal(4)}
    values["rows"] = rng.standard_normal((1, 4, 8, 8)).repeat(3, 0)
    fill(model, values)
    assert_as_alone(model, pictures(5), alone=3, method="gradient")
    values["rows"][1, 0, 0, 0] += 1
    fill(model, values)
    with pytest.raises(UnsupportedError, match="'rows' differs from item to item"):
        retrograph.build(model, open_batch=True)


def fill(model: ModelProto, values: dict[str, Array]) -> None:
    del model.graph.value_info[:]
    del model.graph.initializer[:]
    for name, value in values.items():
        model.graph.initializer.append(onnx.numpy_helper.from_array(value.astype("f4"), name))


@pytest.mark.parametrize("items", [1, 3])
def test_the_metadata_say_how_many_items_the_source_takes(items: int) -> None:
    model = rows_of(net(CONV + "y = GlobalMaxPool (r)"), items)
    built = retrograph.build(model, open_batch=True)
    properties = {p.key: p.value for p in built.metadata_props}
    contract = Contract.from_properties(properties)
    assert contract is not None
    assert contract.source_batch == items
    assert any(f"fixed at {items};" in note for note in contract.notes)


def test_of_an_open_batch_nothing_changes() -> None:
    model = net(CONV + "y = GlobalMaxPool (r)")
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_param = "B"
    plain = retrograph.build(model)
    assert retrograph.build(model, open_batch=True) == plain
    assert not [p for p in plain.metadata_props if "source_batch" in p.key]


def test_an_open_batch_that_is_one_item_is_refused() -> None:
    model = net(CONV + "j = ReduceMean <axes = [0], keepdims = 1> (r) y = GlobalMaxPool (j)")
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_param = "B"
    assert retrograph.build(model, select="unit") is not None
    with pytest.raises(UnsupportedError) as refused:
        retrograph.build(model, open_batch=True)
    head, problem, mend = str(refused.value).splitlines()
    assert head.startswith("the batch is open, but 1 of the 4 nodes join its items")
    assert "ReduceMean" in problem
    assert "reads along axis 0" in problem
    assert mend.startswith("Leave open_batch out")


def with_open_sizes(model: ModelProto) -> ModelProto:
    """Of a recurrent model, as torch exports it with a dynamic batch: [B, 6, 5] and [1, B, 3]."""
    x, h0 = (info.type.tensor_type.shape.dim for info in model.graph.input)
    x[0].dim_param = h0[1].dim_param = "B"
    return model


def test_an_open_batch_is_followed_in_a_state_by_its_name() -> None:
    model = with_open_sizes(recurrent("h0"))
    built = retrograph.build(model, method="gradient", wrt="x", open_batch=True)
    one = retrograph.Explainer(built, device="cpu")
    rng = np.random.default_rng(0)
    x, h0 = rng.random((3, 6, 5), np.float32), rng.random((1, 3, 3), np.float32)
    found = one.attribute({"x": x, "h0": h0})
    assert found.score.shape == (3,)
    for item in range(3):
        alone = one.attribute({"x": x[item : item + 1], "h0": h0[:, item : item + 1]})
        np.testing.assert_allclose(found.attribution[item], alone.attribution[0], atol=1e-6)
        np.testing.assert_array_equal(found.unit[item], alone.unit[0])
    with pytest.raises(InputError, match="input 'h0' has its items along axis 1"):
        retrograph.build(model, method="gradient", open_batch=True)


RECURRENT = """
<ir_version: 8, opset_import: ["" : 17]>
net (float[1, 6, 5] x, float[1, 1, 3] h0) => (float[1, 3] y, float[1, 1, 3] h)
<float[1, 9, 5] w, float[1, 9, 3] r, int64[1] a0 = {0}>
{
    t = Transpose <perm = [1, 0, 2]> (x)
    Y, h = GRU <hidden_size = 3> (t, w, r, , , START)
    y = Squeeze (h, a0)
}
"""


def recurrent(start: str) -> ModelProto:
    """A recurrent layer that starts from the input h0, or from the constant h1."""
    model = parse(
        RECURRENT.replace("START", start).replace("a0 = {0}>", "a0 = {0}, float[1, 1, 3] h1>")
    )
    for info in model.graph.output:
        info.type.tensor_type.ClearField("shape")
    return model


def test_a_state_has_its_items_behind_its_first_axis() -> None:
    model = recurrent("h0")
    rng = np.random.default_rng(1)
    x, h0 = (rng.standard_normal(s).astype("f4") for s in ((4, 6, 5), (1, 4, 3)))
    found = runner(retrograph.build(model, wrt="x", method="gradient", open_batch=True))(x, h0)
    alone = runner(retrograph.build(model, wrt="x", method="gradient"))
    for row in range(4):
        wanted = alone(x[row : row + 1], h0[:, row : row + 1])
        for name in ("y", "attribution"):
            np.testing.assert_allclose(found[name][row : row + 1], wanted[name], rtol=1e-5)
        np.testing.assert_allclose(found["h"][:, row : row + 1], wanted["h"], rtol=1e-5)


def test_an_explained_state_is_refused() -> None:
    with pytest.raises(InputError, match=re.escape("input 'h0' has its items along axis 1")):
        retrograph.build(recurrent("h0"), method="gradient", open_batch=True)


def test_a_state_that_is_the_same_for_all_gets_their_rows() -> None:
    x = np.random.default_rng(1).standard_normal((4, 6, 5)).astype("f4")
    model = recurrent("h1")
    del model.graph.input[1]
    del model.graph.output[1]
    assert_as_alone(model, x, method="gradient")
