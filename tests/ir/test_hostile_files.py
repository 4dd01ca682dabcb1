"""Weights that are not where a model may read them, and files with random damage."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from onnx import AttributeProto, ModelProto, TensorProto, helper
from onnx.numpy_helper import from_array

import retrograph
from retrograph.errors import InputError, RetrographError
from support import hostile, hostile_graphs, nets
from support.cli_case import assert_one_line
from support.limited import built, workplace


@pytest.fixture
def here(tmp_path: Path) -> Path:
    return workplace(tmp_path)


COUNT = 10_000
"""So many numbers are left in their file."""


def _to_file(tensor: TensorProto, **entries: object) -> None:
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    del tensor.external_data[:]
    for key, value in entries.items():
        tensor.external_data.add(key=key, value=str(value))


def _weight(**entries: object) -> TensorProto:
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[1, COUNT])
    _to_file(tensor, **entries)
    return tensor


def _as_initializer(**entries: object) -> ModelProto:
    model = hostile.on_path([nets.node("Add", "r w", "y")], [1, COUNT])
    model.graph.initializer.append(_weight(**entries))
    return model


def _as_constant(**entries: object) -> ModelProto:
    made = nets.node("Constant", "", "w", value=from_array(np.zeros(1)))
    made.attribute[0].t.CopyFrom(_weight(**entries))
    return hostile.on_path([made, nets.node("Add", "r w", "y")], [1, COUNT])


def _as_mistyped_constant(**entries: object) -> ModelProto:
    model = _as_constant(**entries)
    model.graph.node[1].attribute[0].type = AttributeProto.FLOAT
    return model


def _in_body(**entries: object) -> ModelProto:
    model = hostile_graphs.nested(1)
    body = model.graph.node[0].attribute[0].g
    body.initializer.append(_weight(**entries))
    return model


def _in_sparse(**entries: object) -> ModelProto:
    model = hostile_graphs.sparse_net(hostile_graphs.SPARSE["past the end"])
    _to_file(model.graph.sparse_initializer[0].values, **entries)
    return model


def _in_sparse_constant(**entries: object) -> ModelProto:
    values = hostile_graphs.SPARSE["past the end"]
    made = nets.node("Constant", "", "w", sparse_value=values)
    _to_file(made.attribute[0].sparse_tensor.values, **entries)
    return hostile.on_path([made, nets.node("Add", "r w", "y")], [1, COUNT])


def _in_function(**entries: object) -> ModelProto:
    made = nets.node("Constant", "", "w", value=from_array(np.zeros(1)))
    made.attribute[0].t.CopyFrom(_weight(**entries))
    return hostile_graphs.calling(
        hostile_graphs.function("f", [made, nets.node("Add", "a w", "z")])
    )


def _as_default_of_a_function(**entries: object) -> ModelProto:
    made = helper.make_node("Constant", [], ["w"])
    made.attribute.add(name="value", ref_attr_name="v", type=AttributeProto.TENSOR)
    function = hostile_graphs.function("f", [made, nets.node("Add", "a w", "z")])
    default = function.attribute_proto.add(name="v", type=AttributeProto.TENSOR)
    default.t.CopyFrom(_weight(**entries))
    return hostile_graphs.calling(function)


PLACES: tuple[Callable[..., ModelProto], ...] = (
    _as_initializer,
    _as_constant,
    _as_mistyped_constant,
    _in_body,
    _in_sparse,
    _in_sparse_constant,
    _in_function,
    _as_default_of_a_function,
)


@pytest.mark.parametrize("place", PLACES)
def test_weights_outside_the_folder_wherever_a_model_has_them(
    here: Path, place: Callable[..., ModelProto]
) -> None:
    assert_one_line(built(here, place(location="../secret.bin")), "no place beside the model")


def _noted_folder(here: Path) -> dict[str, object]:
    """The entry by which this program notes a folder in memory."""
    return {"location": "../secret.bin", "basepath": str(here), "offset": 0, "length": 4 * COUNT}


def _absolute(here: Path) -> dict[str, object]:
    return {"location": str(here.parent / "secret.bin")}


def _around(here: Path) -> dict[str, object]:
    (here / "sub").mkdir()
    return {"location": "sub/../../secret.bin"}


def _windows(here: Path) -> dict[str, object]:
    return {"location": "C:\\secret.bin"}


def _linked(here: Path) -> dict[str, object]:
    (here / "w.bin").symlink_to(here.parent / "secret.bin")
    return {"location": "w.bin"}


def _linked_twice(here: Path) -> dict[str, object]:
    (here / "v.bin").symlink_to("../secret.bin")
    (here / "w.bin").symlink_to("v.bin")
    return {"location": "w.bin"}


def _linked_folder(here: Path) -> dict[str, object]:
    (here / "sub").symlink_to(here.parent)
    return {"location": "sub/secret.bin"}


def _circle(here: Path) -> dict[str, object]:
    (here / "w.bin").symlink_to("w.bin")
    return {"location": "w.bin"}


def _device(here: Path) -> dict[str, object]:
    (here / "w.bin").symlink_to("/dev/zero")
    return {"location": "w.bin"}


def _pipe(here: Path) -> dict[str, object]:
    os.mkfifo(here / "w.bin")
    return {"location": "w.bin"}


def _folder(here: Path) -> dict[str, object]:
    (here / "w.bin").mkdir()
    return {"location": "w.bin"}


def _missing(here: Path) -> dict[str, object]:
    return {"location": "w.bin"}


def _unnamed(here: Path) -> dict[str, object]:
    return {}


def _with_a_nul(here: Path) -> dict[str, object]:
    return {"location": "w.bin\0../secret.bin"}


def _long_name(here: Path) -> dict[str, object]:
    return {"location": "w" * 100_000}


def _file(here: Path, size: int = 4 * COUNT, **entries: object) -> dict[str, object]:
    (here / "w.bin").write_bytes(bytes(size))
    return {"location": "w.bin"} | entries


def _offset_past_the_end(here: Path) -> dict[str, object]:
    return _file(here, offset=2**40)


def _length_past_the_end(here: Path) -> dict[str, object]:
    return _file(here, offset=4)


def _another_length(here: Path) -> dict[str, object]:
    return _file(here, length=4 * COUNT - 4)


def _before_the_start(here: Path) -> dict[str, object]:
    return _file(here, offset=-4)


def _no_number(here: Path) -> dict[str, object]:
    return _file(here, offset="\u0664")


def _a_number_of_many_digits(here: Path) -> dict[str, object]:
    return _file(here, offset="9" * 1_000_000)


def _cut_short(here: Path) -> dict[str, object]:
    return _file(here, 4 * COUNT - 1)


ASTRAY: dict[Callable[[Path], dict[str, object]], str] = {
    _noted_folder: "no place beside the model",
    _absolute: "no place beside the model",
    _around: "no place beside the model",
    _windows: "no place beside the model",
    _linked: "a link out of the model's folder",
    _linked_twice: "a link out of the model's folder",
    _linked_folder: "a link out of the model's folder",
    _circle: "cannot be read",
    _device: "a link out of the model's folder",
    _pipe: "no regular file",
    _folder: "no regular file",
    _missing: "cannot be read",
    _unnamed: "no place beside the model",
    _with_a_nul: "no place beside the model",
    _long_name: "cannot be read",
    _offset_past_the_end: "cut short",
    _length_past_the_end: "cut short",
    _another_length: "cut short",
    _before_the_start: "cut short",
    _no_number: "cut short",
    _a_number_of_many_digits: "cut short",
    _cut_short: "cut short",
}


@pytest.mark.parametrize(("entries", "what"), ASTRAY.items())
def test_weights_that_are_not_where_a_model_may_read(
    here: Path, entries: Callable[[Path], dict[str, object]], what: str
) -> None:
    assert_one_line(built(here, _as_initializer(**entries(here))), what)


def test_a_model_in_memory_reads_no_file_that_none_has_named(here: Path) -> None:
    """Even from a folder that models have been read from."""
    good = _as_initializer(**_file(here))
    nets.save(good, here / "good.onnx")
    assert retrograph.build(here / "good.onnx", method="gradient")
    for location, offset in (("../secret.bin", 0), ("other.bin", 0), ("w.bin", 4)):
        (here / "other.bin").write_bytes(bytes(4 * COUNT))
        entries = {"location": location, "offset": offset, "length": 4 * COUNT}
        with pytest.raises(InputError, match="give the path"):
            retrograph.build(_as_initializer(basepath=here.resolve(), **entries), method="gradient")


# --- random damage -----------------------------------------------------------------------------


def _damaged(raw: bytes, rng: np.random.Generator) -> bytes:
    """Some bytes flipped, cut out or doubled."""
    changed = bytearray(raw)
    for _ in range(int(rng.integers(1, 4))):
        place, length = int(rng.integers(len(changed))), int(rng.integers(1, 9))
        match int(rng.integers(4)):
            case 0:
                changed[place] ^= 1 << int(rng.integers(8))
            case 1:
                changed[place] = int(rng.choice([0, 1, 127, 128, 255]))
            case 2:
                del changed[place : place + length]
            case _:
                changed[place:place] = changed[place : place + length]
        if len(changed) < 2:
            break
    return bytes(changed[: rng.integers(1, len(changed))] if rng.random() < 0.1 else changed)


FUZZED: dict[str, Callable[[], ModelProto]] = {
    "functions": lambda: hostile_graphs.exponential(3),
    "bodies": lambda: hostile_graphs.nested(2),
    "sparse": lambda: hostile_graphs.sparse_net(
        hostile_graphs.sparse(np.ones(2), np.array([0, 5], np.int64), [4, 3])
    ),
    "files": lambda: _as_initializer(location="w.bin"),
    "shapes": hostile.BOMBS["Shape and Concat double"],
}


@pytest.mark.parametrize("name", FUZZED)
def test_random_damage_ends_in_our_errors(tmp_path: Path, name: str) -> None:
    raw = FUZZED[name]().SerializeToString()
    (tmp_path / "w.bin").write_bytes(bytes(4 * COUNT))
    rng = np.random.default_rng(7)
    failed = 0
    for _ in range(150):
        (tmp_path / "net.onnx").write_bytes(_damaged(raw, rng))
        try:
            retrograph.build(tmp_path / "net.onnx", method="gradient")
        except RetrographError:
            failed += 1
    assert failed > 30
