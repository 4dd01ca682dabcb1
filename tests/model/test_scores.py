"""What is explained if no layer is named: the scores before whatever squashes them, and a word."""

from __future__ import annotations

import numpy as np
import onnxruntime as ort
import pytest
from onnx import ModelProto, NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper

import retrograph
from retrograph import InputError, Model
from retrograph.errors import BlockedError
from retrograph.sanity_checks.subject import Subject
from retrograph.synthesis import Settings, maximize
from support import nets
from support.nets import info, node
from support.squashed_scores import (
    CONSTANTS,
    PICTURES,
    R1,
    SOFTMAX,
    SQUASHED,
    Array,
    Tail,
    confident,
    with_tail,
)

KEPT = {
    "nothing": [("Identity", "s", "y")],
    "a factor": [("Mul", "s two", "y")],
    "relu": [("Relu", "s", "y")],
    "softplus": [("Softplus", "s", "y")],
    "exp": [("Exp", "s", "y")],
    "swish": [("Sigmoid", "s", "p"), ("Mul", "p s", "y")],
    "another factor for each class": [SOFTMAX, ("Mul", "p weights", "y")],
    "attention": [SOFTMAX, ("MatMul", "p eye", "y")],
    "a gate": [SOFTMAX, ("Mul", "p s", "y")],
    "norm": [("ReduceL2", "s", "z", R1), ("Div", "s z", "y")],
    "share": [("Abs", "s", "a"), ("ReduceSum", "a axis", "z"), ("Div", "a z", "y")],
    "the wrong sum": [("Exp", "s", "e"), ("ReduceMax", "e", "z", R1), ("Div", "e z", "y")],
}


def run(model: ModelProto, x: Array, *outputs: str) -> list[Array]:
    """The output y, and more tensors."""
    seen = ModelProto()
    seen.CopyFrom(model)
    for name in outputs:
        if name not in [o.name for o in seen.graph.output]:
            seen.graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, None))
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(seen.SerializeToString(), options)
    found: list[Array] = session.run(list(outputs), {"x": x})
    return found


@pytest.mark.parametrize("name", SQUASHED)
def test_the_scores_before_what_squashes_them(name: str) -> None:
    """They are named, in a note too, and are in the order of the output."""
    tail = SQUASHED[name]
    model = tail.model()
    source = Model(model)
    assert source.target(None) == tail.target
    assert source.alias(tail.target) == "scores"
    (note,) = source.scores.notes
    assert f"explained is '{tail.target}', the scores before" in note
    assert tail.said in note
    scores, y = run(model, PICTURES, tail.target, "y")
    assert (y >= np.take_along_axis(y, scores.argmax(axis=1)[:, None], 1) - 1e-6).sum() >= len(
        PICTURES
    )
    order = np.argsort(scores, axis=1)
    assert (np.diff(np.take_along_axis(y, order, 1), axis=1) >= -1e-6).all()


@pytest.mark.parametrize("name", SQUASHED)
def test_a_confident_class_is_explained(name: str) -> None:
    """Its probability is flat, its score is not: each map is that of the scores without a tail."""
    tail = SQUASHED[name]
    found = retrograph.Explainer(confident(tail.model()), method="gradient").attribute(PICTURES)
    plain = retrograph.Explainer(
        confident(with_tail([node("Identity", "s", "y")])), method="gradient"
    ).attribute(PICTURES)
    assert np.array_equal(found.unit, plain.unit)
    factor = 0.5 if tail.target == "t" else 1.0
    assert np.allclose(found.attribution, factor * plain.attribution, rtol=1e-4, atol=1e-4)
    assert np.abs(found.attribution).max() > 1


@pytest.mark.parametrize("name", KEPT)
def test_what_is_no_squashing_function_is_the_output_itself(name: str) -> None:
    source = Model(Tail(KEPT[name]).model())
    assert source.scores.target == "y"
    assert not any("explained is" in note for note in source.scores.notes)


@pytest.mark.parametrize(
    "last", [("Sub", "one p", "y"), ("Mul", "p minus", "y"), ("Neg", "p", "y")]
)
def test_what_falls_with_a_score_is_the_output_itself(last: tuple[str, str, str]) -> None:
    source = Model(Tail([("Sigmoid", "s", "p"), last]).model())
    assert source.scores.target == "y"
    assert "behind Sigmoid 'n_p'" in source.scores.notes[0]


def test_one_class_of_a_softmax_is_no_score() -> None:
    """The most active unit before it may be another class."""
    tail = [node("Softmax", "s", "p", axis=1), node("Gather", "p second", "y", axis=1)]
    assert Model(with_tail(tail, [info("y", ["N", 1])])).target(None) == "y"


def test_the_one_item_of_a_batch_is_a_squeeze() -> None:
    nodes, stored = nets.cnn_parts()
    nodes += [node("Softmax", "scores_out", "p", axis=1), node("Gather", "p first", "y", axis=0)]
    inputs, outputs = [info("x", [1, 3, 8, 8])], [info("y", [1, 4])]
    assert (
        Model(nets.model(nodes, inputs, outputs, stored | CONSTANTS)).target(None) == "scores_out"
    )


@pytest.mark.parametrize(
    ("last", "output"),
    [
        (node("ReduceMax", "p", "y", axes=[1]), info("y", ["N", 1])),
        (node("TopK", "p three", "y which", axis=1), info("y", ["N", 3])),
    ],
)
def test_the_greatest_of_the_classes_is_that_of_their_scores(
    last: NodeProto, output: ValueInfoProto
) -> None:
    """Behind a Softmax it is flat, without one it is the output itself."""
    softmax = node("Softmax", "s", "p", axis=1)
    model = with_tail([softmax, last], [output])
    plain = with_tail([node("Mul", "two s", "p"), last], [output])
    for each in (model, plain):
        each.graph.initializer.append(numpy_helper.from_array(np.array([3]), "three"))
    assert Model(plain).scores.target == "y"
    found = retrograph.Explainer(confident(model), method="gradient").attribute(PICTURES)
    (scores,) = run(model, PICTURES, "s")
    assert np.array_equal(found.unit[:, 0], scores.argmax(axis=1))
    assert np.abs(found.attribution).max() > 1


@pytest.mark.parametrize(
    ("tail", "said"),
    [
        ([node("Gather", "p second", "y", axis=1)], "Softmax 'n_p'; where its map is 0, explain"),
        ([node("Slice", "p first second axis", "y")], "Softmax 'n_p'; where"),
        ([node("Sub", "one p", "q"), node("Concat", "q p", "y", axis=1)], "Softmax 'n_p'; where"),
    ],
)  # fmt: skip
def test_what_is_taken_of_probabilities_is_said_to_be_flat(
    tail: list[NodeProto], said: str
) -> None:
    source = Model(with_tail([node("Softmax", "s", "p", axis=1), *tail], [info("y", ["N", None])]))
    assert source.target(None) == "y"
    (note,) = source.scores.notes
    assert note.startswith("'y' is flat where a score is large, behind")
    assert said in note


@pytest.mark.parametrize(("op", "exclusive"), [("Softmax", True), ("Sigmoid", False)])
def test_whether_classes_exclude_each_other(op: str, exclusive: bool) -> None:
    assert Model(with_tail([node(op, "s", "y")])).scores.exclusive == exclusive


# --- outputs without a derivative --------------------------------------------------------------

LABEL = info("label", ["N"], TensorProto.INT64)


def test_labels_are_said_to_come_of_the_scores() -> None:
    tail = [node("Softmax", "s", "p", axis=1), node("ArgMax", "p", "label", axis=1, keepdims=0)]
    source = Model(with_tail(tail, [LABEL]))
    assert source.target(None) == "s"
    assert source.scores.notes == (
        "output 'label' is made by ArgMax 'n_label', which has no derivative: explained is 's', "
        "the scores before Softmax 'n_p'",
    )


def test_thresholds_are_said_to_come_of_the_scores() -> None:
    tail = [node("Greater", "s half", "b"), node("Cast", "b", "y", to=TensorProto.FLOAT)]
    assert Model(with_tail(tail)).scores.notes == (
        "output 'y' comes of Greater 'n_b', which has no derivative: explained is 's', which it "
        "reads",
    )


def test_quantised_scores_are_said_to_come_of_the_scores() -> None:
    tail = [node("QuantizeLinear", "s coarse middle", "y")]
    source = Model(with_tail(tail, [info("y", ["N", 4], TensorProto.UINT8)]))
    assert source.target(None) == "s"
    assert source.scores.notes[0].startswith("output 'y' is made by QuantizeLinear 'n_y', which")


def test_an_unknown_operator_before_a_whole_number_is_an_error_that_names_it() -> None:
    """Not the layer before it in silence."""
    tail = [node("Whirl", "s", "label", domain="com.acme")]
    source = Model(with_tail(tail, [LABEL], domains=["com.acme"]))
    with pytest.raises(BlockedError, match=r"output 'label' .* 'n_label' \(com.acme.Whirl\)"):
        source.target(None)
    assert source.alias("s") == "fc1"
    assert source.target("s") == "s"


def test_an_output_that_can_be_explained_comes_before_one_that_cannot() -> None:
    tail = [node("Whirl", "s", "label", domain="com.acme"), node("Mul", "s two", "y")]
    source = Model(with_tail(tail, [LABEL, info("y", ["N", 4])], domains=["com.acme"]))
    assert source.target(None) == "y"
    assert "'n_label'" in source.scores.notes[0]


def test_whole_numbers_that_are_computed_with_are_an_error_that_names_them() -> None:
    tail = [
        node("QuantizeLinear", "s coarse byte", "q"),
        node("BitShift", "q one_byte", "b", direction="RIGHT"),
        node("Mul", "b b", "squares"),
        node("DequantizeLinear", "squares coarse byte", "y"),
    ]
    model = with_tail(tail)
    model.graph.initializer.append(numpy_helper.from_array(np.uint8(1), "one_byte"))
    with pytest.raises(InputError, match=r"output 'y' cannot be explained: 'n_b' \(BitShift\)"):
        Model(model).target(None)


def test_the_note_is_in_the_built_graph() -> None:
    model = SQUASHED["softmax, quantised"].model()
    contract = retrograph.Explainer(model, method="gradient").contract
    assert contract.notes[0] == Model(model).scores.notes[0]
    assert retrograph.check(model).notes[0] == Model(model).scores.notes[0]
    assert Model(model).report(Model(model).request(layer="y")).notes[0] != contract.notes[0]


@pytest.mark.parametrize(("op", "is_probability"), [("Softmax", True), ("Sigmoid", False)])
def test_scores_that_do_not_exclude_each_other_have_no_probabilities(
    op: str, is_probability: bool
) -> None:
    """Nobody makes a Softmax of what a Sigmoid takes."""
    model = Model(with_tail([node(op, "s", "y")]))
    (made,) = maximize(model, 2, settings=Settings(steps=2, octaves=1))
    assert (made.probability is not None) == is_probability
    subject = Subject.of(model, PICTURES[:1], ["gradient"], None, None, "cpu", None)
    assert subject.is_classes == is_probability
