"""Relevance in real models: what it conserves, and that what has no rule is refused.

z+ and alpha-beta are not held to a sum. An output that is positive by its bias alone, as a merged
BatchNormalization makes many, may get relevance from a residual sum; with no positive contribution
to share it by, z+ hands nothing on, and alpha-beta twice as much where there is no negative one.
What is lost or added grows with depth. It belongs to the rules: `test_relevance_goldens.py` has the
same sums from zennit in float64.
"""

from __future__ import annotations

import numpy as np
import pytest

from corpus_inputs import PICTURE_CLASSIFIERS
from retrograph import Explainer, UnsupportedError
from retrograph.methods.relevance.base import RelevanceMethod
from retrograph.methods.relevance.composites import LrpEpsilonGammaBox
from retrograph.methods.relevance.lrp import LrpEpsilon, LrpGamma, LrpZPlus
from support.corpus import ENTRIES, each, feeds_of, needs_corpus

pytestmark = needs_corpus

CONSERVING = (LrpEpsilon(), LrpGamma(), LrpEpsilonGammaBox())
RELATIVE = 1e-3


def explainer_of(name: str, method: RelevanceMethod) -> Explainer:
    try:
        return Explainer(ENTRIES[name].model, method=method, device="cpu")
    except UnsupportedError as error:
        pytest.skip(f"{len(error.problems)} operators without a rule")


@pytest.mark.one_in(3)
@each(*PICTURE_CLASSIFIERS)
@pytest.mark.parametrize("method", CONSERVING, ids=lambda method: method.name)
def test_attribution_and_biases_sum_to_the_score(name: str, method: RelevanceMethod) -> None:
    found = explainer_of(name, method).attribute(feeds_of(name))
    assert found.bias_relevance is not None
    attribution = found.attribution.astype(np.float64).reshape(len(found.score), -1)
    total = attribution.sum(1) + found.bias_relevance
    assert (np.abs(total - found.score) <= RELATIVE * np.abs(found.score)).all()


@each(*PICTURE_CLASSIFIERS)
def test_z_plus_of_a_positive_score_is_not_negative_and_no_more_than_it(name: str) -> None:
    """Where all sums are of numbers that are not negative: behind residual sums it may be."""
    model = ENTRIES[name].model
    if any(n.op_type in ("Add", "Sum") and len(n.input) > 1 for n in model.graph.nodes):
        pytest.skip("sums may have terms of both signs")
    found = explainer_of(name, LrpZPlus()).attribute(feeds_of(name))
    assert found.bias_relevance is not None
    if (found.score > 0).all():
        assert (found.attribution >= 0).all()
        total = found.attribution.astype(np.float64).sum() + found.bias_relevance.sum()
        assert total <= found.score.sum() * (1 + RELATIVE)
