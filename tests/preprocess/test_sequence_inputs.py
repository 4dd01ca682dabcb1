"""Sequences of letters: alphabets, FASTA files, one-hot inputs and the letters read back."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from retrograph.errors import InputError
from retrograph.inputs import iter_inputs
from retrograph.preprocess import BadInput, Coding, Item, Preprocessing, parse_alphabet
from retrograph.preprocess.recipe import Shape
from retrograph.preprocess.sequences import read_fasta
from support.input_case import kind_of

DNA: Shape = ("N", 4, 6)


def written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def read(path: Path, shape: Shape = DNA, alphabet: str = "ACGT") -> list[Item | BadInput]:
    coding = Coding.fitted(alphabet, shape)
    return list(iter_inputs([path], kind_of(shape, Preprocessing(), coding)))


def error_of(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        list(read_fasta(path))
    assert "\n" not in str(caught.value)
    assert "; " in str(caught.value)
    return str(caught.value)


# --- alphabets ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "letters"),
    [
        ("dna", "ACGT"),
        ("RNA", "ACGU"),
        ("Protein", "ACDEFGHIKLMNPQRSTVWY"),
        (" TGCA ", "TGCA"),
        ("..AC", "..AC"),
        ("3.AC2.", "...AC.."),
        ("ab-*", "ab-*"),
    ],
)
def test_alphabets(text: str, letters: str) -> None:
    assert parse_alphabet(text) == letters


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "no letters"),
        ("..", "no letters"),
        ("ACCT", "C 2 times"),
        ("AC GT", "' '"),
        ("AC4", "'4'"),
        ("A\xe9", "'\xe9'"),
    ],
)
def test_alphabets_that_are_none(text: str, word: str) -> None:
    with pytest.raises(InputError, match=word):
        parse_alphabet(text)


# --- files -------------------------------------------------------------------------------------


def test_records_of_several_lines(tmp_path: Path) -> None:
    text = "; a comment\n\n>one first of all\nACG\nT A\n\n>two\r\nGG\r\n>\nC\n>three\n"
    path = written(tmp_path / "a.fa", text)
    assert list(read_fasta(path)) == [("one", "ACGTA"), ("two", "GG"), ("[2]", "C"), ("three", "")]


def test_names_that_came_before_get_their_number(tmp_path: Path) -> None:
    path = written(tmp_path / "a.fa", ">x 1\nA\n>y\nC\n>x 2\nG\n>x 3\nT\n")
    assert [name for name, _ in read_fasta(path)] == ["x", "y", "x[2]", "x[3]"]


def test_compressed_files_read_as_their_text(tmp_path: Path) -> None:
    text = ">one\nACGT\n>two\nGG\n"
    plain = written(tmp_path / "a.fasta", text)
    packed = tmp_path / "b.fasta.gz"
    packed.write_bytes(gzip.compress(text.encode()))
    assert list(read_fasta(packed)) == list(read_fasta(plain))
    assert [item.name for item in read(packed)] == [f"{packed}:one", f"{packed}:two"]


def test_files_that_are_no_fasta(tmp_path: Path) -> None:
    assert "does not exist" in error_of(tmp_path / "none.fa")
    assert "no sequences" in error_of(written(tmp_path / "empty.fa", ""))
    assert "line 2" in error_of(written(tmp_path / "headless.fa", "\nACGT\n>x\nA\n"))
    for name, data in (("raw.fa", b">a\n\xff\xfe"), ("raw.fa.gz", b"no gzip")):
        (tmp_path / name).write_bytes(data)
        assert "cannot be read as FASTA" in error_of(tmp_path / name)
    half = gzip.compress(b">a\n" + bytes(range(65, 90)) * 1000)
    (tmp_path / "half.fa.gz").write_bytes(half[: len(half) // 2])
    assert "cannot be read as FASTA" in error_of(tmp_path / "half.fa.gz")


def test_what_came_before_the_damage_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.fa"
    path.write_bytes(b">one\nACGTAC\n>two\n" + b"A" * 100_000 + b"\n>three\n\xff\n>four\nA\n")
    first, *_, last = read(path)
    assert isinstance(first, Item)
    assert isinstance(last, BadInput)


# --- one-hot -----------------------------------------------------------------------------------


def test_one_hot_by_hand(tmp_path: Path) -> None:
    (item,) = read(written(tmp_path / "a.fna", ">x\nGATtac\n"))
    assert isinstance(item, Item)
    by_hand = np.array(
        [[0, 1, 0, 0, 1, 0], [0, 0, 0, 0, 0, 1], [1, 0, 0, 0, 0, 0], [0, 0, 1, 1, 0, 0]]
    )
    np.testing.assert_array_equal(item.array, by_hand)
    assert (item.array.dtype, item.shown, item.note) == (np.float32, None, "")


@pytest.mark.parametrize("shape", [("N", 6, 4), ("N", None, 4)])
def test_positions_may_come_first(tmp_path: Path, shape: Shape) -> None:
    path = written(tmp_path / "a.fa", ">x\nGATTAC\n")
    (first,), (last,) = read(path), read(path, shape)
    assert isinstance(first, Item)
    assert isinstance(last, Item)
    np.testing.assert_array_equal(last.array, first.array.T)


@pytest.mark.parametrize("shape", [("N", 4, 1, 6), ("N", 1, 4, 6), ("N", 4, 6, 1), ("N", 1, 6, 4)])
def test_axes_of_one_entry_are_kept(tmp_path: Path, shape: Shape) -> None:
    path = written(tmp_path / "a.fa", ">x\nGATTAC\n")
    (plain,), (item,) = read(path), read(path, shape)
    assert isinstance(plain, Item)
    assert isinstance(item, Item)
    assert item.array.shape == tuple(shape[1:])
    np.testing.assert_array_equal(Coding.fitted("ACGT", shape).matrix(item.array), plain.array)


def test_short_sequences_are_padded_and_long_ones_cut(tmp_path: Path) -> None:
    short, exact, long = read(
        written(tmp_path / "a.fa", ">a\nACG\n>b\nACGTAC\n>c\nACGTACGTT\n"), alphabet="ACGT"
    )
    assert isinstance(short, Item)
    assert isinstance(exact, Item)
    assert isinstance(long, Item)
    np.testing.assert_array_equal(short.array[:, :3], np.eye(4)[:, :3])
    assert not short.array[:, 3:].any()
    np.testing.assert_array_equal(long.array, exact.array)
    assert short.note == "padded with zeros from 3 positions to 6"
    assert long.note == "cut from 9 positions to the first 6"


def test_a_free_length_is_the_sequence_s_own(tmp_path: Path) -> None:
    items = read(written(tmp_path / "a.fa", ">a\nACG\n>b\nACGTACGTACGT\n"), ("N", 4, "L"))
    assert [item.array.shape for item in items if isinstance(item, Item)] == [(4, 3), (4, 12)]
    assert [item.note for item in items if isinstance(item, Item)] == ["", ""]


def test_unknown_letters_are_zero_and_said(tmp_path: Path) -> None:
    (item,) = read(written(tmp_path / "a.fa", ">a\nANNRA*\n"))
    assert isinstance(item, Item)
    np.testing.assert_array_equal(item.array.sum(axis=0), [1, 0, 0, 0, 1, 0])
    assert item.note == "letters that the alphabet lacks are all zero: N 2x, R 1x, * 1x"


def test_small_letters_of_the_alphabet_are_their_own() -> None:
    array, note = Coding.fitted("Aac", ("N", 3, 3)).encode("aAC")
    np.testing.assert_array_equal(array, [[0, 1, 0], [1, 0, 0], [0, 0, 0]])
    assert "C 1x" in note


def test_an_empty_record_is_reported_and_the_others_go_on(tmp_path: Path) -> None:
    bad, item = read(written(tmp_path / "a.fa", ">empty\n>b\nACGTAC\n"))
    assert isinstance(bad, BadInput)
    assert (
        str(bad.error) == f"{tmp_path}/a.fa:empty: the sequence has no letters; give at least one"
    )
    assert isinstance(item, Item)


def test_what_the_file_does_not_tell_is_asked_for(tmp_path: Path) -> None:
    path = written(tmp_path / "a.fa", ">a\nACG\n")
    (unnamed,) = iter_inputs([path], kind_of(DNA, Preprocessing()))
    assert isinstance(unnamed, BadInput)
    assert "give alphabet, such as dna" in str(unnamed.error)
    (partly,) = read(path, ("N", 6, 9), "..ACGT")
    assert isinstance(partly, BadInput)
    assert "2 of the model's 6 channels are no letters" in str(partly.error)


def test_with_an_alphabet_a_picture_is_refused(tmp_path: Path) -> None:
    (bad,) = read(tmp_path / "dog.png")
    assert isinstance(bad, BadInput)


# --- the model's shape -------------------------------------------------------------------------


def test_an_alphabet_of_another_length_than_the_channels_names_both() -> None:
    with pytest.raises(InputError, match=r"ACGT has 4 letters.*\?x20x64 has 20 or 64 channels; "):
        Coding.fitted("ACGT", ("N", 20, 64))
    with pytest.raises(InputError, match=r"ACGTN has 5 letters.*\?x4x\? has 4 channels; "):
        Coding.fitted("ACGTN", ("N", 4, "L"))


@pytest.mark.parametrize("shape", [("N", 3, 8, 8), ("N", 5), (), ("N", 1, 4, 8, 8)])
def test_what_is_no_sequence_has_no_letters(shape: Shape) -> None:
    with pytest.raises(InputError, match="no sequence"):
        Coding.fitted("ACGT", shape)


def test_letters_are_read_back() -> None:
    coding = Coding.fitted(".AC.G", ("N", 5, 6))
    values = np.zeros((5, 6))
    values[[1, 2, 4], [0, 1, 2]] = 1, 0.4, 2  # position 3 is empty
    values[0] = 9  # no letter, however great
    values[[1, 2], 4] = 1  # two alike
    values[1, 5] = -1
    assert coding.letters(values) == "ACG   "
    assert not coding.is_one_hot(values)
    array, _ = Coding.fitted("ACGT", DNA).encode("GANTAC")
    assert Coding.fitted("ACGT", DNA).letters(array) == "GA TAC"
    assert Coding.fitted("ACGT", DNA).is_one_hot(array)
    assert not Coding.fitted("ACGT", DNA).is_one_hot(array / 2)
