"""Names of classes, in every text that people keep them in, or one error."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from onnx import helper

from retrograph.errors import InputError
from retrograph.labels import parse_labels
from retrograph.model import Model
from retrograph.pipeline.labels import read_labels
from support import nets
from support.cli_case import assert_one_line, good, run, workplace

NAMES = ("tench", "great white shark, man-eater", 'it\'s 5% "red"', "no")
TWELVE = tuple(f"c{i}" for i in range(12))


def in_lines(names: tuple[str, ...], form: str) -> str:
    return "\n".join(form.format(i, name) for i, name in enumerate(names))


READ = {
    "lines": (in_lines(NAMES, "{1}"), NAMES),
    "lines with ends of Windows": (in_lines(NAMES, "{1}\r"), NAMES),
    "lines after WordNet numbers": (in_lines(NAMES, "n0144076{0} {1}"), NAMES),
    "lines after numbers": (in_lines(TWELVE, "{0} {1}"), TWELVE),
    "lines after numbers and colons": (in_lines(NAMES, "{0}: {1}"), NAMES),
    "lines after numbers and commas": (in_lines(NAMES, "{0},{1}"), NAMES),
    "numbers in another order": ("1 dog\n0 cat\n2 bird", ("cat", "dog", "bird")),
    "numbers that are of no class": ("20 km\n50 km\n10 km", ("20 km", "50 km", "10 km")),
    "an empty line within": ("cat\n\nbird\n\n", ("cat", "", "bird")),
    "a list in JSON": (json.dumps(NAMES), NAMES),
    "pairs in JSON": (json.dumps([[f"n0144076{i}", n] for i, n in enumerate(NAMES)]), NAMES),
    "numbers and names in JSON": (json.dumps([[1, "dog"], [0, "cat"]]), ("cat", "dog")),
    "objects in JSON": (
        json.dumps([{"id": 1, "name": "dog"}, {"id": 0, "name": "cat"}]),
        ("cat", "dog"),
    ),
    "numbers lead to names": (json.dumps(dict(enumerate(NAMES))), NAMES),
    "numbers in the order of texts": (
        json.dumps(dict(sorted((str(i), n) for i, n in enumerate(TWELVE)))),
        TWELVE,
    ),
    "numbers lead to pairs": (
        json.dumps({i: [f"n0144076{i}", n] for i, n in enumerate(NAMES)}, indent=2),
        NAMES,
    ),
    "numbers lead to synonyms": ('{"0": ["cat", "tabby"], "1": ["dog"]}', ("cat, tabby", "dog")),
    "names lead to numbers": (json.dumps({n: i for i, n in enumerate(NAMES)}), NAMES),
    "digits lead to numbers": ('{"1": 0, "10": 1, "2": 2}', ("1", "10", "2")),
    "a configuration": (
        json.dumps({"labels": 4, "id2label": dict(enumerate(NAMES)), "label2id": {}}),
        NAMES,
    ),
    "a dictionary of Python": (repr(dict(enumerate(NAMES))), NAMES),
    "one with a line for each": (
        "{" + ",\n ".join(f"{i}: {name!r}" for i, name in enumerate(NAMES)) + "}",
        NAMES,
    ),
    "a trailing comma": ("{0: 'cat',\n1: 'dog',\n}\n", ("cat", "dog")),
    "a list of Python, assigned": ("# of ImageNet\nCLASSES = ['cat', 'dog']\n", ("cat", "dog")),
    "a tuple of Python, assigned": ("CLASSES = ('cat', 'dog')", ("cat", "dog")),
    "assigned in JavaScript": ('const classes = {"0": "cat", "1": "dog"};\n', ("cat", "dog")),
    "YAML of Ultralytics": (
        "# COCO8\npath: ../x # root\ntrain: images\n\nnames:\n  0: person\n"
        "  1: 'traffic light' # red\n"
        '  2: "stop: sign"\n\ndownload: https://example.org/x.zip\n',
        ("person", "traffic light", "stop: sign"),
    ),
    "YAML's list below": (
        "nc: 3\nnames:\n- cat\n- it''s #1\n- 'it''s'\n",
        ("cat", "it''s", "it's"),
    ),
    "YAML's list set in": ("names:\n  - cat\n  - hot dog\nnc: 2\n", ("cat", "hot dog")),
    "YAML's list in brackets": ("nc: 2\nnames: [cat, 'hot, dog', 3]\n", ("cat", "hot, dog", "3")),
    "YAML's list over lines": (
        "names: ['cat',\n        hot dog, # food\n  \"bird\" ]\nnc: 3",
        ("cat", "hot dog", "bird"),
    ),
    "YAML's mapping in brackets": ("names: {0: cat, 1: hot dog}\n", ("cat", "hot dog")),
    "YAML's names lead to numbers": ("names:\n  dog: 1\n  cat: 0\n", ("cat", "dog")),
    "YAML's list alone": ("- cat\n- dog\n", ("cat", "dog")),
    "YAML's pairs": ("names:\n  0: [n01440764, cat]\n  1: [n01440765, dog]\n", ("cat", "dog")),
}


@pytest.mark.parametrize("form", READ)
def test_read(form: str) -> None:
    text, names = READ[form]
    assert parse_labels(text) == names


@pytest.mark.parametrize("suffix", ["yaml", "YML"])
def test_a_mapping_alone_in_a_file_of_yaml(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"names.{suffix}"
    path.write_text("1: dog\n0: cat\n")
    assert read_labels(str(path)) == ("cat", "dog")


def test_a_byte_order_mark(tmp_path: Path) -> None:
    (tmp_path / "names.json").write_bytes(b'\xef\xbb\xbf["cat", "dog"]')
    assert read_labels(str(tmp_path / "names.json")) == ("cat", "dog")


REFUSED = {
    "": "no labels",
    "[]": "no labels",
    "{}": "neither from the numbers",
    '{"0": "cat", "1": ': "neither",
    '["cat", "dog"': "neither",
    '{"id": 0, "name": "cat"}\n{"id": 1, "name": "dog"}': "neither",
    "[" * 100_000: "neither",
    "{0: open('x')}": "neither",
    '{"0": "cat", "0": "dog"}': "names '0' twice",
    "{0: 'cat', 0: 'dog'}": "names 0 twice",
    '{"0": "cat", "00": "dog"}': "class 0 twice",
    '{"1": "cat", "2": "dog"}': "from 1",
    "{1: 'cat', 2: 'dog'}": "from 1",
    '[{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}]': "from 1",
    "1 cat\n2 dog\n3 bird": "from 1",
    "n02119789 1 kit_fox\nn02100735 2 English_setter": "from 1",
    '{"0": "cat", "2": "dog"}': "no class 1",
    '{"cat": 0, "dog": 0}': "class 0 twice",
    '{"n01440764": "cat", "n01443537": "dog"}': "neither from the numbers",
    "{0: 7, 1: 3}": "neither from the numbers",
    '["cat", null]': "None where a name",
    '["cat", {"id": 3}]': "where a name",
    '{"0": true, "1": false}': "where a name",
    '{"names": "cat"}': "neither from the numbers",
    "<!DOCTYPE html>\n<html>": "HTML",
    "item {\n  id: 1\n  name: 'cat'\n}": "TensorFlow",
    "names: &all\n  0: cat": "YAML",
    "names:\n  - cat\n  -   - dog": "YAML",
    "names:\n  0: |\n    cat": "YAML",
    "names: [cat, [dog": "YAML",
    "names: {0: cat, dog}": "YAML",
    "names: cats.txt": "YAML",
    "names:\nnc: 3": "YAML",
    "names:\n  0: cat\n  0: dog": "names '0' twice",
    "names:\n  1: cat\n  2: dog": "from 1",
}


@pytest.mark.parametrize("text", REFUSED, ids=range(len(REFUSED)))
def test_refused(text: str) -> None:
    with pytest.raises(InputError, match=REFUSED[text]) as caught:
        parse_labels(text)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return workplace(tmp_path, monkeypatch)


def test_a_class_of_a_dictionary_is_explained(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "labels.txt").write_text("{2: 'dog', 0: 'cat',\n 3: 'bird', 1: 'fish'}")
    out = good(capsys, "explain net.onnx dog.png -o a.png --unit dog --labels labels.txt")
    assert "scores · dog" in out
    assert "unit 2" in good(capsys, "explain net.onnx dog.png -o b.png --unit 2")


@pytest.mark.parametrize("command", ["explain", "compare", "scan", "maximize"])
def test_commands_refuse_in_one_line(
    here: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    (here / "labels.json").write_text('{"1": "cat", "2": "dog", "3": "bird", "4": "fish"}')
    more = {"maximize": [], "scan": ["dog.png", "--layer", "relu1"]}.get(command, ["dog.png"])
    ran = run(capsys, command, "net.onnx", *more, "-o", "out", "--labels", "labels.json")
    assert_one_line(ran, "labels.json: counts its names from 1")


def test_a_pointer_and_a_vast_file(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "labels.txt").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\n")
    with (here / "vast.txt").open("wb") as file:
        file.truncate(2**24 + 1)
    for name, words in (("labels.txt", "Git LFS pointer"), ("vast.txt", "too large")):
        ran = run(capsys, "explain", "net.onnx", "dog.png", "-o", "a.png", "--labels", name)
        assert_one_line(ran, words)


@pytest.mark.parametrize(
    ("key", "text", "names"),
    [
        ("labels", "cat\ndog", ("cat", "dog")),
        ("labels", '["cat", "dog"]', ("cat", "dog")),
        ("names", "{0: 'cat', 1: 'hot dog'}", ("cat", "hot dog")),
        ("names", "{1: 'cat', 2: 'dog'}", ()),
        ("names", "", ()),
    ],
)
def test_names_that_a_model_carries(key: str, text: str, names: tuple[str, ...]) -> None:
    model = nets.cnn()
    helper.set_model_props(model, {key: text})
    assert Model(model).labels == names
