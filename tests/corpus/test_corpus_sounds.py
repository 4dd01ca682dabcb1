"""Sound files through a model of the corpus: a tone is its note, explained where it begins."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import retrograph as rg
from support.corpus import ENTRIES, needs_corpus

soundfile = pytest.importorskip("soundfile")
pytest.importorskip("soxr")


@needs_corpus
@pytest.mark.parametrize(("hertz", "note"), [(440.0, 48), (261.63, 39)])
def test_a_tone_is_heard_as_its_note_whatever_its_files_rate(
    tmp_path: Path, hertz: float, note: int
) -> None:
    """Keys of a piano, from 0; the model takes 22050 samples a second."""
    seconds = np.arange(2 * 48000) / 48000
    tone = 0.5 * np.sin(2 * np.pi * hertz * seconds) * (seconds >= 1)
    soundfile.write(tmp_path / "tone.flac", np.stack([tone, tone], axis=1), 48000)
    model = ENTRIES["basic_pitch_nmp"].model
    answer = rg.explain(model, tmp_path / "tone.flac", sample_rate=22050, method="gradient")
    (explanation,) = answer.explanations
    assert explanation.units[0][-1] == note
    assert "mixed" in explanation.note
    assert "resampled from 48000 Hz to 22050 Hz" in explanation.note
    sizes = np.abs(explanation.attributions["gradient"][0]).ravel()
    assert sizes.argmax() / 22050 == pytest.approx(1, abs=0.1)
