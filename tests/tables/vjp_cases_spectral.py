"""VJP cases: Fourier transforms."""

from __future__ import annotations

from typing import Any

import numpy as np

from support.vjp_case import Case, case


def _number(value: int) -> np.ndarray[Any, Any]:
    return np.array(value, np.int64)


def _dft(name: str, opset: int, axis: int, parts: int, length: int | None, **flags: int) -> Case:
    """x: [N, 7, 6, parts]; the axis is an attribute until opset 19."""
    attrs = {**flags, **({"axis": axis} if opset < 20 else {})}
    inputs = ["x", "" if length is None else "l", *(["a"] if opset >= 20 else [])]
    given: dict[str, Any] = {} if length is None else {"l": _number(length)}
    if opset >= 20:
        given["a"] = _number(axis)
    text = ", ".join(f"{key}={value}" for key, value in attrs.items())
    return case(
        f"DFT-{opset} {name}",
        f"y = DFT{f'<{text}>' if text else ''}({', '.join(inputs).rstrip(', ')})",
        x=f"N,7,6,{parts}",
        opset=opset,
        **given,
    )


LENGTHS = (("", None), (" padded", 9), (" cut off", 4))
TRANSFORMS: list[Case] = [
    *[
        _dft(
            f"{'inverse ' if inverse else ''}of {'complex' if parts == 2 else 'real'}{name}",
            opset,
            axis,
            parts,
            length,
            inverse=inverse,
        )
        for opset, axis in ((17, 1), (20, 2))
        for inverse in (0, 1)
        for parts in (1, 2)
        for name, length in LENGTHS
    ],
    *[
        _dft(f"one-sided{name}", opset, axis, 1, length, onesided=1)
        for opset, axis in ((17, 1), (20, -2), (22, 1))
        for name, length in (*LENGTHS, (" of odd length", 5))
    ],
    *[
        _dft(f"inverse one-sided{name}", opset, axis, 2, length, inverse=1, onesided=1)
        for opset, axis, name, length in (
            (17, 1, "", None),
            (17, 1, " of even length", 12),
            (17, 1, " of odd length", 13),
            (20, 2, "", None),
            (20, 2, " of even length", 10),
            (20, 2, " of odd length", 11),
        )
    ],
    case("DFT-17, the default axis", "y = DFT(x)", x="N,6,3,1", opset=17),
    case("DFT-20, the default axis", "y = DFT(x)", x="N,6,3,1", opset=20),
    case("DFT-17 of one axis", "y = DFT<axis=0>(x)", x="6,2", opset=17),
    case("DFT along the batch", "y = DFT<axis=-3>(x)", x="3,4,2", opset=17),
    case("DFT of length 1", "y = DFT(x)", x="N,1,1", opset=17),
    case("DFT of a prime length", "y = DFT<inverse=1>(x)", x="N,11,2", opset=17),
    case("DFT of an open size", "y = DFT<onesided=1>(x)", x="N,L,1", opset=17),
    case("DFT inverse of an open size", "y = DFT<inverse=1>(x)", x="N,L,2", opset=17),
    case(
        "DFT inverse one-sided of an open size",
        "y = DFT<inverse=1, onesided=1>(x)",
        x="N,L,2",
        opset=17,
    ),
    case(
        "DFT to a length of run time",
        "y = DFT<inverse=1>(x, l)",
        x="N,6,2",
        l="int64 ",
        values={"l": _number(8)},
        opset=17,
    ),
    case(
        "DFT to a length in int32",
        "y = DFT<onesided=1>(x, l)",
        x="N,6,1",
        l=np.array(9, np.int32),
        opset=17,
    ),
    case(
        "DFT there and back",
        "p = DFT<onesided=1>(x) q = Mul(p, w) y = DFT<inverse=1, onesided=1>(q)",
        x="N,8,1",
        w=(5, 1),
        opset=17,
    ),
    case(
        "DFT in two dimensions",
        "p = DFT(x, , two) q = DFT(p, , one) y = Mul(q, q)",
        x="N,4,5,1",
        two=_number(2),
        one=_number(1),
        opset=20,
    ),
]

STEP = _number(3)
SHORT_TIME: list[Case] = [
    *[
        case(
            f"STFT {name} onesided {onesided}",
            f"y = STFT<onesided={onesided}>({inputs})",
            x=signal,
            s=STEP,
            opset=17,
            **given,
        )
        for name, inputs, signal, onesided, given in (
            ("windowed", "x, s, w", "N,16,1", 1, {"w": (6,)}),
            ("windowed", "x, s, w", "N,16,1", 0, {"w": (6,)}),
            ("windowed, odd", "x, s, w", "N,15,1", 1, {"w": (5,)}),
            ("of complex numbers", "x, s, w", "N,14,2", 0, {"w": (5,)}),
            ("with both", "x, s, w, l", "N,14,1", 1, {"w": (8,), "l": _number(8)}),
            ("without a window", "x, s, , l", "N,14,1", 1, {"l": _number(4)}),
            ("with gaps", "x, s, , l", "N,13,1", 1, {"l": _number(2)}),
            ("of the whole signal", "x, s, w", "N,6,1", 1, {"w": (6,)}),
        )
    ],
    case("STFT of an open size", "y = STFT(x, s, w)", x="N,L,1", s=STEP, w=(4,), opset=17),
    case(
        "STFT by its window",
        "y = STFT(x, s, w)",
        x="2,12,1",
        w="6",
        s=STEP,
        opset=17,
    ),
    case(
        "STFT of complex numbers by its window",
        "y = STFT<onesided=0>(x, s, w)",
        x="2,12,2",
        w="4",
        s=STEP,
        opset=17,
    ),
    case(
        "STFT by a step of run time",
        "y = STFT(x, s, w)",
        x="N,12,1",
        w=(4,),
        s="int64 ",
        values={"s": _number(2)},
        opset=17,
    ),
    case(
        "STFT through a Hann window to a mel spectrogram",
        "w = HannWindow<output_datatype=TYPE>(t) p = STFT(x, s, w) q = ReduceSumSquare<keepdims=0>"
        "(p, last) m = MelWeightMatrix(bands, t, rate, least, most) v = Cast<to=TYPE>(m) "
        "y = MatMul(q, v)",
        x="N,40,1",
        t=_number(16),
        s=_number(8),
        last=[-1],
        bands=_number(4),
        rate=_number(8000),
        least=np.array(0, np.float32),
        most=np.array(4000, np.float32),
        opset=18,
    ),
]

CASES = [*TRANSFORMS, *SHORT_TIME]
