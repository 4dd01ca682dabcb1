"""Sounds as waveforms: decoded, resampled, their channels mixed, and fitted to a model's length."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Final

import numpy as np

from retrograph.errors import InputError, one_line, parameter
from retrograph.pointers import refuse_pointer, refuse_pointer_file
from retrograph.preprocess.axes import InputAxes
from retrograph.preprocess.extras import library
from retrograph.preprocess.picture import Array

SOUND_SUFFIXES: Final = frozenset(
    (".aif", ".aiff", ".au", ".caf", ".flac", ".mp3", ".oga", ".ogg", ".opus", ".w64", ".wav")
)
"""The suffixes, in lower case with the dot, by which sound files are known."""

RATE_KEYS: Final = ("sample_rate", "sampling_rate", "samplerate", "sr")
"""The properties of a model's metadata that may hold its sample rate."""

LONGEST: Final = 2**25
"""The samples, of each channel, that are made of a file for a model of any length."""

_MARGIN: Final = 4096
"""Samples that are decoded beyond what is taken, for the filter that resamples."""


@dataclass(frozen=True)
class Sound:
    """A decoded sound.

    Attributes:
        samples: float32 [C, T], from -1 to 1.
        rate: samples a second.
        count: how many samples of each channel the file has, of which T are decoded.
        note: of a damaged file, how much of it is there; "" else.
    """

    samples: Array
    rate: int
    count: int
    note: str


@dataclass(frozen=True)
class Waveform:
    """A sound as a model takes it.

    Attributes:
        samples: float32 [C, T].
        rate: samples a second.
        note: what was done on the way; "" where nothing was.
    """

    samples: Array
    rate: int
    note: str


@dataclass(frozen=True)
class WaveformSize:
    """The waveform that a model takes.

    Attributes:
        channels: how many.
        length: samples of each channel; None for any number.
        rate: samples a second; None where it is not known, and sounds keep theirs.
    """

    channels: int
    length: int | None
    rate: int | None


def is_sound(path: PurePath) -> bool:
    """Whether a file's name is that of a sound."""
    return path.suffix.lower() in SOUND_SUFFIXES


def stored_sample_rate(properties: Mapping[str, str]) -> tuple[int | None, str]:
    """The sample rate in a model's metadata.

    Returns:
        Samples a second, None where there is none; and a note, "" where there is nothing to say.
    """
    for key in RATE_KEYS:
        if key not in properties:
            continue
        try:
            rate = float(properties[key])
        except ValueError:
            rate = 0.0
        if rate >= 1 and rate.is_integer():
            return int(rate), ""
        return None, f"the {key} '{properties[key]}' in the model's metadata is left out: no number"
    return None, ""


def choose_sample_rate(
    sample_rate: int | None, properties: Mapping[str, str], axes: InputAxes
) -> tuple[int | None, InputAxes, str]:
    """How many samples a second an input takes, and its axes.

    Args:
        sample_rate: as is said; None where nothing is.
        properties: a model's metadata, where nothing is said.
        axes: of the input; where a rate is said, its only long axis counts samples.

    Returns:
        The rate, None where the input is no waveform or nothing says it; the axes; and a note, ""
        where there is nothing to say.

    Raises:
        InputError: the rate that is said is none, or does not go with the input.
    """
    if sample_rate is not None:
        if sample_rate < 1:
            raise InputError(
                f"{parameter('sample_rate', sample_rate)} is no rate; give samples a second, such "
                "as 16000"
            )
        return sample_rate, axes.as_waveform(), ""
    if not axes.takes_waveforms:
        return None, axes, ""
    stored, note = stored_sample_rate(properties)
    return stored, axes, note


def read_waveform(name: str, source: Path | bytes, size: WaveformSize) -> Waveform:
    """A sound as the waveform that a model takes.

    Several channels become one by their mean, one is given to each of several. What is too short
    is padded with zeros at its end, what is too long is cut there.

    Args:
        name: of the file, for messages.
        source: the file, or its bytes.
        size: what the model takes.

    Raises:
        InputError: the file cannot be decoded, or has channels that the model does not take.
    """
    sound = _decoded(name, source, size)
    samples, mixed = _mixed(name, sound.samples, size.channels)
    samples, resampled = _resampled(name, samples, sound.rate, size.rate)
    samples, fitted = _fitted(samples, sound, size)
    kept = ""
    if size.rate is None:
        kept = (
            f"its {sound.rate} samples a second are taken as they are; if the model was trained at "
            f"another rate, give {parameter('sample_rate')}"
        )
    note = "; ".join(filter(None, [sound.note, mixed, resampled, fitted, kept]))
    return Waveform(samples, size.rate or sound.rate, note)


def _decoded(name: str, source: Path | bytes, size: WaveformSize) -> Sound:
    """The beginning of a sound, as much of it as the model takes."""
    soundfile = library("soundfile", "audio", "sound files")
    try:
        with soundfile.SoundFile(
            source if isinstance(source, Path) else io.BytesIO(source)
        ) as file:
            rate, count = int(file.samplerate), int(file.frames)
            most = _samples_needed(name, rate, count, size)
            samples = file.read(most, dtype="float32", always_2d=True).T
    except FileNotFoundError:
        raise InputError(f"{name} does not exist; check the path") from None
    except (soundfile.LibsndfileError, OSError) as error:
        if isinstance(source, Path):
            if not source.exists():
                raise InputError(f"{name} does not exist; check the path") from None
            refuse_pointer_file(source)
        else:
            refuse_pointer(name, source)
        reason = getattr(error, "error_string", one_line(error)).rstrip(".")
        raise InputError(
            f"{name} is no sound that can be read ({reason}); save it as WAV or FLAC"
        ) from None
    if not samples.size:
        raise InputError(f"{name} holds no samples; record it anew")
    if not np.isfinite(samples).all():
        raise InputError(f"{name} has NaN or infinite samples; save it anew")
    note, decoded = "", samples.shape[1]
    if decoded < most:
        note = f"damaged: of its {count} samples {decoded} can be read"
        count = decoded
    return Sound(np.ascontiguousarray(samples), rate, count, note)


def _samples_needed(name: str, rate: int, count: int, size: WaveformSize) -> int:
    """How many samples of a file are decoded, at its own rate."""
    ratio = rate / (size.rate or rate)
    if size.length is not None:
        return min(count, int(size.length * ratio) + _MARGIN)
    if max(count, count / ratio) > LONGEST:
        raise InputError(
            f"{name} has {count} samples at {rate} Hz, too many to be safe for a model that takes "
            "any length; cut it into parts"
        )
    return count


def _mixed(name: str, samples: Array, channels: int) -> tuple[Array, str]:
    count = len(samples)
    if count == channels:
        return samples, ""
    if channels == 1:
        return samples.mean(axis=0, keepdims=True), f"its {count} channels are mixed: their mean"
    if count == 1:
        each = "both" if channels == 2 else f"each of the {channels}"
        return samples.repeat(
            channels, axis=0
        ), f"its one channel is given to {each} of the model's"
    raise InputError(
        f"{name} has {count} channels, and the model takes {channels}; mix it to one or to "
        f"{channels}"
    )


def _resampled(name: str, samples: Array, rate: int, wanted: int | None) -> tuple[Array, str]:
    if wanted in (None, rate):
        return samples, ""
    resampled: Array = library("soxr", "audio", "sound files").resample(samples.T, rate, wanted).T
    if not resampled.size:
        raise InputError(
            f"{name} is too short to be resampled from {rate} Hz to {wanted} Hz; give a longer one"
        )
    return np.ascontiguousarray(resampled), f"resampled from {rate} Hz to {wanted} Hz"


def _fitted(samples: Array, sound: Sound, size: WaveformSize) -> tuple[Array, str]:
    """The waveform with the model's length."""
    length, have = size.length or samples.shape[1], samples.shape[1]
    rate = size.rate or sound.rate
    model = f"{length / rate:.3g} s ({length} samples)"
    whole = f"{sound.count / sound.rate:.3g} s"
    if have < length:
        padded = np.pad(samples, ((0, 0), (0, length - have)))
        return padded, f"padded with zeros from {whole} to {model}"
    cut = samples[:, :length]
    is_cut = have > length or sound.count > sound.samples.shape[1]
    return cut, f"cut from {whole} to the first {model}" if is_cut else ""
