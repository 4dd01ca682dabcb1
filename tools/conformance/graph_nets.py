"""Source models of the conformance cases: small, each with what its case is about."""

from __future__ import annotations

import numpy as np
from onnx import ModelProto, helper

from support.graphs import TWO_INPUTS, parse
from support.nets import weights

_HEAD = '<ir_version: 8, opset_import: ["" : 17]>'


def squeeze_net() -> ModelProto:
    """Like SqueezeNet: fire modules, pools that overlap, and a Softmax behind the scores."""
    text = f"""{_HEAD}
    squeeze (float[N, 3, 48, 48] image) => (float[N, 5] probabilities)
    <float[8, 3, 3, 3] w1, float[8] b1,
     float[4, 8, 1, 1] s2, float[8, 4, 1, 1] e2, float[8, 4, 3, 3] f2,
     float[6, 16, 1, 1] s3, float[10, 6, 1, 1] e3, float[10, 6, 3, 3] f3,
     float[5, 20, 1, 1] w4, float[5] b4>
    {{
        c1 = Conv <strides = [2, 2]> (image, w1, b1)
        r1 = Relu (c1)
        p1 = MaxPool <kernel_shape = [3, 3], strides = [2, 2]> (r1)
        q2 = Conv (p1, s2)
        squeezed2 = Relu (q2)
        l2 = Conv (squeezed2, e2)
        left2 = Relu (l2)
        t2 = Conv <pads = [1, 1, 1, 1]> (squeezed2, f2)
        right2 = Relu (t2)
        fire2 = Concat <axis = 1> (left2, right2)
        p2 = MaxPool <kernel_shape = [3, 3], strides = [2, 2], pads = [0, 0, 1, 1]> (fire2)
        q3 = Conv (p2, s3)
        squeezed3 = Relu (q3)
        l3 = Conv (squeezed3, e3)
        left3 = Relu (l3)
        t3 = Conv <pads = [1, 1, 1, 1]> (squeezed3, f3)
        right3 = Relu (t3)
        fire3 = Concat <axis = 1> (left3, right3)
        c4 = Conv (fire3, w4, b4)
        r4 = Relu (c4)
        mean = GlobalAveragePool (r4)
        flat = Flatten (mean)
        probabilities = Softmax <axis = 1> (flat)
    }}"""
    net = scaled(parse(text, seed=4))
    helper.set_model_props(net, {"labels": "bee\ncat\ndog\ngrey owl\nélan"})
    return net


def scaled(net: ModelProto) -> ModelProto:
    """The same with weights that keep the size of what passes through them."""
    for tensor in net.graph.initializer:
        shape = list(tensor.dims)
        values = weights(*shape, seed=3) * (1.2 if len(shape) > 1 else 0.1)
        tensor.ClearField("float_data")
        tensor.raw_data = values.astype("<f4").tobytes()
    return net


def two_inputs() -> ModelProto:
    """Two inputs that are explained, and a third of whole numbers that is not."""
    return parse(TWO_INPUTS, seed=6)


def one_number() -> ModelProto:
    """A layer of rank 0: one number for a picture without a batch axis."""
    return parse(
        f"""{_HEAD}
        one (float[3, 6, 6] picture) => (float energy) <float[3, 1, 1] w>
        {{
            weighted = Mul (picture, w)
            positive = Relu (weighted)
            energy = ReduceMean <axes = [0, 1, 2], keepdims = 0> (positive)
        }}""",
        seed=7,
    )


def no_batch() -> ModelProto:
    """A layer without a batch axis, of an input without one."""
    return parse(
        f"""{_HEAD}
        rows (float[6, 5] rows) => (float[6, 4] y) <float[5, 4] w>
        {{
            product = MatMul (rows, w)
            total = ReduceSum <keepdims = 1> (product, axis)
            sum = Add (product, total)
            y = Relu (sum)
        }}""".replace("<float[5, 4] w>", "<float[5, 4] w, int64[1] axis = {0}>"),
        seed=8,
    )


def byte_net() -> ModelProto:
    """A classifier of bytes."""
    return parse(
        f"""{_HEAD}
        bytes (uint8[N, 8, 8, 3] picture) => (float[N, 4] scores)
        <float[6, 3, 3, 3] w, float[6, 4] v, float scale = {{0.02}}>
        {{
            numbers = Cast <to = 1> (picture)
            small = Mul (numbers, scale)
            first = Transpose <perm = [0, 3, 1, 2]> (small)
            conv = Conv (first, w)
            relu = Relu (conv)
            mean = GlobalAveragePool (relu)
            flat = Flatten (mean)
            scores = MatMul (flat, v)
        }}""",
        seed=9,
    )


def taken_names() -> ModelProto:
    """A model that has the contract's names itself."""
    return parse(
        f"""{_HEAD}
        names (float[N, 5] select, float[N, 3] attribution) => (float[N, 3] score, float[N, 3] unit)
        <float[5, 3] w>
        {{
            product = MatMul (select, w)
            shifted = Add (product, attribution)
            score = Relu (shifted)
            unit = Neg (attribution)
        }}""",
        seed=10,
    )


def token_net() -> ModelProto:
    """A classifier of tokens, explained by their embeddings."""
    return parse(
        f"""{_HEAD}
        tokens (int64[N, 7] tokens) => (float[N, 3] scores)
        <float[11, 6] table, float[6, 6] w, float[6, 3] v>
        {{
            embedded = Gather (table, tokens)
            hidden = MatMul (embedded, w)
            relu = Relu (hidden)
            mean = ReduceMean <axes = [1], keepdims = 0> (relu)
            scores = MatMul (mean, v)
        }}""",
        seed=11,
    )


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    """Numbers of a normal distribution, float32."""
    values: np.ndarray = np.random.default_rng([17, seed]).standard_normal(shape)
    return values.astype(np.float32)


def pixels(*shape: int, seed: int = 0) -> np.ndarray:
    """Bytes, each as probable as any other."""
    return np.random.default_rng([19, seed]).integers(0, 256, shape, np.uint8)
