"""Generators of pictures, as small as they can be."""

from __future__ import annotations

from onnx import ModelProto

from support.graphs import parse

GENERATOR = """
<ir_version: 8, opset_import: ["" : {opset}]>
decoder (float[{batch}, 5] x) => (float[{batch}, {shape}] scores_out)
<float[5, 192] w1, float[192] b, int64[4] sizes = {{{sizes}}}>
{{
    a = Gemm (x, w1, b)
    {body}
}}
"""

PICTURE = "c = Reshape (a, sizes)\n    scores_out = {last} (c)"


def generator(
    *, last: str = "Sigmoid", shape: str = "3, 8, 8", batch: str = "N", opset: int = 17
) -> ModelProto:
    """A decoder whose names all clash with the classifier's."""
    sizes = f"0, {shape}" if batch == "N" else f"{batch}, {shape}"
    text = GENERATOR.format(
        opset=opset, batch=batch, shape=shape, sizes=sizes, body=PICTURE.format(last=last)
    )
    return parse(text, seed=2)
