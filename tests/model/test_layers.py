"""Layers by the names that people use, and what is explained if none is named."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
import pytest
from onnx import ModelProto, NodeProto, TensorProto, helper

from retrograph import InputError, Model
from retrograph.errors import UnsupportedError
from support import nets
from support.nets import info, node


def aliases(model: ModelProto) -> dict[str, str]:
    return {layer.alias: layer.tensor.name for layer in Model(model).layers()}


def default(model: ModelProto) -> str:
    return Model(model).target(None)


# --- aliases -----------------------------------------------------------------------------------


def test_each_kind_is_counted_by_itself() -> None:
    expected = {"conv1": "a", "relu1": "b", "pool1": "c", "conv2": "d", "relu2": "e", "gap1": "f"}
    assert aliases(nets.cnn()) == {**expected, "flatten1": "g", "fc1": "scores_out"}


@pytest.mark.parametrize(
    ("op", "attributes", "alias"),
    [
        ("AveragePool", {"kernel_shape": [2, 2]}, "pool1"),
        ("LpPool", {"kernel_shape": [2, 2]}, "pool1"),
        ("GlobalMaxPool", {}, "gmp1"),
        ("Sigmoid", {}, "sigmoid1"),
        ("LeakyRelu", {"alpha": 0.1}, "leakyrelu1"),
        ("Softmax", {"axis": 1}, "softmax1"),
    ],
)
def test_kinds(op: str, attributes: dict[str, object], alias: str) -> None:
    model = nets.model(
        [node(op, "x", "out", **attributes)],
        [info("x", ["N", 3, 8, 8])],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, None)],
    )
    assert aliases(model) == {alias: "out"}


def test_spellings_of_relu_are_relus() -> None:
    model = nets.model(
        [node("Clip", "x low high", "a"), node("Max", "a low", "b"), node("Relu", "b", "out")],
        [info("x", ["N", 3])],
        [info("out", ["N", 3])],
        {"low": np.float32(0), "high": np.float32(6)},
    )
    assert aliases(model) == {"relu1": "a", "relu2": "b", "relu3": "out"}
    assert all(layer.is_relu for layer in Model(model).layers())


def biased(*, shared: bool) -> ModelProto:
    """MatMul and an Add of its bias; `shared` has another node read the product as well."""
    nodes = [
        node("MatMul", "x w", "product"),
        node("Add", "bias product", "sum"),
        node("Relu", "sum", "r"),
    ]
    nodes.append(node("Add", "r product" if shared else "r sum", "out"))
    constants = {"w": nets.weights(5, 3), "bias": nets.weights(3)}
    return nets.model(nodes, [info("x", ["N", 5])], [info("out", ["N", 3])], constants)


def test_a_bias_belongs_to_its_product() -> None:
    assert aliases(biased(shared=False)) == {"fc1": "sum", "relu1": "r", "add1": "out"}
    (first, *_) = Model(biased(shared=False)).layers()
    assert (first.op, first.tensor.name) == ("MatMul", "sum")


def test_a_product_that_others_read_is_a_layer_of_its_own() -> None:
    assert aliases(biased(shared=True)) == {
        "fc1": "product",
        "add1": "sum",
        "relu1": "r",
        "add2": "out",
    }


def test_names_of_tensors_nodes_and_aliases_are_taken() -> None:
    model = Model(nets.cnn())
    for name in ("conv2", "d", "n_d"):
        assert model.target(name) == "d"
    assert model.target("scores") == model.target(None) == "scores_out"
    assert model.alias("d") == "conv2"
    assert model.alias("scores_out") == "scores"


def test_a_tensor_that_is_called_scores_is_that_tensor() -> None:
    proto = nets.cnn()
    proto.graph.node[1].output[0] = "scores"
    proto.graph.node[2].input[0] = "scores"
    assert Model(proto).target("scores") == "scores"
    assert Model(proto).target(None) == "scores_out"


@pytest.mark.parametrize("what", ["tensor", "node"])
def test_a_name_means_one_thing(what: str) -> None:
    """The file's own "conv2" is another layer than the second convolution, which yields."""
    proto = nets.cnn()
    if what == "node":
        proto.graph.node[0].name = "conv2"
    else:
        proto.graph.node[0].output[0] = "conv2"
        proto.graph.node[1].input[0] = "conv2"
    model = Model(proto)
    known = aliases(proto)
    first = "a" if what == "node" else "conv2"
    assert known["conv1"] == first
    assert known["conv2b"] == "d"
    assert "conv2" not in known
    assert model.target("conv2") == first
    for layer in model.layers():
        assert model.target(layer.alias) == layer.tensor.name
        assert model.target(layer.tensor.name) == layer.tensor.name


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("relu9", "no layer 'relu9' in the model; did you mean 'relu"),
        ("Conv1", "did you mean 'conv1'"),
        ("zzzzzz", "no layer 'zzzzzz' in the model; see `Model.layers\\(\\)`"),
        ("w1", "'w1' is not explainable"),
        ("x", "'x' is not explainable"),
    ],
)
def test_unknown_names(name: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Model(nets.cnn()).target(name)


def test_layers_show_themselves() -> None:
    layers = Model(nets.cnn()).layers()
    lines = repr(layers).splitlines()
    assert lines[0].split() == ["alias", "operator", "shape", "sees", "step", "ReLU", "tensor"]
    assert lines[2].split() == ["relu1", "Relu", "Nx6x8x8", "3x3", "1", "yes", "b"]
    assert repr(layers[1]) == "<Layer relu1: Relu Nx6x8x8>"
    html = layers._repr_html_()
    assert html.count("<tr>") == len(layers) + 1
    assert "<td>relu1</td><td>Relu</td>" in html


def test_a_name_is_suggested_once() -> None:
    """Where the file gives a layer the name that it has for people."""
    proto = nets.cnn()
    proto.graph.node[1].output[0] = proto.graph.node[2].input[0] = "relu1"
    with pytest.raises(InputError) as caught:
        Model(proto).target("relu9")
    assert str(caught.value).count("'relu1'") == 1


def test_what_does_not_depend_on_the_input_is_no_layer() -> None:
    proto = nets.cnn()
    proto.graph.node.append(node("Relu", "w1", "side"))
    proto.graph.output.append(info("side", [6, 3, 3, 3]))
    assert "side" not in aliases(proto).values()
    with pytest.raises(InputError, match="not explainable"):
        Model(proto).target("side")


# --- the default target ------------------------------------------------------------------------


def with_tail(
    tail: Sequence[NodeProto],
    outputs: Sequence[onnx.ValueInfoProto],
    constants: dict[str, np.ndarray] | None = None,
    domains: Sequence[str] = (),
) -> ModelProto:
    """The classifier with more after its scores, `scores_out` [N, 4]."""
    nodes, stored = nets.cnn_parts()
    inputs = [info("x", ["N", 3, 8, 8])]
    return nets.model([*nodes, *tail], inputs, outputs, stored | (constants or {}), domains=domains)


def labels_of(source: str) -> NodeProto:
    return node("ArgMax", source, "label", axis=1, keepdims=0)


OUT = info("out", ["N", 4])
LABEL = info("label", ["N"], TensorProto.INT64)


@pytest.mark.parametrize("op", ["Softmax", "LogSoftmax"])
def test_the_scores_before_a_softmax(op: str) -> None:
    assert default(with_tail([node(op, "scores_out", "out", axis=1)], [OUT])) == "scores_out"


def test_the_scores_before_a_softmax_and_a_reshape() -> None:
    tail = [node("Softmax", "scores_out", "s", axis=1), node("Reshape", "s shape", "out")]
    model = with_tail(tail, [info("out", ["N", 4, 1])], {"shape": np.array([0, 4, 1])})
    assert default(model) == "scores_out"


def test_the_scores_before_a_reshape_and_a_softmax() -> None:
    tail = [node("Reshape", "scores_out shape", "s"), node("Softmax", "s", "out", axis=1)]
    assert default(with_tail(tail, [OUT], {"shape": np.array([0, 4])})) == "s"


def test_the_scores_before_an_old_softmax_over_several_axes() -> None:
    """Such a Softmax flattens, and what is explained is the tensor that the file has."""
    model = with_tail([node("Softmax", "scores_out", "out", axis=0)], [OUT])
    model.opset_import[0].version = 12
    assert default(model) == "scores_out"


def test_a_reshape_without_a_softmax_is_the_output_itself() -> None:
    tail = [node("Reshape", "scores_out shape", "out")]
    model = with_tail(tail, [info("out", ["N", 2, 2])], {"shape": np.array([0, 2, 2])})
    assert default(model) == "out"


def test_a_softmax_inside_is_no_end() -> None:
    tail = [node("Softmax", "scores_out", "s", axis=1), node("Mul", "s s", "out")]
    assert default(with_tail(tail, [OUT])) == "out"


def test_labels_lead_back_to_the_scores() -> None:
    assert default(with_tail([labels_of("scores_out")], [LABEL])) == "scores_out"
    tail = [node("Softmax", "scores_out", "s", axis=1), labels_of("s")]
    assert default(with_tail(tail, [LABEL])) == "scores_out"


def test_maps_of_probabilities_lead_back_to_the_scores() -> None:
    zipped = helper.make_node(
        "ZipMap", ["s"], ["maps"], name="zip", domain="ai.onnx.ml", classlabels_int64s=[0, 1, 2, 3]
    )
    kind = helper.make_sequence_type_proto(
        helper.make_map_type_proto(
            TensorProto.INT64, helper.make_tensor_type_proto(TensorProto.FLOAT, [])
        )
    )
    maps = helper.make_value_info("maps", kind)
    tail = [node("Softmax", "scores_out", "s", axis=1), labels_of("s"), zipped]
    assert default(with_tail(tail, [maps], domains=["ai.onnx.ml"])) == "scores_out"
    assert default(with_tail(tail, [LABEL, maps], domains=["ai.onnx.ml"])) == "scores_out"


def test_a_loss_leads_back_to_the_scores_and_not_to_what_they_are_compared_with() -> None:
    nodes, stored = nets.cnn_parts()
    tail = [
        labels_of("scores_out"),
        node("Relu", "wanted", "kept"),
        node("Cast", "kept", "wanted_label", to=TensorProto.INT64),
        node("Equal", "label wanted_label", "hits"),
    ]
    inputs = [info("x", ["N", 3, 8, 8]), info("wanted", ["N"])]
    hits = info("hits", ["N"], TensorProto.BOOL)
    assert default(nets.model([*nodes, *tail], inputs, [hits], stored)) == "scores_out"


def test_the_first_output_that_depends_on_the_input() -> None:
    nodes, stored = nets.cnn_parts()
    outputs = [info("side", [6]), info("f", ["N", 5, 1, 1]), info("scores_out", ["N", 4])]
    nodes.append(node("Relu", "b1", "side"))
    assert default(nets.model(nodes, [info("x", ["N", 3, 8, 8])], outputs, stored)) == "f"


def test_no_output_that_depends_on_the_input() -> None:
    nodes, stored = nets.cnn_parts()
    nodes.append(node("Relu", "b1", "side"))
    model = nets.model(nodes, [info("x", ["N", 3, 8, 8])], [info("side", [6])], stored)
    with pytest.raises(InputError, match="no output depends on 'x'"):
        default(model)


def test_unknown_operators_do_not_hide_the_scores_behind_them() -> None:
    model = Model(nets.cnn_with_custom(on_path=True))
    assert model.target(None) == "scores_out"
    assert [x.alias for x in model.layers()][5:7] == ["whirl1", "twirl1"]
    with pytest.raises(UnsupportedError, match=r"com\.acme\.Whirl +whirl "):
        model.build(model.request())
    assert model.build(model.request(layer="relu2"))
