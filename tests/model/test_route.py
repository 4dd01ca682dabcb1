"""What lies between a layer and the inputs, found out without a backward pass."""

from __future__ import annotations

import pytest
from onnx import parser

from retrograph.methods.descent import Descent
from retrograph.model import Model
from retrograph.report import Place
from support.paths import SAMPLE_MODELS

DETERMINANT = """
<ir_version: 8, opset_import: ["" : 17]>
net (float[N, 3, 4, 4] x) => (float[N, 3] y) {
    r = Relu (x)
    t = Tanh (r)
    y = Det (t)
}
"""


def test_it_is_known_where_no_graph_can_be_built() -> None:
    model = Model(parser.parse_model(DETERMINANT))
    request = model.request(method="lrp-epsilon", layer="y")
    facts = model.route_facts(request)
    assert facts.item == (3,)
    assert [place.op for place in (*facts.relu, *facts.smooth)] == ["Relu", "Tanh"]
    assert [problem.op for problem in model.report(request).problems] == ["Det"]


def test_no_cotangent_is_passed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(Descent, "walk")
    model = Model(SAMPLE_MODELS / "cifar10_cnn.onnx")
    facts = model.route_facts(model.request(method="guided", layer="relu2"))
    assert len(facts.item) == 3
    assert facts.channel_axis == 0
    assert len(facts.relu) == 2
    assert isinstance(facts.relu[0], Place)
    assert facts.smooth == facts.straight_through == ()
