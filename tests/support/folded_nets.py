"""Small nets that fold the batch into other axes and take it out again, at any fixed batch."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from onnx import ModelProto, numpy_helper, parser

from support.graphs import Array

WEIGHTS = {"w3": (3, 3), "v3": (3, 3), "f": (3, 5), "gamma": (3,), "k": (3, 1, 3, 3)}


@dataclass(frozen=True)
class Folded:
    """A net of a picture [B, *picture] with five scores.

    Attributes:
        picture: the shape of one item.
        body: nodes from x to `scores`; {B} is the batch, {4*B} four times as much.
        inner: how many rows an item has in tensors whose leading axis holds more than the batch.
        lists: the constants of integers, {B} in them too.
    """

    picture: tuple[int, ...]
    body: str
    inner: Mapping[str, int] = field(default_factory=dict)

    def model(self, batch: int, kind: str = "float") -> ModelProto:
        sizes = ",".join(map(str, (batch, *self.picture)))
        body = re.sub(r"\{(\d+)\*B\}", lambda m: str(int(m[1]) * batch), self.body)
        body = body.replace("{B}", str(batch))
        lists: dict[str, Array] = {}

        def named(match: re.Match[str]) -> str:
            values = [int(v) for v in match[1].split(",") if v.strip()]
            name = "ints_" + "_".join(str(v).replace("-", "m") for v in values)
            lists[name] = np.array(values, np.int64)
            return name

        body = re.sub(r"(?<!= )\[([-\d, ]*)\]", named, body)
        text = (
            f'<ir_version: 8, opset_import: ["": 18]> net ({kind}[{sizes}] x) => '
            f"({kind}[{batch},5] scores) {{ {body} }}"
        )
        proto = parser.parse_model(text)
        proto.graph.initializer.extend(numpy_helper.from_array(v, k) for k, v in lists.items())
        rng = np.random.default_rng(1)
        for name, shape in WEIGHTS.items():
            value = rng.standard_normal(shape).astype(kind.replace("float", "float32"))
            if re.search(rf"\b{name}\b", body):
                proto.graph.initializer.append(numpy_helper.from_array(value, name))
        return proto

    def items(self, batch: int) -> Array:
        values = np.random.default_rng(2).standard_normal((batch, *self.picture))
        return values.astype(np.float32)


_ATTENTION = """
    q = MatMul(t, w3)
    turned = Transpose<perm = [0, 2, 1]>(t)
    products = MatMul(q, turned)
    weights = Softmax<axis = -1>(products)
    mixed = MatMul(weights, t)
"""

NETS = {
    "windows": Folded(
        (4, 6, 3),
        f"""
        r = Reshape(x, [{{B}}, 2, 2, 3, 2, 3])
        p = Transpose<perm = [0, 1, 3, 2, 4, 5]>(r)
        t = Reshape(p, [{{6*B}}, 4, 3])
        {_ATTENTION}
        u = Reshape(mixed, [{{B}}, 2, 3, 2, 2, 3])
        i = Transpose<perm = [0, 1, 3, 2, 4, 5]>(u)
        z = Reshape(i, [{{B}}, 4, 6, 3])
        s = Sigmoid(z)
        m = ReduceMean<keepdims = 0>(s, [1, 2])
        scores = MatMul(m, f)
        """,
        {"t": 6, "mixed": 6, "weights": 6},
    ),
    "windows of as many as the batch": Folded(
        (4, 4, 3),
        f"""
        r = Reshape(x, [{{B}}, 2, 2, 2, 2, 3])
        p = Transpose<perm = [0, 1, 3, 2, 4, 5]>(r)
        t = Reshape(p, [{{4*B}}, 4, 3])
        {_ATTENTION}
        z = Reshape(mixed, [{{B}}, 16, 3])
        s = Tanh(z)
        m = ReduceMean<keepdims = 0>(s, [1])
        scores = MatMul(m, f)
        """,
        {"t": 4},
    ),
    "frames": Folded(
        (4, 3, 5, 5),
        """
        t = Reshape(x, [{4*B}, 3, 5, 5])
        c = Conv<group = 3, pads = [1, 1, 1, 1]>(t, k)
        r = Relu(c)
        g = GlobalAveragePool(r)
        e = Reshape(g, [{B}, 4, 3])
        m = ReduceMax<keepdims = 0>(e, [1])
        scores = MatMul(m, f)
        """,
        {"t": 4, "c": 4, "g": 4},
    ),
    "space to batch": Folded(
        (3, 4, 4),
        """
        h = Transpose<perm = [0, 2, 3, 1]>(x)
        r = Reshape(h, [{B}, 2, 2, 2, 2, 3])
        p = Transpose<perm = [2, 4, 0, 1, 3, 5]>(r)
        b = Reshape(p, [{4*B}, 2, 2, 3])
        n = Transpose<perm = [0, 3, 1, 2]>(b)
        c = Conv<group = 3, pads = [1, 1, 1, 1]>(n, k)
        a = Tanh(c)
        o = Transpose<perm = [0, 2, 3, 1]>(a)
        u = Reshape(o, [2, 2, {B}, 2, 2, 3])
        i = Transpose<perm = [2, 3, 0, 4, 1, 5]>(u)
        z = Reshape(i, [{B}, 4, 4, 3])
        m = ReduceMean<keepdims = 0>(z, [1, 2])
        scores = MatMul(m, f)
        """,
    ),
    "sequence first": Folded(
        (4, 3),
        """
        s = Transpose<perm = [1, 0, 2]>(x)
        l = MatMul(s, w3)
        g = Reshape(l, [4, {3*B}, 1])
        t = Transpose<perm = [1, 0, 2]>(g)
        turned = Transpose<perm = [0, 2, 1]>(t)
        products = MatMul(t, turned)
        weights = Softmax<axis = -1>(products)
        mixed = MatMul(weights, t)
        back = Transpose<perm = [1, 0, 2]>(mixed)
        flat = Reshape(back, [{4*B}, 3])
        o = MatMul(flat, v3)
        h = Reshape(o, [4, {B}, 3])
        n = Transpose<perm = [1, 0, 2]>(h)
        m = ReduceMean<keepdims = 0>(n, [1])
        scores = MatMul(m, f)
        """,
        {"t": 3, "weights": 3, "mixed": 3},
    ),
    "layer scale": Folded(
        (3, 4, 4),
        """
        c = Conv<group = 3, pads = [1, 1, 1, 1]>(x, k)
        p = Transpose<perm = [0, 2, 3, 1]>(c)
        l = LayerNormalization<axis = -1>(p, gamma)
        a = MatMul(l, w3)
        e = Tanh(a)
        b = MatMul(e, v3)
        d = Mul(b, gamma)
        n = Transpose<perm = [0, 3, 1, 2]>(d)
        y = Add(x, n)
        g = GlobalAveragePool(y)
        q = Flatten(g)
        scores = MatMul(q, f)
        """,
    ),
}
