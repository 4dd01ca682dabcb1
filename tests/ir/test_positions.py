"""Which axes count pictures, channels and positions, behind what joins, parts and moves them."""

from __future__ import annotations

import pytest

from retrograph.ir.analysis.channel_axis import input_channels
from retrograph.ir.analysis.positions import Place, positions
from retrograph.ir.path import narrows, path
from retrograph.model import Model
from support.graphs import parse

FRAME = """<ir_version: 8, opset_import: ["" : 17]>
net ({inputs}) => (float[N, K] y)
<{weights}>
{{{body}
    e = ReduceMean <axes = [-1], keepdims = 0> (z)
    y = Flatten (e)
}}"""
PICTURE = "float[N, 3, 8, 8] x"
CONV = "float[4, 3, 3, 3] w"


def places(body: str, weights: str = CONV, inputs: str = PICTURE) -> dict[str, Place | None]:
    """Of every tensor, by its name."""
    graph = Model(parse(FRAME.format(inputs=inputs, weights=weights, body=body))).graph
    found: dict[str, Place | None] = {}
    for node in graph.nodes:
        for name in node.output:
            each = (p.place(name) for p in positions(graph, "x"))
            found[name] = next((place for place in each if place is not None), None)
    return found


def axes(place: Place | None) -> tuple[int, tuple[int, ...], tuple[int | None, ...]] | None:
    return None if place is None else (place.channel, place.spatial, place.of)


NCHW = (1, (2, 3), (2, 3))


def test_windows_that_are_put_back_are_a_picture() -> None:
    found = places(
        """
    c = Conv <pads = [1, 1, 1, 1]> (x, w)
    t = Transpose <perm = [0, 2, 3, 1]> (c)
    s = Reshape (t, cut)
    i = Transpose <perm = [0, 1, 3, 2, 4, 5]> (s)
    q = Reshape (i, windows)
    d = MatMul (q, u)
    j = Reshape (d, back)
    k = Transpose <perm = [0, 1, 3, 2, 4, 5]> (j)
    z = Reshape (k, whole)""",
        f"{CONV}, float[4, 6] u, int64[6] cut = {{0, 2, 4, 2, 4, 4}}, "
        "int64[3] windows = {-1, 16, 4}, int64[6] back = {-1, 2, 2, 4, 4, 6}, "
        "int64[4] whole = {-1, 8, 8, 6}",
    )
    assert axes(found["z"]) == (3, (1, 2), (2, 3))
    assert found["q"] is None
    assert found["d"] is None


def test_what_is_followed_stays_so_beside_what_is_not() -> None:
    found = places(
        """
    c = Conv <pads = [1, 1, 1, 1]> (x, w)
    f = Reshape (c, flat)
    m = MatMul (f, u)
    g = Reshape (m, four)
    z = Add (g, c)""",
        f"{CONV}, float[256, 256] u, int64[2] flat = {{0, -1}}, int64[4] four = {{0, 4, 8, 8}}",
    )
    assert axes(found["c"]) == NCHW
    assert found["g"] is None
    assert axes(found["z"]) == NCHW


def test_what_counts_different_positions_is_of_neither() -> None:
    found = places(
        """
    c = Conv <pads = [1, 1, 1, 1]> (x, w)
    t = Transpose <perm = [0, 1, 3, 2]> (c)
    z = Add (c, t)"""
    )
    assert axes(found["t"]) == (1, (2, 3), (3, 2))
    assert found["z"] is None


def test_a_line_of_a_picture_is_no_picture() -> None:
    found = places(
        """
    c = Conv (x, w)
    r = ReduceMax <axes = [2], keepdims = 0> (c)
    z = Conv (r, v)""",
        f"{CONV}, float[5, 4, 3] v",
    )
    assert found["r"] is None
    assert found["z"] is None


def test_pictures_are_those_of_the_source() -> None:
    found = places(
        """
    i = Reshape (x, frames)
    c = Conv (i, w)
    v = Reshape (c, videos)
    z = ReduceMean <axes = [1], keepdims = 0> (v)""",
        f"{CONV}, int64[4] frames = {{-1, 3, 8, 8}}, int64[5] videos = {{-1, 2, 4, 6, 6}}",
        "float[2, 2, 3, 8, 8] x",
    )
    assert axes(found["c"]) == NCHW
    assert found["v"] is None
    assert found["z"] is None


def test_channels_are_one_axis() -> None:
    found = places(
        """
    c = Conv (x, w)
    g = Reshape (c, groups)
    z = Reshape (g, whole)""",
        f"{CONV}, int64[5] groups = {{0, 2, 2, 6, 6}}, int64[4] whole = {{0, 4, 6, 6}}",
    )
    assert found["g"] is None
    assert axes(found["z"]) == NCHW


def test_products_of_variables_are_not_followed() -> None:
    found = places(
        """
    c = Conv <pads = [1, 1, 1, 1]> (x, w)
    t = Transpose <perm = [0, 1, 3, 2]> (c)
    z = MatMul (c, t)"""
    )
    assert found["z"] is None


@pytest.mark.parametrize(
    ("inputs", "body", "channel"),
    [
        (PICTURE, "z = Conv (x, w)", 1),
        (
            "float[N, 8, 8, 3] x",
            "a = Neg (x)\n    t = Transpose <perm = [0, 3, 1, 2]> (a)\n    z = Conv (t, w)",
            3,
        ),
        (
            "float[N, 8, 8] x",
            "i = Unsqueeze (x, one)\n    k = Concat <axis = 1> (i, i, i)\n    z = Conv (k, w)",
            None,
        ),
        ("float[N, 2, 3, 8, 8] x", "i = Reshape (x, four)\n    z = Conv (i, w)", 2),
        ("float[N, 192] x", "i = Reshape (x, four)\n    z = Conv (i, w)", None),
    ],
)
def test_the_channels_of_an_input(inputs: str, body: str, channel: int | None) -> None:
    weights = f"{CONV}, int64[1] one = {{1}}, int64[4] four = {{-1, 3, 8, 8}}"
    text = FRAME.format(inputs=inputs, weights=weights, body=f"\n    {body}")
    model = Model(parse(text))
    assert input_channels(model.graph, model.tensor("x")) == channel


def test_everything_passes_a_narrow() -> None:
    text = FRAME.format(
        inputs=PICTURE,
        weights=CONV,
        body="""
    c = Conv (x, w)
    a = Relu (c)
    b = Tanh (c)
    m = Mul (a, b)
    z = Neg (m)""",
    )
    graph = Model(parse(text)).graph
    assert narrows(path(graph, ["x"], ["z"], ()), ["x"]) == {"c", "m", "z"}
