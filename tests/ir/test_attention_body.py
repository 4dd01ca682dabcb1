"""The body of Attention, as older versions of onnx write it."""

from __future__ import annotations

import pytest
from onnx import helper

from retrograph.ir.graph import Graph
from retrograph.ir.passes.expand import attention
from support import nets


def test_a_body_without_a_choice_behind_the_softmax_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    body = [
        helper.make_node("Softmax", ["scores"], ["weights"]),
        helper.make_node("Cast", ["weights"], ["cast"], to=1),
        helper.make_node("MatMul", ["cast", "v"], ["y"]),
    ]
    monkeypatch.setattr(attention, "function_body", lambda graph, node: [*body])
    node = helper.make_node("Attention", ["q", "k", "v"], ["y"])
    assert attention.attention(Graph(nets.cnn()), node) == body
