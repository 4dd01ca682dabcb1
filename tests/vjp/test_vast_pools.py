"""A pool over more positions than can be numbered builds, and nothing of that size is stored."""

from __future__ import annotations

from onnx import parser

import retrograph


def test_a_vast_pool_stores_no_ranks() -> None:
    model = parser.parse_model(
        '<ir_version: 9, opset_import: ["": 17]>'
        " g (float[1,1,1048576,1048576] x) => (float[1,1,524288,524288] y)"
        " { y = MaxPool<kernel_shape = [2, 2], strides = [2, 2]>(x) }"
    )
    built = retrograph.build(model, method="gradient", select="cotangent")
    assert built.ByteSize() < 100_000
