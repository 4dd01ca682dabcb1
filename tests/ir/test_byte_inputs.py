"""Inputs of whole numbers: the first floating-point tensor behind one stands for it.

What is expected is the gradient of a twin that takes floating point, by central differences in
float64 on ONNX's reference evaluator.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from PIL import Image

import retrograph
from retrograph.cli import main
from retrograph.errors import InputError
from retrograph.preprocess import Preprocessing

rng = np.random.default_rng(5)
WEIGHT = rng.normal(size=(4, 3, 3, 3)) * 0.1
HEAD = rng.normal(size=(4, 5))
SCALE, ZERO = np.float32(0.02), np.uint8(3)
N = helper.make_node
BYTE, FLOAT = TensorProto.UINT8, TensorProto.FLOAT


def tail(source: str) -> list[onnx.NodeProto]:
    """A small classifier behind a picture [N, 3, 8, 8] of about 0 to 5."""
    return [
        N("Conv", [source, "w"], ["c"]),
        N("Relu", ["c"], ["r"]),
        N("GlobalAveragePool", ["r"], ["p"]),
        N("Flatten", ["p"], ["q"]),
        N("MatMul", ["q", "f"], ["y"]),
    ]


@dataclass(frozen=True)
class Case:
    """A file that takes whole numbers and its twin, which takes floating point."""

    name: str
    shape: tuple[int, ...]
    nodes: list[onnx.NodeProto]
    twin: list[onnx.NodeProto]
    stands: str
    element: int = BYTE
    real: tuple[float, float] = (1.0, 0.0)
    more: dict[str, np.ndarray] = field(default_factory=dict)


CAST = N("Cast", ["x"], ["v"], to=FLOAT)
TURN = N("Transpose", ["v"], ["t"], perm=[0, 3, 1, 2])
TURNED = N("Transpose", ["x"], ["t"], perm=[0, 3, 1, 2])
SMALL = N("Mul", ["t", "s"], ["m"])
DEQUANTISED = N("DequantizeLinear", ["x", "s", "z"], ["v"])
REAL = (float(SCALE), float(ZERO))
CASES = [
    Case(
        "cast, turned",
        (1, 8, 8, 3),
        [CAST, TURN, SMALL, *tail("m")],
        [N("Identity", ["x"], ["v"]), TURN, SMALL, *tail("m")],
        "v",
    ),
    Case(
        "turned, cast",
        (1, 8, 8, 3),
        [TURNED, N("Cast", ["t"], ["v"], to=FLOAT), N("Mul", ["v", "s"], ["m"]), *tail("m")],
        [TURNED, SMALL, *tail("m")],
        "v",
    ),
    Case(
        "dequantised",
        (1, 3, 8, 8),
        [DEQUANTISED, *tail("v")],
        tail("x"),
        "v",
        real=REAL,
    ),
    Case(
        "turned, dequantised",
        (1, 8, 8, 3),
        [TURNED, N("DequantizeLinear", ["t", "s", "z"], ["v"]), *tail("v")],
        [TURNED, *tail("t")],
        "v",
        real=REAL,
    ),
    Case(
        "cast to a wider type first",
        (1, 3, 8, 8),
        [
            N("Cast", ["x"], ["i"], to=TensorProto.INT32),
            N("Cast", ["i"], ["v"], to=FLOAT),
            N("Mul", ["v", "s"], ["m"]),
            *tail("m"),
        ],
        [N("Mul", ["x", "s"], ["m"]), *tail("m")],
        "v",
    ),
    Case(
        "read twice",
        (1, 3, 8, 8),
        [
            CAST,
            N("Mul", ["v", "s"], ["m"]),
            N("DequantizeLinear", ["x", "s", "z"], ["d"]),
            N("Add", ["m", "d"], ["a"]),
            *tail("a"),
        ],
        [
            N("Mul", ["x", "s"], ["m"]),
            N("Sub", ["x", "zf"], ["e"]),
            N("Mul", ["e", "s"], ["d"]),
            N("Add", ["m", "d"], ["a"]),
            *tail("a"),
        ],
        "v",
        more={"zf": np.array(3.0)},
    ),
    Case(
        "its whole numbers are needed too",
        (1, 3, 8, 8),
        [
            CAST,
            N("Mul", ["v", "s"], ["m"]),
            N("Equal", ["x", "z"], ["e"]),
            N("Where", ["e", "s", "m"], ["a"]),
            *tail("a"),
        ],
        [N("Mul", ["x", "s"], ["m"]), *tail("m")],
        "v",
    ),
    Case(
        "int32",
        (1, 3, 8, 8),
        [CAST, N("Mul", ["v", "s"], ["m"]), *tail("m")],
        [N("Mul", ["x", "s"], ["m"]), *tail("m")],
        "v",
        element=TensorProto.INT32,
    ),
]


def model(
    nodes: list[onnx.NodeProto],
    element: int,
    shape: tuple[int, ...] | list[object],
    more: dict[str, np.ndarray],
    dtype: type = np.float32,
) -> onnx.ModelProto:
    known = {"w": WEIGHT, "f": HEAD, "s": SCALE, **more}
    constants = {k: np.asarray(v, dtype) for k, v in known.items()} | {"z": np.asarray(ZERO)}
    if element == TensorProto.INT32:
        constants["z"] = constants["z"].astype(np.int32)
    used = {i for n in nodes for i in n.input}
    float_element = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", element, shape)],
        [helper.make_tensor_value_info("y", float_element, [shape[0], 5])],
        [numpy_helper.from_array(v, k) for k, v in constants.items() if k in used],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def slope(case: Case, x: np.ndarray, unit: int) -> np.ndarray:
    """The gradient of the twin at x, [*x.shape], by central differences in float64."""
    twin = model(case.twin, TensorProto.DOUBLE, case.shape, case.more, np.float64)
    run = ReferenceEvaluator(twin)
    scale, zero = case.real
    at = (x.astype(np.float64) - zero) * scale
    found = np.zeros(at.size)
    for i in range(at.size):
        step = np.zeros(at.size)
        step[i] = 1e-5
        above, below = (
            run.run(None, {"x": at + sign * step.reshape(at.shape)})[0] for sign in (1, -1)
        )
        found[i] = (above - below)[0, unit] / 2e-5
    return found.reshape(at.shape)


def bytes_of(case: Case) -> np.ndarray:
    dtype = helper.tensor_dtype_to_np_dtype(case.element)
    return rng.integers(5, 250, case.shape).astype(dtype)


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
def test_the_gradient_is_that_of_the_floating_point_twin(case: Case) -> None:
    source = model(case.nodes, case.element, case.shape, case.more)
    x = bytes_of(case)
    built = retrograph.build(source, method="gradient", select="unit")
    session = onnxruntime.InferenceSession(built.SerializeToString())
    assert session.get_inputs()[0].type == source_type(source)
    names = [o.name for o in session.get_outputs()]
    found = dict(zip(names, session.run(None, {"x": x, "select": np.array([[2]])}), strict=True))
    want = slope(case, x, 2)
    assert found["attribution"].dtype == np.float32
    assert found["attribution"].shape == x.shape
    np.testing.assert_allclose(found["attribution"], want, atol=1e-4 * np.abs(want).max())
    plain = onnxruntime.InferenceSession(source.SerializeToString())
    np.testing.assert_allclose(found["y"], plain.run(None, {"x": x})[0], rtol=1e-4, atol=1e-5)


def source_type(source: onnx.ModelProto) -> str:
    return onnxruntime.InferenceSession(source.SerializeToString()).get_inputs()[0].type


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
def test_the_note_says_what_stands_for_the_input(case: Case) -> None:
    built = retrograph.build(model(case.nodes, case.element, case.shape, case.more))
    kept = {p.key: p.value for p in built.metadata_props}
    assert json.loads(kept["retrograph.explained"]) == ["x"]
    assert any(f"'{case.stands}'" in note for note in json.loads(kept["retrograph.notes"]))


def test_what_stands_for_the_input_is_a_name_of_it() -> None:
    case = CASES[0]
    source = model(case.nodes, case.element, case.shape, case.more)
    built = retrograph.build(source, wrt=case.stands)
    kept = {p.key: p.value for p in built.metadata_props}
    assert json.loads(kept["retrograph.explained"]) == ["x"]


@pytest.mark.parametrize(
    "method", ["guided", "grad-cam", "integrated-gradients", "lrp-epsilon", "deeplift-rescale"]
)
@pytest.mark.parametrize("case", CASES[:4], ids=lambda c: c.name)
def test_every_method_is_that_of_the_floating_point_twin(case: Case, method: str) -> None:
    source = model(case.nodes, case.element, case.shape, case.more)
    twin = model(case.twin, FLOAT, case.shape, case.more)
    x = bytes_of(case)
    scale, zero = case.real
    real = ((x.astype(np.float64) - zero) * scale).astype(np.float32)
    found = retrograph.Explainer(source, method=method).attribute(x)
    want = retrograph.Explainer(twin, method=method).attribute(real)
    assert found.unit.tolist() == want.unit.tolist()
    size = np.abs(want.attribution).max()
    np.testing.assert_allclose(found.attribution, want.attribution, atol=1e-4 * size)


def test_what_counts_with_the_whole_numbers_gets_them() -> None:
    case = CASES[0]
    source = model([N("BitwiseNot", ["x"], ["no"]), *case.nodes], BYTE, case.shape, case.more)
    source.opset_import[0].version = 18
    source.graph.output.append(helper.make_tensor_value_info("no", BYTE, case.shape))
    x = bytes_of(case)
    found = retrograph.Explainer(source, method="gradient").attribute(x)
    np.testing.assert_array_equal(found.outputs["no"], ~x)


def test_an_open_batch_and_many_units() -> None:
    case = CASES[0]
    source = model(case.nodes, BYTE, ["N", 8, 8, 3], case.more)
    x = rng.integers(5, 250, (3, 8, 8, 3)).astype(np.uint8)
    explainer = retrograph.Explainer(source, method="gradient", select="unit", many=True)
    found = explainer.attribute(x, [[1], [4]])
    assert found.attribution.shape == (3, 2, 8, 8, 3)
    for row in range(3):
        want = slope(case, x[row : row + 1], 4)
        np.testing.assert_allclose(found.attribution[row, 1], want[0], atol=1e-4)


def test_whole_numbers_beside_a_picture_of_floats_are_no_default() -> None:
    nodes = [
        N("Cast", ["m"], ["mf"], to=FLOAT),
        N("Mul", ["x", "mf"], ["a"]),
        *tail("a"),
    ]
    source = model(nodes, FLOAT, (1, 3, 8, 8), {})
    source.graph.input.append(helper.make_tensor_value_info("m", BYTE, [1, 1, 8, 8]))
    for wrt, explained in ((None, ["x"]), ("m", ["m"])):
        kept = {p.key: p.value for p in retrograph.build(source, wrt=wrt).metadata_props}
        assert json.loads(kept["retrograph.explained"]) == explained


def test_tokens_are_no_picture_but_choose_embeddings() -> None:
    nodes = [
        N("Gather", ["table", "x"], ["e"]),
        N("ReduceMean", ["e"], ["y"], axes=[1], keepdims=0),
    ]
    table = {"table": rng.normal(size=(9, 5))}
    source = model(nodes, TensorProto.INT64, (1, 7), table)
    explainer = retrograph.Explainer(source, method="gradient", select="unit")
    found = explainer.attribute(np.arange(7)[np.newaxis], unit=2).attribution
    assert np.array_equal(found, np.broadcast_to(np.eye(5, dtype=np.float32)[2] / 7, (1, 7, 5)))


@pytest.mark.parametrize("bad", [np.full((1, 8, 8, 3), 300), np.full((1, 8, 8, 3), 0.5)])
def test_what_is_no_byte_is_refused(bad: np.ndarray) -> None:
    case = CASES[0]
    explainer = retrograph.Explainer(model(case.nodes, BYTE, case.shape, {}), method="gradient")
    with pytest.raises(InputError, match="give whole numbers from 0 to 255"):
        explainer.attribute(bad)


def test_pictures_go_in_as_bytes(tmp_path, capsys) -> None:
    case = CASES[0]
    onnx.save(model(case.nodes, BYTE, case.shape, {}), tmp_path / "m.onnx")
    pixels = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    ends = ["--method", "gradient", "--npz", "-o", str(tmp_path / "o.png")]
    assert main(["explain", str(tmp_path / "m.onnx"), str(tmp_path / "a.png"), *ends]) == 0
    said = capsys.readouterr().out
    assert "stands for it" in said
    assert "no --preprocess given" not in said
    arrays = np.load(tmp_path / "o.npz")
    np.testing.assert_array_equal(arrays["input"], pixels)
    unit = int(np.ravel(arrays["unit"])[0])
    want = slope(case, pixels[np.newaxis], unit)[0]
    np.testing.assert_allclose(arrays["attribution_gradient"].reshape(8, 8, 3), want, atol=1e-4)


def test_a_built_file_takes_pictures_too(tmp_path, capsys) -> None:
    case = CASES[0]
    built = retrograph.build(model(case.nodes, BYTE, case.shape, {}), method="gradient")
    kept = {p.key: p.value for p in built.metadata_props}
    recipe = Preprocessing.from_json(kept["retrograph.preprocessing"])
    assert (recipe.scale, recipe.layout) == (1.0, "nhwc")
    retrograph.save(built, tmp_path / "b.onnx")
    Image.fromarray(rng.integers(0, 256, (20, 30, 3), dtype=np.uint8)).save(tmp_path / "a.png")
    command = ["explain", str(tmp_path / "b.onnx"), str(tmp_path / "a.png")]
    assert main([*command, "-o", str(tmp_path / "o.png")]) == 0
    capsys.readouterr()


def test_a_preprocessing_that_makes_no_bytes_is_refused(tmp_path, capsys) -> None:
    case = CASES[0]
    onnx.save(model(case.nodes, BYTE, case.shape, {}), tmp_path / "m.onnx")
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    command = ["explain", str(tmp_path / "m.onnx"), str(tmp_path / "a.png")]
    assert main([*command, "--preprocess", "imagenet", "-o", str(tmp_path / "o.png")]) == 2
    assert "the model's input holds uint8" in capsys.readouterr().err


def test_scan_and_maximize_follow(tmp_path, capsys) -> None:
    case = CASES[0]
    file = str(tmp_path / "m.onnx")
    onnx.save(model(case.nodes, BYTE, case.shape, {}), file)
    for i in range(3):
        pixels = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{i}.png")
    pictures = [str(tmp_path / f"{i}.png") for i in range(3)]
    run = str(tmp_path / "run")
    assert main(["scan", file, *pictures, "--layer", "relu1", "-o", run]) == 0
    out = str(tmp_path / "o.png")
    made = ["maximize", file, "--unit", "2", "--steps", "8", "-o", out, "--npz", "--json"]
    capsys.readouterr()
    assert main(made) == 0
    told = json.loads(capsys.readouterr().out)
    arrays = np.load(tmp_path / "o.npz")
    picture = next(v for k, v in arrays.items() if v.shape[-3:] == (8, 8, 3))
    taken = picture.reshape(1, 8, 8, 3)
    assert (taken == np.round(taken)).all()
    session = onnxruntime.InferenceSession(file)
    score = session.run(None, {"x": taken.astype(np.uint8)})[0][0, 2]
    assert told["made"][0]["activation"] == pytest.approx(score, rel=1e-3)
    assert told["made"][0]["activation"] > told["made"][0]["before"]
