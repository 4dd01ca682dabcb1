"""Real models of a fixed batch take any number of items, and give each what it gives alone."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import ModelProto

from corpus_inputs import entries
from retrograph import UnsupportedError, build
from support.corpus import ENTRIES, QUICK, feeds_of, needs_corpus
from support.graphs import runner

pytestmark = needs_corpus

CLOSED = {"carvana_unet_simp": ["Gather_18", "ReduceSum_32"]}
"""The nodes that join the items: one row is taken by its number, and all numbers are summed."""

ITEMS = 3


def items_of(model: ModelProto) -> int | None:
    """How many items a file takes; None where it leaves that open."""
    constants = {tensor.name for tensor in model.graph.initializer}
    first = next(v for v in model.graph.input if v.name not in constants)
    lead = first.type.tensor_type.shape.dim[0]
    return lead.dim_value if lead.dim_value > 0 else None


FIXED = [e.name for e in entries() if items_of(e.model.proto)]


@pytest.mark.parametrize(
    "name",
    [n if n in QUICK else pytest.param(n, marks=pytest.mark.slow) for n in FIXED] or ["none"],
)
def test_each_item_gives_what_it_gives_alone(name: str) -> None:
    proto = ENTRIES[name].model.proto
    if name in CLOSED:
        with pytest.raises(UnsupportedError) as raised:
            build(proto, method="gradient", open_batch=True)
        assert [problem.node for problem in raised.value.problems] == CLOSED[name]
        return
    opened = runner(build(proto, method="gradient", open_batch=True))
    fixed = runner(build(proto, method="gradient"))
    own = {key: value[:1] for key, value in feeds_of(name).items()}
    others = {key: [value[..., ::-1], value[:, ::-1]] for key, value in own.items()}
    feeds = {key: np.concatenate([value, *others[key]]) for key, value in own.items()}
    together, count = opened(**feeds), items_of(proto) or 1
    for row in range(ITEMS):
        alone = fixed(**{k: v[row : row + 1].repeat(count, 0) for k, v in feeds.items()})
        for key, wanted in alone.items():
            found, first = together[key][row], wanted[0]
            largest = max(1e-12, np.abs(first.astype(np.float64)).max(initial=0.0))
            assert np.abs(found - first.astype(np.float64)).max(initial=0.0) <= 1e-5 * largest, key
