"""Tables of pictures: which column is the label, which are the pixels, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from retrograph.inputs import iter_inputs
from retrograph.preprocess import PRESETS, BadInput, Item, Shape
from support import nets
from support.cli_case import assert_one_line, run
from support.input_case import kind_of

SHAPE = (None, 1, 2, 2)


def read(path: Path, text: str | bytes, shape: Shape = SHAPE) -> list[Item | BadInput]:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return list(iter_inputs([path], kind_of(shape, PRESETS["0-255"].for_shape(shape))))


def taken(path: Path, text: str | bytes) -> list[tuple[str | None, list[int]]]:
    """The label and the pixels of every row."""
    found = read(path, text)
    assert [each for each in found if isinstance(each, BadInput)] == []
    return [(each.label, each.array.ravel().astype(int).tolist()) for each in found]  # type: ignore[union-attr]


NAMED = {
    "first": "label,p0,p1,p2,p3\n7,10,20,30,40\n",
    "last": "pixel0000,pixel0001,pixel0002,pixel0003,label\n10,20,30,40,7\n",
    "within": "p0,p1,Class,p2,p3\n10,20,7,30,40\n",
    "an id and the label": "id,label,p0,p1,p2,p3\n3,7,10,20,30,40\n",
    "the index that pandas writes": ",label,p0,p1,p2,p3\n0,7,10,20,30,40\n",
    "numbers as names": "label,0,1,2,3\n7,10,20,30,40\n",
    "numbers from 1, the label last": "1,2,3,4,target\n10,20,30,40,7\n",
    "places as names": "label,1x1,1x2,2x1,2x2\n7,10,20,30,40\n",
    "a label by another name": "sex,p0,p1,p2,p3\n7,10,20,30,40\n",
    "words for pixels": "y,left,right,lower,upper\n7,10,20,30,40\n",
    "all pixels in a cell": 'emotion,pixels,Usage\n7,"10 20 30 40",Training\n',
    "all pixels in the last cell": 'emotion, Usage, pixels\n7, Training, "10 20 30 40"\n',
    "semicolons": "label;p0;p1;p2;p3\n7;10;20;30;40\n",
    "tabs": "p0\tp1\tp2\tp3\tlabel\n10\t20\t30\t40\t7\n",
    "quoted": '"label","p0","p1","p2","p3"\r\n"7","10","20","30","40"\r\n',
    "a byte order mark": "\ufefflabel,p0,p1,p2,p3\n7,10,20,30,40\n",
    "a comment, as NumPy writes it": "# p0,p1,p2,p3,label\n10,20,30,40,7\n",
    "a comment before it": "# made by hand\n\nlabel,p0,p1,p2,p3\n7,10,20,30,40\n",
    "real numbers": "p0,p1,p2,p3,label\n1e1,20.0,3.0e+01,40.,7\n",
}


@pytest.mark.parametrize("form", NAMED)
def test_a_header_says_where_the_label_is(tmp_path: Path, form: str) -> None:
    assert taken(tmp_path / "x.csv", NAMED[form]) == [("7", [10, 20, 30, 40])]


PLAIN = {
    "10,20,30,40": None,
    "cat,10,20,30,40": "cat",
    "10,20,30,40,cat": "cat",
    "cat;10;20;30;40": "cat",
    "10 20 30 40": None,
    'cat,"10 20 30 40"': "cat",
    '"10 20 30 40"': None,
    "# by hand\n10,20,30,40": None,
}


@pytest.mark.parametrize("text", PLAIN)
def test_rows_without_names(tmp_path: Path, text: str) -> None:
    (found,) = read(tmp_path / "x.tsv", text + "\n")
    assert isinstance(found, Item)
    assert (found.label, found.array.ravel().tolist()) == (PLAIN[text], [10, 20, 30, 40])
    assert found.note == ""


@pytest.mark.parametrize(
    ("text", "label", "values", "note"),
    [
        ("7,10,20,30,40", "7", [10, 20, 30, 40], "first column is taken as the label"),
        ("0,1,2,3", None, [0, 1, 2, 3], "counts up"),
        ("0,1,2,3,4", "0", [1, 2, 3, 4], "counts up"),
    ],
)
def test_a_guess_is_said(
    tmp_path: Path, text: str, label: str | None, values: list[int], note: str
) -> None:
    (found,) = read(tmp_path / "x.csv", text)
    assert isinstance(found, Item)
    assert (found.label, found.array.ravel().tolist()) == (label, values)
    assert note in found.note


@pytest.mark.parametrize("flat", [True, False])
def test_labels_behind_the_pixels_without_names(tmp_path: Path, flat: bool) -> None:
    """Digits on black begin with a pixel that is always 0, photographs with any."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(5, 256, (30, 4))
    pixels[:, [0, 3]] = 0 if flat else pixels[:, [0, 3]]
    labels = np.arange(30)[:, None] % 3
    last, first = ([*np.hstack(parts)] for parts in ((pixels, labels), (labels, pixels)))
    (bad,) = read(tmp_path / "x.csv", "\n".join(",".join(map(str, row)) for row in last))
    assert isinstance(bad, BadInput)
    assert "last one looks like the label" in str(bad.error)
    expected = [(str(i % 3), row.tolist()) for i, row in enumerate(pixels)]
    assert taken(tmp_path / "y.csv", "\n".join(",".join(map(str, r)) for r in first)) == expected


def test_names_that_are_numbers_alone(tmp_path: Path) -> None:
    """Beyond what a byte holds they are no pixels."""
    count = 17 * 16
    pixels = np.arange(count) % 256
    text = ",".join(map(str, range(count))) + "\n" + ",".join(map(str, pixels))
    (found,) = read(tmp_path / "x.csv", text, (1, 1, 17, 16))
    assert isinstance(found, Item)
    np.testing.assert_array_equal(found.array.ravel(), pixels)


def test_colours_side_by_side(tmp_path: Path) -> None:
    shape = (1, 3, 1, 2)
    text = "label,r0,g0,b0,r1,g1,b1\n7,1,2,3,4,5,6\n"
    (found,) = read(tmp_path / "x.csv", text, shape)
    assert isinstance(found, Item)
    assert found.array.tolist() == [[[1, 4]], [[2, 5]], [[3, 6]]]
    (bad,) = read(tmp_path / "x.csv", text.replace("r0,g0,b0,r1,g1,b1", "r0,r1,g0,g1,b0,b1"), shape)
    assert isinstance(bad, BadInput)
    assert "side by side" in str(bad.error)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty"),
        ("\n\n", "is empty"),
        ("# nothing\n", "is empty"),
        ("label,p0,p1,p2,p3\n", "no rows"),
        ("a,b,c,d", "no rows"),
        ("7,10,20,30,40,\n8,10,20,30,40,\n", "separator at the end"),
        ("label,p0,p1,p2,p3,\n7,10,20,30,40,\n", "separator at the end"),
        (",,,,\n", "separator at the end"),
        ("a,b,c,d,e\n7,10,20,30,40\n", "does not tell"),
        ("c0,c1,c2,c3,c4\n7,10,20,30,40\n", "does not tell"),
        ("p0,p1,p2,label\n7,10,20,30\n", "does not tell"),
        ("p0,p1,p2,sex\n10,20,30,7\n", "does not tell"),
        ("label,p0,p1,p10,p2\n7,10,20,30,40\n", "sort them"),
        (b"label,p0\xff\xfe\n", "UTF-8"),
        ("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", "git lfs pull"),
    ],
)
def test_one_error_says_what_is_wrong_with_the_file(
    tmp_path: Path, text: str | bytes, words: str
) -> None:
    (bad,) = read(tmp_path / "x.csv", text)
    assert isinstance(bad, BadInput)
    assert str(tmp_path / "x.csv") in str(bad.error)
    assert words in str(bad.error)
    assert "\n" not in str(bad.error)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("7,10,20,30", "4 values and the header names 5"),
        ("10,20,30,40", "4 values and the header names 5"),
        ("7,10,20,30,40,", "6 values and the header names 5"),
        ("7,10,20,30,", "float: ''"),
        ("7,10,20,30,nan", "value nan"),
        ("7,10,20,30,1e999", "value 1e999"),
        ("7,10,20,x,40", "'x'"),
    ],
)
def test_a_bad_row_is_named_and_the_rest_follows(tmp_path: Path, row: str, words: str) -> None:
    text = f"label,p0,p1,p2,p3\n{row}\n7,10,20,30,40\n"
    bad, good = read(tmp_path / "x.csv", text)
    assert isinstance(bad, BadInput)
    assert "line 2" in str(bad.error)
    assert words in str(bad.error)
    assert isinstance(good, Item)


@pytest.mark.parametrize("text", ["", "a,b,c,d\n", "1,2,3,4,\n"])
@pytest.mark.parametrize("command", ["explain", "compare", "scan"])
def test_no_command_ends_without_a_word(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: str,
    text: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    nets.save(nets.cnn(), Path("net.onnx"))
    Path("x.csv").write_text(text)
    layer = "--layer relu1" if command == "scan" else ""
    assert_one_line(run(capsys, *f"{command} net.onnx x.csv {layer} -o out".split()), "x.csv")
