"""What a standard operator does with numbers: one row each, which every analysis reads.

A row says how the numbers of an output come about, and what of them is known for certain. What an
analysis knows beyond that, such as the attributes that it reads, stays its own.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Final


class Numbers(Enum):
    """How the numbers of an output come about."""

    FUNCTION = auto()
    """Each is a function of the number at its place in the first input."""
    ARITHMETIC = auto()
    """Each is made of the numbers at its place in all inputs, which are broadcast."""
    MOVED = auto()
    """Those of the first input, each once, under another shape or order of axes."""
    TAKEN = auto()
    """Some of those of the first input, at other places or repeated."""
    JOINED = auto()
    """Those of the first input beside others: constants, or those of further inputs."""
    NORMALISED = auto()
    """As many as in the first input, each at its place, made of others of it, too."""
    REDUCED = auto()
    """Each is made of all along the node's axes."""
    WINDOW = auto()
    """Each is made of a window of positions of [N, C, *S]."""
    PRODUCT = auto()
    """Sums of products of two inputs."""
    CHOSEN = auto()
    """Places, or numbers in the order of their size."""
    MADE = auto()
    """Of shapes and parameters alone."""
    OTHER = auto()


class Blocked(Enum):
    """What an operator does to the layout of ONNX Runtime's fast convolutions (NCHWc)."""

    STAYS = auto()
    """It computes in the layout of its first input."""
    JOINS = auto()
    """It does so if all its inputs are in it."""


@dataclass(frozen=True)
class OpTraits:
    """What an operator does with numbers.

    Attributes:
        numbers: how those of its first output come about.
        keeps_order: whether their row-major order is that of the input, whatever the axes.
        over_positions: whether it reads [N, C, *S], so that its input's axes are told apart.
        is_activation: whether it is an activation of networks, and no ReLU.
        is_gate: whether it passes what is far above 0 and holds back what is far below.
        spells: whether it may be a part of an activation that several nodes spell.
        keeps_sign: whether no number is negative if none of the inputs is.
        finite: whether it makes finite numbers of all finite ones.
        grows: whether it is strictly increasing wherever it is defined.
        blocked: what it does to the blocked layout; None where it leaves it, or has a rule.
        batch: the rule by which items stay apart (ir/analysis/batch_axis).
        along: whether it works along its attribute `axis`.
        axis: the default of that; None where it has none.
        axes: the number of the input that holds its axes.
    """

    numbers: Numbers
    keeps_order: bool = False
    over_positions: bool = False
    is_activation: bool = False
    is_gate: bool = False
    spells: bool = False
    keeps_sign: bool = False
    finite: bool = False
    grows: bool = False
    blocked: Blocked | None = None
    batch: str = "rows"
    along: bool = False
    axis: int | None = None
    axes: int | None = None


_STAYS, _JOINS = Blocked.STAYS, Blocked.JOINS
_FUNCTION = OpTraits(Numbers.FUNCTION, batch="same")
_CURVE = replace(_FUNCTION, spells=True, finite=True)
_ACTIVATION = replace(_CURVE, is_activation=True)
_GATE = replace(_ACTIVATION, is_gate=True)
_ARITHMETIC = OpTraits(Numbers.ARITHMETIC, batch="aligned")
_MOVE = OpTraits(Numbers.MOVED, keeps_sign=True)
_RESHAPE = replace(_MOVE, keeps_order=True)
_TAKE = OpTraits(Numbers.TAKEN)
_JOIN = OpTraits(Numbers.JOINED)
_NORM = OpTraits(Numbers.NORMALISED)
_REDUCTION = OpTraits(Numbers.REDUCED, axes=1, batch="reduce")
_WINDOW = OpTraits(Numbers.WINDOW, over_positions=True)
_PRODUCT = OpTraits(Numbers.PRODUCT)
_CHOICE = OpTraits(Numbers.CHOSEN)
_MADE = OpTraits(Numbers.MADE)
_OTHER = OpTraits(Numbers.OTHER, batch="never")

TRAITS: Final[dict[str, OpTraits]] = {
    "Relu": replace(_CURVE, blocked=_STAYS),
    "LeakyRelu": _GATE,
    "PRelu": replace(_GATE, batch="aligned"),
    "ThresholdedRelu": _GATE,
    "Elu": _GATE,
    "Selu": _GATE,
    "Celu": _GATE,
    "Sigmoid": replace(_ACTIVATION, blocked=_STAYS),
    "Tanh": replace(_ACTIVATION, blocked=_STAYS),
    "HardSigmoid": replace(_ACTIVATION, blocked=_STAYS),
    "HardSwish": _GATE,
    "Softplus": _GATE,
    "Softsign": _ACTIVATION,
    "Mish": _GATE,
    "Gelu": replace(_GATE, blocked=_STAYS),
    "Swish": _GATE,
    "Erf": _ACTIVATION,
    "Clip": replace(_CURVE, blocked=_STAYS, batch="aligned"),
    "Shrink": _FUNCTION,
    "Abs": _CURVE,
    "Neg": _CURVE,
    "Sign": _CURVE,
    "Exp": replace(_FUNCTION, spells=True, grows=True),
    "Log": replace(_FUNCTION, spells=True, grows=True),
    "Sqrt": replace(_FUNCTION, spells=True, grows=True),
    "Reciprocal": replace(_FUNCTION, spells=True),
    "Sin": _CURVE,
    "Cos": _CURVE,
    "Tan": _FUNCTION,
    "Asin": _FUNCTION,
    "Acos": _FUNCTION,
    "Atan": _CURVE,
    "Sinh": _FUNCTION,
    "Cosh": _FUNCTION,
    "Asinh": _FUNCTION,
    "Acosh": _FUNCTION,
    "Atanh": _FUNCTION,
    "Round": replace(_FUNCTION, keeps_sign=True, finite=True),
    "Floor": _FUNCTION,
    "Ceil": _FUNCTION,
    "Cast": _CURVE,
    "CastLike": _FUNCTION,
    "Dropout": replace(_FUNCTION, keeps_sign=True, finite=True, blocked=_STAYS),
    "Not": _FUNCTION,
    "IsNaN": _FUNCTION,
    "IsInf": _FUNCTION,
    "BitwiseNot": _FUNCTION,
    "Add": replace(_ARITHMETIC, keeps_sign=True, finite=True, blocked=_JOINS),
    "Sub": replace(_ARITHMETIC, finite=True),
    "Mul": replace(_ARITHMETIC, keeps_sign=True, finite=True, blocked=_JOINS),
    "Div": replace(_ARITHMETIC, keeps_sign=True, finite=True),
    "Pow": _ARITHMETIC,
    "Mod": _ARITHMETIC,
    "Sum": replace(_ARITHMETIC, blocked=_JOINS),
    "Mean": _ARITHMETIC,
    "Max": _ARITHMETIC,
    "Min": _ARITHMETIC,
    "Where": _ARITHMETIC,
    "SwiGLU": _ARITHMETIC,
    "Equal": _ARITHMETIC,
    "Greater": _ARITHMETIC,
    "GreaterOrEqual": _ARITHMETIC,
    "Less": _ARITHMETIC,
    "LessOrEqual": _ARITHMETIC,
    "And": _ARITHMETIC,
    "Or": _ARITHMETIC,
    "Xor": _ARITHMETIC,
    "BitShift": _ARITHMETIC,
    "BitwiseAnd": _ARITHMETIC,
    "BitwiseOr": _ARITHMETIC,
    "BitwiseXor": _ARITHMETIC,
    "Identity": replace(_MOVE, spells=True, finite=True, blocked=_STAYS, batch="same"),
    "Reshape": replace(_RESHAPE, batch="reshape"),
    "Flatten": replace(_RESHAPE, batch="flatten"),
    "Squeeze": replace(_RESHAPE, batch="squeeze"),
    "Unsqueeze": replace(_RESHAPE, batch="unsqueeze"),
    "Transpose": replace(_MOVE, batch="transpose"),
    "Slice": replace(_TAKE, keeps_sign=True, batch="slice", axes=3),
    "Split": replace(_TAKE, batch="along_first", axis=0, along=True),
    "Gather": replace(_TAKE, batch="gather", axis=0, along=True),
    "GatherElements": replace(_TAKE, batch="gather_elements", axis=0, along=True),
    "GatherND": replace(_TAKE, batch="never"),
    "Compress": replace(_TAKE, batch="compress", along=True),
    "Expand": replace(_TAKE, batch="aligned"),
    "Tile": replace(_TAKE, batch="tile"),
    "DepthToSpace": replace(_TAKE, over_positions=True),
    "SpaceToDepth": replace(_TAKE, over_positions=True),
    "ReverseSequence": replace(_TAKE, batch="reverse_sequence"),
    "Unique": replace(_TAKE, batch="never"),
    "Concat": replace(_JOIN, keeps_sign=True, batch="concat", axis=0, along=True),
    "Pad": replace(_JOIN, keeps_sign=True, batch="pad"),
    "ScatterElements": replace(_JOIN, batch="scatter_elements", axis=0, along=True),
    "ScatterND": replace(_JOIN, batch="scatter_nd"),
    "TensorScatter": replace(_JOIN, batch="all_led"),
    "Trilu": replace(_JOIN, batch="matrices"),
    "BatchNormalization": replace(_NORM, finite=True, batch="batch_norm"),
    "InstanceNormalization": _NORM,
    "GroupNormalization": _NORM,
    "LayerNormalization": replace(_NORM, batch="layer_norm", axis=-1, along=True),
    "RMSNormalization": replace(_NORM, batch="layer_norm", axis=-1, along=True),
    "MeanVarianceNormalization": replace(_NORM, batch="mean_variance"),
    "LpNormalization": _NORM,
    "LRN": _NORM,
    "Softmax": replace(_NORM, batch="along_last", axis=-1, along=True),
    "LogSoftmax": replace(_NORM, batch="along_last", axis=-1, along=True),
    "CumSum": replace(_NORM, batch="cumulative", axes=1),
    "CumProd": replace(_NORM, batch="cumulative", axes=1),
    "QuantizeLinear": _NORM,
    "DequantizeLinear": _NORM,
    "DynamicQuantizeLinear": _NORM,
    "Hardmax": replace(_NORM, batch="along_last", axis=-1, along=True),
    "ReduceMean": _REDUCTION,
    "ReduceSum": _REDUCTION,
    "ReduceMax": _REDUCTION,
    "ReduceMin": _REDUCTION,
    "ReduceProd": _REDUCTION,
    "ReduceL1": _REDUCTION,
    "ReduceL2": _REDUCTION,
    "ReduceLogSum": _REDUCTION,
    "ReduceLogSumExp": _REDUCTION,
    "ReduceSumSquare": _REDUCTION,
    "Conv": _WINDOW,
    "ConvTranspose": _WINDOW,
    "ConvInteger": _WINDOW,
    "QLinearConv": _WINDOW,
    "DeformConv": replace(_WINDOW, batch="deform_conv"),
    "MaxPool": replace(_WINDOW, keeps_sign=True),
    "AveragePool": replace(_WINDOW, keeps_sign=True),
    "LpPool": _WINDOW,
    "MaxUnpool": replace(_WINDOW, batch="all_led"),
    "GlobalAveragePool": replace(_WINDOW, keeps_sign=True),
    "GlobalMaxPool": replace(_WINDOW, keeps_sign=True),
    "GlobalLpPool": _WINDOW,
    "Resize": replace(_WINDOW, over_positions=False),
    "GridSample": replace(_WINDOW, batch="all_rows", over_positions=False),
    "RoiAlign": replace(_WINDOW, batch="never", over_positions=False),
    "MaxRoiPool": replace(_WINDOW, batch="never", over_positions=False),
    "MatMul": replace(_PRODUCT, batch="matmul"),
    "Gemm": replace(_PRODUCT, batch="gemm"),
    "Einsum": replace(_PRODUCT, batch="einsum"),
    "MatMulInteger": _PRODUCT,
    "QLinearMatMul": _PRODUCT,
    "ArgMax": replace(_CHOICE, batch="arg", axis=0, along=True),
    "ArgMin": replace(_CHOICE, batch="arg", axis=0, along=True),
    "TopK": replace(_CHOICE, batch="along_last", axis=-1, along=True),
    "NonZero": _CHOICE,
    "NonMaxSuppression": _CHOICE,
    "Constant": _MADE,
    "ConstantOfShape": _MADE,
    "EyeLike": _MADE,
    "Range": _MADE,
    "OneHot": replace(_MADE, batch="one_hot", axis=-1, along=True),
    "Shape": _MADE,
    "Size": _MADE,
    "Det": replace(_OTHER, batch="matrices"),
    "DFT": replace(_OTHER, batch="dft"),
    "STFT": OpTraits(Numbers.OTHER),
    "AffineGrid": OpTraits(Numbers.OTHER),
    "Col2Im": OpTraits(Numbers.OTHER),
    "LSTM": _OTHER,
    "GRU": _OTHER,
    "RNN": _OTHER,
    "If": _OTHER,
    "Loop": _OTHER,
    "Scan": _OTHER,
}
"""The rows, by the operators' names in the standard domain."""


def named(**wanted: object) -> frozenset[str]:
    """The operators whose traits are as wanted, such as `named(numbers=Numbers.MOVED)`."""
    return frozenset(
        op
        for op, traits in TRAITS.items()
        if all(getattr(traits, key) == value for key, value in wanted.items())
    )


FUNCTIONS: Final = named(numbers=Numbers.FUNCTION)
ARITHMETIC: Final = named(numbers=Numbers.ARITHMETIC)
MOVES: Final = named(numbers=Numbers.MOVED)
RESHAPES: Final = named(keeps_order=True)
TAKES: Final = named(numbers=Numbers.TAKEN)
JOINS: Final = named(numbers=Numbers.JOINED)
NORMALISATIONS: Final = named(numbers=Numbers.NORMALISED)
REDUCTIONS: Final = named(numbers=Numbers.REDUCED)
WINDOWS: Final = named(over_positions=True)
ACTIVATIONS: Final = named(is_activation=True)
GATES: Final = named(is_gate=True)
SPELLERS: Final = named(spells=True)
FINITE: Final = named(finite=True)
SIGN_KEEPING: Final = named(keeps_sign=True)
GROWING: Final = named(grows=True)
ALONG_AXIS: Final = named(along=True)
