"""A batch that is folded into other axes is followed: its items are explained one by one."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

from retrograph import Explainer
from retrograph.ir.analysis.batch_axis import follow_batch, keeps_rows_apart
from retrograph.ir.passes.canonicalize import canonicalize
from support.folded_nets import NETS, Folded
from support.graphs import Array

every_net = pytest.mark.parametrize("net", NETS.values(), ids=NETS)
every_batch = pytest.mark.parametrize("batch", [2, 3, 4])


def central_differences(net: Folded, target: str, x: Array, unit: tuple[int, ...]) -> Array:
    """Of one unit of a single item, in float64."""
    model, x = net.model(1, "double"), x.astype(np.float64)
    if target != "scores":
        del model.graph.output[:]
        model.graph.output.append(helper.make_tensor_value_info(target, TensorProto.DOUBLE, None))
    evaluator, found = ReferenceEvaluator(model), np.zeros(x.size)
    for i in range(x.size):
        step = np.zeros(x.size)
        step[i] = 1e-5
        moved = (x + sign * step.reshape(x.shape) for sign in (1, -1))
        above, below = (evaluator.run(None, {"x": one})[0] for one in moved)
        index = unit if target != "scores" else (0, *unit)
        found[i] = (above[index] - below[index]) / 2e-5
    return found.reshape(x.shape)


@every_batch
@every_net
def test_items_are_explained_as_if_alone(net: Folded, batch: int) -> None:
    x = net.items(batch)
    together = Explainer(net.model(batch), method="gradient", select="top").attribute(x)
    assert together.unit.shape == (batch, 1)
    alone = Explainer(net.model(1), method="gradient", select="top")
    for i in range(batch):
        one = alone.attribute(x[i : i + 1])
        assert one.unit.shape == (1, 1)
        np.testing.assert_array_equal(together.unit[i], one.unit[0])
        np.testing.assert_allclose(together.score[i], one.score[0], rtol=1e-4)
        np.testing.assert_allclose(together.attribution[i], one.attribution[0], atol=1e-5)


@every_net
def test_an_item_of_two_has_its_central_differences(net: Folded) -> None:
    x = net.items(2)
    found = Explainer(net.model(2), method="gradient", select="unit").attribute(x, [[3], [1]])
    for i, unit in enumerate([3, 1]):
        wanted = central_differences(net, "scores", x[i : i + 1], (unit,))
        np.testing.assert_allclose(found.attribution[i : i + 1], wanted, atol=2e-5)


@pytest.mark.one_in(3)
@every_batch
@pytest.mark.parametrize(
    ("net", "layer"), [(net, layer) for net in NETS.values() for layer in net.inner]
)
def test_a_folded_layer_has_units_for_each_item(net: Folded, layer: str, batch: int) -> None:
    """The rows of an item are the first axis of its units."""
    x = net.items(batch)
    rows = net.inner[layer]
    explainer = Explainer(net.model(batch), method="gradient", layer=layer, select="unit")
    item = [size or 0 for size in explainer.contract.shape]
    assert item[0] == rows
    units = np.random.default_rng(4).integers(0, item, (batch, len(item)))
    found = explainer.attribute(x, units)
    np.testing.assert_array_equal(found.unit, units)
    for i, unit in enumerate(units):
        wanted = central_differences(net, layer, x[i : i + 1], tuple(unit))
        np.testing.assert_allclose(found.attribution[i : i + 1], wanted, atol=2e-5)


@pytest.mark.parametrize("batch", [2, 4])
@every_net
def test_rows_are_kept_apart(net: Folded, batch: int) -> None:
    graph = canonicalize(net.model(batch))
    assert keeps_rows_apart(graph, "scores", ["scores"])
    found = follow_batch(graph)
    rows = {name: found.rows(graph.types[name]) for name in net.inner}
    assert rows == net.inner
