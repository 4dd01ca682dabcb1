"""Cases of attention: Attention, RotaryEmbedding, LinearAttention, CausalConvWithState."""

from __future__ import annotations

import numpy as np

from support.vjp_case import Case, case

NEWER = "ONNX Runtime (1.31.1) takes models up to opset 26"

MASK = np.array([[1, 1, 0, 1, 0], [1, 0, 1, 1, 0], [0, 1, 1, 1, 1]], bool)
"""What each of three queries sees of five keys."""


ATTENTION: list[Case] = [
    *[
        case(
            f"Attention {name}",
            f"y = Attention<softmax_precision=TYPE{attrs}>(q, k, v)",
            q=query,
            k=key,
            v=value,
            opset=23,
        )
        for name, attrs, query, key, value in (
            ("of heads", "", "N,2,3,4", "N,2,5,4", "N,2,5,6"),
            ("of rows", ", q_num_heads=2, kv_num_heads=2", "N,3,8", "N,5,8", "N,5,12"),
            ("causal", ", is_causal=1", "N,2,5,4", "N,2,5,4", "N,2,5,4"),
            ("scaled, capped", ", scale=0.75, softcap=1.5", "N,2,3,4", "N,2,5,4", "N,2,5,4"),
            ("of grouped heads", "", "N,4,3,4", "N,2,5,4", "N,2,5,4"),
            (
                "of grouped rows",
                ", q_num_heads=4, kv_num_heads=2, is_causal=1",
                "N,5,8",
                "N,5,4",
                "N,5,4",
            ),
            ("of open length", "", "N,2,H,4", "N,2,L,4", "N,2,L,4"),
            (
                "of open rows",
                ", q_num_heads=2, kv_num_heads=2",
                "N,H,8",
                "N,L,8",
                "N,L,8",
            ),
        )
    ],
    case(
        "Attention with a mask of truth values",
        "y = Attention<softmax_precision=TYPE>(q, k, v, m)",
        q="N,2,3,4",
        k="N,2,5,4",
        v="N,2,5,4",
        m=MASK,
        opset=23,
    ),
    case(
        "Attention with a query that sees nothing",
        "y = Attention<softmax_precision=TYPE>(q, k, v, m)",
        q="N,2,3,4",
        k="N,2,5,4",
        v="N,2,5,4",
        m=MASK & np.array([[True], [False], [True]]),
        opset=23,
    ),
    case(
        "Attention with a bias",
        "y = Attention<softmax_precision=TYPE>(q, k, v, m)",
        q="N,2,3,4",
        k="N,2,5,4",
        v="N,2,5,4",
        m="N,2,3,5",
        opset=23,
    ),
    case(
        "Attention with a constant bias, causal",
        "y = Attention<softmax_precision=TYPE, is_causal=1>(q, k, v, m)",
        q="N,2,5,4",
        k="N,2,5,4",
        v="N,2,5,4",
        m=(5, 5),
        opset=23,
    ),
    case(
        "Attention with a past",
        "y, a, b = Attention<softmax_precision=TYPE>(q, k, v, , pk, pv)",
        q="N,2,3,4",
        k="N,2,2,4",
        v="N,2,2,4",
        pk="N,2,3,4",
        pv="N,2,3,4",
        opset=23,
    ),
    case(
        "Attention's present keys and values",
        "z, a, b = Attention<softmax_precision=TYPE>(q, k, v, , pk, pv) "
        "zz = Flatten(z) aa = Flatten(a) bb = Flatten(b) y = Concat<axis=1>(zz, aa, bb)",
        q="N,2,3,4",
        k="N,2,2,4",
        v="N,2,2,4",
        pk="N,2,3,4",
        pv="N,2,3,4",
        opset=23,
    ),
    *[
        case(
            f"Attention's products, mode {mode}",
            f"z, , , w = Attention<qk_matmul_output_mode={mode}, softcap={2.0 * bool(mode)}, "
            "softmax_precision=TYPE>"
            "(q, k, v, m) zz = Flatten(z) ww = Flatten(w) y = Concat<axis=1>(zz, ww)",
            q="N,2,3,4",
            k="N,2,5,4",
            v="N,2,5,4",
            m="N,2,3,5",
            opset=23,
        )
        for mode in range(4)  # onnx.reference caps in place, before it gives out mode 0
    ],
    case(
        "Attention of one tensor",
        "y = Attention<softmax_precision=TYPE, q_num_heads=2, kv_num_heads=2>(x, x, x)",
        x="N,3,8",
        opset=23,
    ),
    case(
        "Attention-24 of padded keys",
        "y = Attention<softmax_precision=TYPE>(q, k, v, , , , n)",
        q="3,2,3,4",
        k="3,2,5,4",
        v="3,2,5,4",
        n=[5, 2, 3],
        opset=24,
    ),
]

ROTARY: list[Case] = [
    *[
        case(
            f"RotaryEmbedding {name}",
            f"y = RotaryEmbedding{attrs}(x, c, s)",
            x=shape,
            c=cache,
            s=cache,
            opset=23,
        )
        for name, attrs, shape, cache in (
            ("of heads", "", "N,2,3,6", "N,3,3"),
            ("of rows", "<num_heads=2>", "N,3,8", "N,3,2"),
            ("interleaved", "<interleaved=1>", "N,2,3,6", "N,3,3"),
            ("of a part", "<rotary_embedding_dim=4>", "N,2,3,6", "N,3,2"),
            (
                "interleaved part of rows",
                "<num_heads=2, interleaved=1, rotary_embedding_dim=2>",
                "N,3,8",
                "N,3,1",
            ),
        )
    ],
    case(
        "RotaryEmbedding by positions",
        "y = RotaryEmbedding(x, c, s, p)",
        x="3,2,3,6",
        c=(8, 3),
        s=(8, 3),
        p=np.array([[0, 1, 2], [2, 2, 7], [4, 0, 3]]),
        opset=23,
    ),
]

LINEAR: list[Case] = [
    *[
        case(
            f"CausalConvWithState {name}",
            f"y, s = CausalConvWithState{attrs}({operands})",
            opset=27,
            no_runtime=NEWER,
            x="N,3,5",
            **tensors,
        )
        for name, attrs, operands, tensors in (
            ("plain", "", "x, w", {"w": (3, 1, 4)}),
            ("gated", '<activation="silu">', "x, w, b", {"w": "3,1,4", "b": "3"}),
            ("with a past", '<activation="swish">', "x, w, , p", {"w": (3, 1, 3), "p": "N,3,2"}),
        )
    ],
    case(
        "CausalConvWithState's state",
        "z, y = CausalConvWithState(x, w, , p)",
        x="N,3,2",
        w=(3, 1, 5),
        p="N,3,4",
        opset=27,
        no_runtime=NEWER,
    ),
    *[
        case(
            f"LinearAttention {rule}",
            f'y, s = LinearAttention<q_num_heads=2, kv_num_heads=2, update_rule="{rule}">({more})',
            opset=27,
            no_runtime=NEWER,
            q="N,3,4",
            k="N,3,4",
            v="N,3,6",
            low=-1.0,
            high=1.0,
            **tensors,
        )
        for rule, more, tensors in (
            ("linear", "q, k, v", {}),
            ("gated", "q, k, v, , g", {"g": "N,3,4"}),
            ("delta", "q, k, v, , , b", {"b": "N,3,2"}),
            ("gated_delta", "q, k, v, p, g, b", {"p": "N,2,2,3", "g": "N,3,4", "b": "N,3,2"}),
        )
    ],
    case(
        "LinearAttention of grouped heads",
        'y, s = LinearAttention<q_num_heads=4, kv_num_heads=2, update_rule="linear", scale=0.5>'
        "(q, k, v)",
        q="N,3,8",
        k="N,3,4",
        v="N,3,6",
        opset=27,
        no_runtime=NEWER,
    ),
]

CASES: list[Case] = [*ATTENTION, *ROTARY, *LINEAR]
