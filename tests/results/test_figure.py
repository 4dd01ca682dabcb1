"""What a picture of an explained input says: its class, its colours, the small print."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import retrograph as rg
from retrograph.render import STYLES
from retrograph.results.caption import picture_lines
from support import nets
from support.page_case import find

X = np.random.default_rng(3).random((1, 3, 16, 16)).astype(np.float32)
NAMES = ["cat", "dog", "owl", "bee"]


def explained(proto: Any, **keywords: Any) -> Any:
    answer = rg.explain(rg.Model(proto), X, device="cpu", **keywords)
    return answer.explanations[0] if hasattr(answer, "explanations") else answer


@pytest.mark.parametrize(
    ("method", "style"),
    [
        ("guided", "signed"),
        ("saliency", "heat"),
        ("grad-cam", "overlay"),
        ("lrp-epsilon-plus", "red-blue"),
        ("integrated-gradients", "red-blue"),
        ("input-x-gradient", "red-blue"),
        ("deeplift-rescale", "red-blue"),
    ],
)
def test_a_picture_holds_the_legend_of_its_style(method: str, style: str) -> None:
    page = explained(nets.cnn(size=16), method=method).image()
    find(page, STYLES[style].key().bar)


def test_a_style_of_ones_own_has_its_legend() -> None:
    explanation = explained(nets.cnn(size=16))
    find(explanation.image("heat,smooth"), STYLES["heat"].key().bar)


def softmax(scores: np.ndarray) -> np.ndarray:
    powers = np.exp(scores - scores.max())
    return np.asarray(powers / powers.sum())


def test_a_class_is_named_with_the_softmax_of_its_score() -> None:
    explanation = explained(nets.cnn(size=16), labels=NAMES)
    best = int(explanation.classes.argmax())
    share = softmax(explanation.classes)[best]
    first, second, *_ = picture_lines(explanation)
    assert first == f"{NAMES[best]} · softmax {share:.3f}"
    assert second.startswith("scores · activation ")


def test_what_sums_to_one_is_a_probability() -> None:
    proto = nets.cnn(size=16)
    proto.graph.node.append(nets.node("Softmax", "scores_out", "p", axis=1))
    proto.graph.output[0].name = "p"
    explanation = explained(proto, labels=NAMES)
    assert f" · probability {explanation.classes.max():.3f}" in picture_lines(explanation)[0]


def test_without_names_no_probability_is_claimed() -> None:
    assert picture_lines(explained(nets.cnn(size=16)))[0].startswith("unit ")
