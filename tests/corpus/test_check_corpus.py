"""What `check` says of real models, against what builds."""

from __future__ import annotations

import json

import pytest

import retrograph
from support.cli_case import run
from support.corpus import ENTRIES, each, needs_corpus

ONE_OF_EACH_KIND = ("gradient", "guided", "grad-cam", "expected-gradients", "smoothgrad")
ONE_OF_EACH_KIND += ("lrp-zplus", "lrp-epsilon-gamma-box", "deeplift-rescale")


@pytest.mark.one_in(3)
@needs_corpus
@each()
def test_a_model_of_the_corpus(capsys: pytest.CaptureFixture[str], name: str) -> None:
    """What is said to be possible is what builds."""
    ran = run(capsys, "check", ENTRIES[name].file, "--json")
    record = json.loads(ran.out)
    assert (ran.code, ran.err) == (0 if record["explainable"] else 3, "")
    model = retrograph.Model(ENTRIES[name].file)
    for method in ONE_OF_EACH_KIND:
        possible = record["methods"][method]["possible"]
        try:
            retrograph.build(model, method=method)
        except retrograph.RetrographError:
            assert not possible
        else:
            assert possible
