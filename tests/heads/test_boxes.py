"""Boxes of detectors, and the logits behind them, beside PyTorch's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper, load_model

import retrograph as rg
from retrograph.heads import BoxHead, Heads, head_from_json
from retrograph.heads.describe import class_reading, objectness_reading
from retrograph.ir.io.store import save
from retrograph.model import Model
from retrograph.results.base import json_text

GOLDENS = Path(__file__).parents[1] / "goldens" / "heads"
DETECTORS = ("anchors", "distances", "priors", "centres")
FRAME = (48, 64)


def arrays(name):
    with np.load(GOLDENS / f"{name}.npz") as stored:
        return dict(stored)


def run(model, x):
    """All outputs of a model, of one item, by name."""
    text = model.SerializeToString() if hasattr(model, "SerializeToString") else str(model)
    session = onnxruntime.InferenceSession(text)
    names = [output.name for output in session.get_outputs()]
    values = session.run(names, {session.get_inputs()[0].name: x})
    return {name: value[0] for name, value in zip(names, values, strict=True)}


def read_boxes(heads: Heads, model, x, label=None, least=0.0):
    head = heads.boxes
    assert head is not None
    return head.boxes(run(model, x), heads.frame, label, least)


@pytest.fixture(scope="module", params=DETECTORS)
def detector(request):
    path = GOLDENS / f"{request.param}.onnx"
    return path, arrays(request.param), Model(path).heads()


def test_the_strongest_box_of_each_class_is_that_of_pytorch(detector):
    path, golden, heads = detector
    assert heads.unread == ()
    assert heads.boxes.classes == 3
    for label in range(3):
        box = read_boxes(heads, path, golden["x"], label)[0]
        assert box.row == golden["place"][label]
        assert box.label == label
        assert box.score == pytest.approx(golden["score"][label], abs=1e-5)
        np.testing.assert_allclose(box.corners, golden["box"][label], rtol=1e-4, atol=1e-3)


def test_the_logit_of_a_box_is_the_number_of_a_layer(detector):
    path, golden, heads = detector
    head = heads.boxes
    model = load_model(path)
    for label in range(3):
        box = read_boxes(heads, path, golden["x"], label)[0]
        element = class_reading(heads, head.levels[0], box.row, head.column(label)).element
        exposed = helper.make_empty_tensor_value_info(element.tensor)
        model.graph.output.append(exposed)
        value = run(model, golden["x"])[element.tensor][element.index[1:]]
        model.graph.output.pop()
        assert value == pytest.approx(golden["logit"][label], abs=1e-4)


def test_objectness_is_found_where_there_is_one(detector):
    _, golden, heads = detector
    reading = objectness_reading(heads, heads.boxes.levels[0], 7)
    assert (reading is not None) == ("objectness_gradient" in golden)


def test_a_layout_in_json_is_taken_back(detector):
    *_, heads = detector
    head = heads.boxes
    again = head_from_json(json_text(heads.to_dict()))
    assert again.to_dict() == head.to_dict()
    assert again.levels == head.levels


@pytest.mark.parametrize(
    ("order", "form"),
    [((1, 0, 3, 2), "y0 x0 y1 x1"), ((0, 1, 2, 3), "x0 y0 x1 y1")],
)
def test_the_order_of_coordinates_is_told_from_the_cells(order, form):
    model = load_model(GOLDENS / "priors.onnx")
    model.graph.initializer.append(helper.make_tensor("order", TensorProto.INT64, [4], order))
    model.graph.node.append(helper.make_node("Gather", ["boxes", "order"], ["turned"], axis=2))
    model.graph.output[1].name = "turned"
    heads = Model(model).heads()
    assert heads.boxes.form == form
    assert heads.boxes.unit == "frame"
    golden = arrays("priors")
    box = read_boxes(heads, model, golden["x"], 1)[0]
    np.testing.assert_allclose(box.corners, golden["box"][1], rtol=1e-4, atol=1e-3)


def test_boxes_and_scores_with_the_boxes_last():
    model = load_model(GOLDENS / "priors.onnx")
    for output, new in zip(model.graph.output, ("scores_last", "boxes_last"), strict=True):
        node = helper.make_node("Transpose", [output.name], [new], perm=[0, 2, 1])
        model.graph.node.append(node)
        output.name = new
        dims = output.type.tensor_type.shape.dim
        dims[1].dim_value, dims[2].dim_value = dims[2].dim_value, dims[1].dim_value
    golden = arrays("priors")
    box = read_boxes(Model(model).heads(), model, golden["x"], 2)[0]
    np.testing.assert_allclose(box.corners, golden["box"][2], rtol=1e-4, atol=1e-3)


def suppressed():
    """The detector with priors, and a suppression in the graph."""
    model = load_model(GOLDENS / "priors.onnx")
    nodes = [
        helper.make_node("Slice", ["scores", "one", "four", "two"], ["foreground"]),
        helper.make_node("Transpose", ["foreground"], ["by_class"], perm=[0, 2, 1]),
        helper.make_node(
            "NonMaxSuppression", ["boxes", "by_class", "most", "iou", "least"], ["selected"]
        ),
        helper.make_node("Gather", ["selected", "place"], ["places"], axis=1),
        helper.make_node("Squeeze", ["boxes", "zero"], ["flat"]),
        helper.make_node("Gather", ["flat", "places"], ["found"], axis=0),
    ]
    for name, value in (("one", 1), ("four", 4), ("two", 2), ("zero", 0), ("most", 10)):
        model.graph.initializer.append(helper.make_tensor(name, TensorProto.INT64, [1], [value]))
    model.graph.initializer.append(helper.make_tensor("place", TensorProto.INT64, [], [2]))
    for name, value in (("iou", 0.45), ("least", 0.2)):
        model.graph.initializer.append(helper.make_tensor(name, TensorProto.FLOAT, [1], [value]))
    # Opset 12 has the axes of Squeeze as an attribute.
    nodes[4] = helper.make_node("Squeeze", ["boxes"], ["flat"], axes=[0])
    model.graph.node.extend(nodes)
    del model.graph.output[:]
    model.graph.output.append(helper.make_tensor_value_info("found", TensorProto.FLOAT, None))
    return model


def test_boxes_are_read_before_a_suppression_in_the_graph():
    model = suppressed()
    heads = Model(model).heads()
    head = heads.boxes
    assert head.count == 120
    assert head.classes == 3
    assert "NonMaxSuppression" in head.kind
    golden = arrays("priors")
    del model.graph.output[:]
    for name in head.tensors:
        model.graph.output.append(helper.make_empty_tensor_value_info(name))
    for label in range(3):
        box = read_boxes(heads, model, golden["x"], label)[0]
        assert box.row == golden["place"][label]
        np.testing.assert_allclose(box.corners, golden["box"][label], rtol=1e-4, atol=1e-3)


def grid(order, anchors=3, classes=4, rows=4, columns=6):
    """A convolution with the biases of a grid of anchors, 8 pixels a cell."""
    rng = np.random.default_rng(0)
    count = anchors * (5 + classes)
    means = {"boxes": [0.0] * 4, "objectness": [-5.0], "scores": [-2.0] * classes}
    if order:
        bias = np.concatenate([np.repeat(means[sort], anchors) for sort in order])
    else:
        bias = np.tile([*means["boxes"], *means["objectness"], *means["scores"]], anchors)
    bias = bias + rng.normal(0, 0.1, count)
    weight = rng.normal(0, 0.02, (count, 3, 8, 8))
    return helper.make_model(
        helper.make_graph(
            [
                helper.make_node("Conv", ["x", "w", "b"], ["y"], strides=[8, 8]),
                helper.make_node("Flatten", ["y"], ["flat"]),
            ],
            "grid",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, rows * 8, columns * 8])],
            [helper.make_tensor_value_info("flat", TensorProto.FLOAT, [1, count * rows * columns])],
            [
                helper.make_tensor("w", TensorProto.FLOAT, weight.shape, weight.ravel()),
                helper.make_tensor("b", TensorProto.FLOAT, [count], bias),
            ],
        ),
        opset_imports=[helper.make_opsetid("", 17)],
    )


@pytest.mark.parametrize("order", [(), ("objectness", "scores", "boxes")])
def test_grids_of_anchors_are_told_by_their_biases(order):
    model = grid(order)
    head = Model(model).heads().boxes
    assert head is not None
    assert head.classes == 4
    assert head.count == 3 * 4 * 6
    level = head.levels[0]
    item = np.arange(27 * 4 * 6)
    anchor, row, column = 2, 1, 5
    place = (anchor * 4 + row) * 6 + column
    assert level.scores.place(place) == {"anchor": anchor, "row": row, "column": column}

    def channel(table, entry):
        return table.rows(item)[place, entry] // 24

    if order:
        assert channel(level.objectness, 0) == anchor
        assert channel(level.scores, 3) == 3 + anchor * 4 + 3
        assert channel(level.boxes[0], 1) == 15 + anchor * 4 + 1
    else:
        assert channel(level.boxes[0], 1) == anchor * 9 + 1
        assert channel(level.objectness, 0) == anchor * 9 + 4
        assert channel(level.scores, 3) == anchor * 9 + 8
    assert all(table.rows(item)[place, 0] % 24 == row * 6 + column for table in level.tables)


def test_a_grid_of_plain_features_is_no_detector():
    model = grid(())
    bias = model.graph.initializer[1]
    bias.CopyFrom(helper.make_tensor("b", TensorProto.FLOAT, [27], np.zeros(27)))
    heads = Model(model).heads()
    assert heads.boxes is None


def test_overlapping_boxes_are_left_out_within_a_class():
    table = "tensor"
    record = {
        "head": "boxes",
        "format": "x0 y0 x1 y1",
        "levels": [
            {
                "scores": _table(table, 6, [4, 6]),
                "boxes": [_table(table, 6, [0, 4])],
            }
        ],
    }
    head = BoxHead.from_dict(record)
    item = np.array(
        [
            [0, 0, 10, 10, 0.9, 0.1],
            [1, 0, 10, 10, 0.8, 0.1],  # nearly the first
            [1, 0, 10, 10, 0.1, 0.7],  # the same of another class
            [20, 20, 30, 30, 0.3, 0.1],
            [40, 20, 50, 30, 0.2, 0.1],  # too weak
        ]
    )
    boxes = head.boxes({table: item}, (60, 60))
    assert [(box.row, box.label) for box in boxes] == [(0, 0), (2, 1), (3, 0)]
    assert head.boxes({table: item}, (60, 60), least=0.95)[0].row == 0
    assert len(head.boxes({table: item}, (60, 60), least=0.95)) == 1


def _table(tensor, width, columns):
    return {"tensor": tensor, "shape": [5, width], "axes": ["anchor", "value"], "columns": columns}


def test_heads_of_an_open_size_are_read_at_a_usual_one(tmp_path):
    model = load_model(GOLDENS / "unet.onnx")
    for value in (*model.graph.input, *model.graph.output):
        for axis, name in ((2, "height"), (3, "width")):
            value.type.tensor_type.shape.dim[axis].dim_param = name
    save(model, tmp_path / "open.onnx")
    heads = Model(tmp_path / "open.onnx").heads()
    assert heads.map.size == (320, 320)
    assert Model(tmp_path / "open.onnx").heads((32, 48)).map.size == (32, 48)


def chosen():
    """The detector of distances with the best boxes taken in the graph, as of YOLOv10."""
    model = load_model(GOLDENS / "distances.onnx")
    nodes = [
        helper.make_node("Transpose", ["output0"], ["rows"], perm=[0, 2, 1]),
        helper.make_node("Slice", ["rows", "four", "end", "two"], ["classes"]),
        helper.make_node("Slice", ["rows", "zero", "four", "two"], ["places"]),
        helper.make_node("ReduceMax", ["classes"], ["best"], axes=[2], keepdims=0),
        helper.make_node("TopK", ["best", "ten"], ["strongest", "which"]),
        helper.make_node("Unsqueeze", ["which"], ["index"], axes=[2]),
        helper.make_node("Expand", ["index", "shape"], ["wide"]),
        helper.make_node("GatherElements", ["places", "wide"], ["taken"], axis=1),
    ]
    for name, values in {
        "zero": [0],
        "two": [2],
        "four": [4],
        "ten": [10],
        "end": [99],
        "shape": [1, 10, 4],
    }.items():
        constant = helper.make_tensor(name, TensorProto.INT64, [len(values)], values)
        model.graph.initializer.append(constant)
    model.graph.node.extend(nodes)
    del model.graph.output[:]
    for name, shape in (("taken", [1, 10, 4]), ("strongest", [1, 10])):
        info = helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        model.graph.output.append(info)
    return model


def test_boxes_are_read_before_the_best_are_taken_in_the_graph():
    model = chosen()
    heads = Model(model).heads()
    head = heads.boxes
    assert (head.count, head.classes, head.form) == (60, 3, "cx cy w h")
    assert "TopK" in head.kind
    golden = arrays("distances")
    for label in range(3):
        a = rg.explain(model, golden["x"], class_=label, method="gradient")
        wanted = golden["gradient"][label]
        assert np.abs(a.attribution[0] - wanted).max() <= 1e-4 * np.abs(wanted).max()


def test_queries_have_places_of_their_own():
    """Boxes by a Sigmoid and logits beside them, as of DETR."""
    rng = np.random.default_rng(0)
    shapes = {"w": (16, 8), "c": (8, 4), "cb": (4,), "b": (8, 4), "bb": (4,), "q": (1, 12, 3)}
    weights = [
        helper.make_tensor(n, TensorProto.FLOAT, s, rng.normal(size=s).ravel())
        for n, s in shapes.items()
    ]
    nodes = [
        helper.make_node("Reshape", ["x", "rows"], ["f"]),
        helper.make_node("MatMul", ["q", "f"], ["attended"]),
        helper.make_node("MatMul", ["attended", "w"], ["hidden"]),
        helper.make_node("Relu", ["hidden"], ["active"]),
        helper.make_node("MatMul", ["active", "c"], ["plain"]),
        helper.make_node("Add", ["plain", "cb"], ["logits"]),
        helper.make_node("MatMul", ["active", "b"], ["shifts"]),
        helper.make_node("Add", ["shifts", "bb"], ["moved"]),
        helper.make_node("Sigmoid", ["moved"], ["boxes"]),
    ]
    weights.append(helper.make_tensor("rows", TensorProto.INT64, [3], [1, 3, 16]))
    outputs = [
        helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, 12, 4]) for n in ("logits", "boxes")
    ]
    picture = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 4, 4])
    graph = helper.make_graph(nodes, "queries", [picture], outputs, weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    head = Model(model).heads().boxes
    assert head is not None
    assert head.levels[0].boxes[0].tensor == "boxes"
    assert head.levels[0].scores.tensor == "logits"
    assert (head.form, head.unit) == ("cx cy w h", "frame")


def test_raw_boxes_of_several_maps_in_one_output_are_told_apart():
    model = load_model(GOLDENS / "priors.onnx")
    raw = next(n for n in model.graph.node if n.op_type == "Softmax").input[0]
    widths = {output: node for node in model.graph.node for output in node.output}
    concats = [n for n in model.graph.node if n.op_type == "Concat" and n.output[0] != raw]
    places = next(n.output[0] for n in concats if _is_places(n, widths))
    del model.graph.output[1]
    model.graph.output.append(helper.make_tensor_value_info(places, TensorProto.FLOAT, [1, 120, 4]))
    head = Model(model).heads().boxes
    assert head is not None
    assert [level.boxes[0].shape for level in head.levels] == [(6, 8, 2, 4), (3, 4, 2, 4)]
    assert [level.scores.count for level in head.levels] == [96, 24]
    assert head.form == "pixels from the cell"


def _is_places(node, makers):
    """Whether a Concat joins the offsets of both levels: reshaped convolutions of 8 channels."""
    return len(node.input) == 2 and all(
        name in makers and makers[name].op_type == "Reshape" for name in node.input
    )


def test_an_objectness_that_is_multiplied_in_the_graph():
    model = load_model(GOLDENS / "anchors.onnx")
    for name, value in (("zero", 0), ("two", 2), ("four", 4), ("five", 5), ("eight", 8)):
        model.graph.initializer.append(helper.make_tensor(name, TensorProto.INT64, [1], [value]))
    parts = (("place", "zero", "four"), ("object", "four", "five"), ("classes", "five", "eight"))
    nodes = [
        helper.make_node("Slice", ["output", start, end, "two"], [part])
        for part, start, end in parts
    ]
    nodes.append(helper.make_node("Mul", ["object", "classes"], ["scores"]))
    nodes.append(helper.make_node("Concat", ["place", "scores"], ["joined"], axis=2))
    model.graph.node.extend(nodes)
    model.graph.output[0].name = "joined"
    model.graph.output[0].type.tensor_type.shape.dim[2].dim_value = 7
    heads = Model(model).heads()
    assert heads.boxes.classes == 3
    assert heads.boxes.levels[0].objectness is None
    golden = arrays("anchors")
    for label in range(3):
        a = rg.explain(model, golden["x"], class_=label, method="gradient")
        wanted = golden["gradient"][label]
        assert np.abs(a.attribution[0] - wanted).max() <= 1e-4 * np.abs(wanted).max()
    a = rg.explain(model, golden["x"], what="objectness", method="gradient")
    wanted = golden["objectness_gradient"]
    assert np.abs(a.attribution[0] - wanted).max() <= 1e-4 * np.abs(wanted).max()
