"""The restrictions that OPERATORS.md names: each is met once, and refused for its reason."""

from __future__ import annotations

import pytest
from onnx import parser

from operator_notes import RESTRICTIONS
from retrograph.errors import InputError, UnsupportedError
from retrograph.model import Model

REDUCTIONS = ("L1", "L2", "LogSum", "LogSumExp", "Max", "Mean", "Min", "Prod", "Sum", "SumSquare")
ONE = "one = Constant<value_ints = [1]>()"
AXES = "its axes are computed at run time"
RECURRENT = "float[T,1,3] x, float[1,15,3] w, float[1,15,15] r, float[1,60,3] v, float[1,60,15] s"
DEFAULT = "runtimes disagree on the default of activation_alpha"
SIZE = "s = Constant<value_ints = [3, 4]>()"
RESIZE = 'axes=[2,3], mode="linear"'
PART = "float[N,4] x, int64 p"
POSITION = "the position of .* comes at run time"

REFUSED: list[tuple[str, str, str, str, str]] = [
    *[
        (f"Reduce{kind}", "float[N,3] x, int64[1] a", f"y = Reduce{kind} (x, a)", "N,1", AXES)
        for kind in REDUCTIONS
    ],
    ("Slice", "float[N,3] x, int64[1] a", f"{ONE} y = Slice (x, one, one, a)", "N,M", AXES),
    ("Slice", "float[N,3] x, int64[A] a", "y = Slice (x, a, a)", "N,M", "how many axes it cuts"),
    ("Slice", "float[N,3] x, int64 a", "y = Slice (x, a, a)", "N,M", "ends must have one axis"),
    (
        "Pad",
        "float[N,3] x, int64[1] a",
        "two = Constant<value_ints = [1, 1]>() y = Pad (x, two, , a)",
        "N,M",
        AXES,
    ),
    (
        "Pad",
        "float[N,3] x, int64[4] p",
        'y = Pad <mode="edge"> (x, p)',
        "N,M",
        "its pads are computed at run time",
    ),
    (
        "ConvTranspose",
        "float[N,3,H,W] x, float[3,4,2,2] w",
        "y = ConvTranspose <output_shape=[8, 8]> (x, w)",
        "N,4,8,8",
        "output_shape or auto_pad over an open size",
    ),
    (
        "Col2Im",
        "float[1,12,9] x, int64[2] b",
        "s = Constant<value_ints = [4, 4]>() y = Col2Im (x, s, b)",
        "1,C,4,4",
        "the block's shape is not constant",
    ),
    (
        "LpPool",
        "float[1,1,12] x",
        'y = LpPool <kernel_shape=[2], strides=[4], auto_pad="SAME_UPPER"> (x)',
        "1,1,3",
        "a pool that skips some of an axis",
    ),
    ("DFT", "float[1,12,2] x, int64 a", "y = DFT (x, , a)", "1,L,2", "its axis is not constant"),
    ("DFT", "float[1,12,C] x", "y = DFT (x)", "1,12,2", "is real or complex is not known"),
    (
        "STFT",
        "float[12,1] x",
        "s = Constant<value_int = 4>() y = STFT (x, s, , s)",
        "1,F,L,2",
        "a signal of rank 2",
    ),
    (
        "Einsum",
        "float[A,3] x, float[B,3] z",
        'y = Einsum <equation="...i,...i->..."> (x, z)',
        "A",
        "an ellipsis over open sizes",
    ),
    ("Det", "float[N,17,17] x", "y = Det (x)", "N", "supported: 1 to 16"),
    ("LRN", "float[2,17] x", "y = LRN <size=3> (x)", "2,17", "needs a tensor"),
    ("LRN", "float[2,C,5,5] x", "y = LRN <size=3> (x)", "2,C,5,5", "the number of channels"),
    (
        "InstanceNormalization",
        "float[2,3] x, float[3] s",
        "y = InstanceNormalization (x, s, s)",
        "2,3",
        "needs a tensor",
    ),
    ("Dropout", "float[2,3] a, float x, bool t", "y, m = Dropout (a, x, t)", "2,3", "'x' depends"),
    (
        "RNN",
        RECURRENT,
        'y = RNN <hidden_size=15, activations=["Affine"]> (x, w, r)',
        "T,1,1,15",
        DEFAULT,
    ),
    (
        "LSTM",
        RECURRENT,
        'y = LSTM <hidden_size=15, activations=["Affine", "Tanh", "Tanh"]> (x, v, s)',
        "T,1,1,15",
        DEFAULT,
    ),
    (
        "GRU",
        RECURRENT,
        'y = GRU <hidden_size=5, activations=["Affine", "Tanh"]> (x, w, r)',
        "T,1,1,5",
        DEFAULT,
    ),
    (
        "Loop",
        "float[2,3] x, int64 n",
        "y = Loop <body = b (int64 i, bool c, float[2,3] u) => (bool d, float[4,3] v)"
        " { d = Identity (c) v = Concat <axis=0> (u, x) }> (n, , x)",
        "M,3",
        "changes its shape",
    ),
    (
        "Scan",
        "float[2,3] x, float[5,2,3] z",
        "y, rows = Scan <num_scan_inputs=1, body = b (float[2,3] u, float[2,3] t) =>"
        " (float[4,3] v, float[2,3] r) { v = Concat <axis=0> (u, t) r = Identity (t) }> (x, z)",
        "M,3",
        "changes its shape",
    ),
    (
        "Resize",
        "float[1,1,4,4] x",
        "s = Constant<value_ints = [4, 4]>() r = Constant<value_floats = [0.0, 0.2, 1.0, 0.8]>()"
        f' y = Resize <{RESIZE}, coordinate_transformation_mode="tf_crop_and_resize"> (x, r, , s)',
        "1,1,4,4",
        "without a change of its size",
    ),
    (
        "Resize",
        "float[1,1,H,W] x",
        f'{SIZE} y = Resize <{RESIZE}, keep_aspect_ratio_policy="not_larger"> (x, , , s)',
        "1,1,P,Q",
        "with sizes of run time",
    ),
    (
        "Resize",
        "float[1,1,5,7] x",
        f'{SIZE} y = Resize <{RESIZE}, keep_aspect_ratio_policy="not_larger",'
        ' coordinate_transformation_mode="align_corners"> (x, , , s)',
        "1,1,P,Q",
        "rounds the size of axis",
    ),
    ("Resize", "float[1,1,5,7] a, float[4] x", "y = Resize (a, , x)", "1,1,P,Q", "its scales 'x'"),
    ("OneHot", "int64[2] i, float x, float[2] v", "y = OneHot (i, x, v)", "2,M", "'x' depends"),
    (
        "QuantizeLinear",
        "float[2,3] x, float[3] s",
        "q = QuantizeLinear (x, s) y = DequantizeLinear (q, s)",
        "2,3",
        "QuantizeLinear",
    ),
    (
        "DequantizeLinear",
        "float[2,3] x, float[3] s",
        "o = Constant<value = float {0.1}> () q = QuantizeLinear (x, o)"
        " y = DequantizeLinear (q, s)",
        "2,3",
        "only through",
    ),
    (
        "SequenceInsert",
        PART,
        f"s = SequenceConstruct (x, x) t = SequenceInsert (s, x, p) {ONE} y = SequenceAt (t, one)",
        "N,4",
        POSITION,
    ),
    (
        "SequenceErase",
        PART,
        "s = SequenceConstruct (x, x) t = SequenceErase (s, p) y = ConcatFromSequence <axis=1> (t)",
        "N,4",
        POSITION,
    ),
    (
        "SequenceAt",
        PART,
        "z = Concat <axis=1> (x, x) s = SequenceConstruct (x, z) y = SequenceAt (s, p)",
        "N,M",
        POSITION,
    ),
    (
        "SplitToSequence",
        "float[N,4] x, int64[2] p",
        "s = SplitToSequence <axis=1> (x, p) y = ConcatFromSequence <axis=1> (s)",
        "N,4",
        "the lengths of .* come at run time",
    ),
    (
        "SplitToSequence",
        "float[N,M] x",
        "s = SplitToSequence <axis=1> (x) y = ConcatFromSequence <axis=1> (s)",
        "N,M",
        "how many parts",
    ),
]


@pytest.mark.parametrize(("op", "inputs", "body", "shape", "reason"), REFUSED)
def test_a_restriction_is_said(op: str, inputs: str, body: str, shape: str, reason: str) -> None:
    """Where one is gone, take it out of tools/docs/operator_notes.py."""
    header = '<ir_version: 8, opset_import: ["": 21]>'
    model = parser.parse_model(f"{header} g ({inputs}) => (float[{shape}] y) {{ {body} }}")
    source = Model(model)
    request = source.request(method="gradient", layer="y", select="cotangent", wrt=["x"])
    with pytest.raises((UnsupportedError, InputError), match=reason):
        source.build(request)


def test_every_restriction_is_met() -> None:
    assert {op for op, *_ in REFUSED} == RESTRICTIONS.keys()
