"""The probe graph against NumPy over all activations of the source model."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import ModelProto

from retrograph.errors import InputError
from retrograph.scanning import ProbeSession
from support import nets
from support.graphs import noise, parse
from support.scan_case import CHANNELS_LAST, all_activations

CHANNELS_WITHIN = CHANNELS_LAST.replace("[0, 2, 3, 1]", "[0, 2, 1, 3]").replace(
    "[N, 5, 4, 3] y", "[N, 5, 3, 4] y"
)

BATCH_WITHIN = """
<ir_version: 8, opset_import: ["" : 17]>
net (float[N, 3, 4] x) => (float[3, N, 4] y)
{
    turned = Transpose <perm = [1, 0, 2]> (x)
    y = Relu (turned)
}
"""

TURNED_BACK = """
<ir_version: 8, opset_import: ["" : 17]>
net (float[2, 3, 4] x) => (float[2, 3, 4] out)
{
    turned = Transpose <perm = [1, 0, 2]> (x)
    y = Relu (turned)
    out = Transpose <perm = [1, 0, 2]> (y)
}
"""

DOUBLE = """
<ir_version: 8, opset_import: ["" : 17]>
net (double[N, 3, 4] x) => (double[N, 3, 4] y)
{
    y = Neg (x)
}
"""

ONE_NUMBER = """
<ir_version: 8, opset_import: ["" : 17]>
net (float[N, 4] x) => (float[N] y)
{
    y = ReduceSum <keepdims = 0> (x, axes)
}
"""


def one_number() -> ModelProto:
    model = onnx.parser.parse_model(ONE_NUMBER)
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.array([1]), "axes"))
    return model


CASES = {
    "picture": (nets.cnn(), "b", noise(5, 3, 8, 8), 0),
    "open size": (nets.cnn(size="s"), "b", noise(5, 3, 9, 7), 0),
    "fixed batch": (nets.cnn(batch=4), "d", noise(4, 3, 8, 8), 0),
    "input with channels last": (nets.nhwc_cnn(), "e", noise(5, 8, 8, 3), 0),
    "layer with channels last": (parse(CHANNELS_LAST), "y", noise(5, 2, 5, 4), 2),
    "layer with channels within": (parse(CHANNELS_WITHIN), "y", noise(5, 2, 5, 4), 1),
    "sequence": (nets.sequence_net(), "a", noise(5, 4, 20), 0),
    "volume": (nets.volume_net(), "a", noise(5, 2, 4, 4, 4), 0),
    "vector": (nets.vector_net(), "a", noise(5, 5), 0),
    "one number": (one_number(), "y", noise(5, 4), 0),
    "float16": (nets.half_cnn(), "b", noise(5, 3, 8, 8).astype(np.float16), 0),
    "float64": (parse(DOUBLE), "y", noise(5, 3, 4).astype(np.float64), 0),
}


@pytest.mark.parametrize("case", CASES)
def test_numbers_are_those_of_all_activations(case: str) -> None:
    model, tensor, x, channel_axis = CASES[case]
    activations = all_activations(model, tensor, x).astype(np.float64)
    items = activations.reshape(len(x), *activations.shape[1:] or (1,))
    planes = np.moveaxis(items, 1 + channel_axis, 1)
    flat = planes.reshape(*planes.shape[:2], -1)
    (seen,) = ProbeSession(model, [tensor]).run({"x": x})
    tolerance = 2e-3 if x.dtype == np.float16 else 1e-5
    np.testing.assert_allclose(seen.peak, flat.max(axis=2), rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(seen.mean, flat.mean(axis=2), rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(seen.share, (flat > 0).mean(axis=2), rtol=1e-6)
    rows = np.arange(len(x))[:, None]
    at_unit = items[(rows, *np.moveaxis(seen.unit, 2, 0))]
    np.testing.assert_allclose(at_unit, flat.max(axis=2), rtol=tolerance, atol=tolerance)
    channels = np.broadcast_to(np.arange(flat.shape[1]), seen.peak.shape)
    np.testing.assert_array_equal(seen.unit[..., channel_axis], channels)


def test_of_equal_maxima_the_first_position_is_taken() -> None:
    model = parse(DOUBLE)
    x = np.array([[[0.0, -1, -1, 2], [0, 0, 0, 0], [-2, 5, -2, -2]]])
    (seen,) = ProbeSession(model, ["y"]).run({"x": x})
    np.testing.assert_array_equal(seen.unit[0], [[0, 1], [1, 0], [2, 0]])
    np.testing.assert_array_equal(seen.peak[0], [1, 0, 2])
    np.testing.assert_array_equal(seen.share[0], [0.5, 0, 0.75])


def test_float64_keeps_its_digits() -> None:
    x = -np.full((1, 3, 4), 1 + 2.0**-40)
    (seen,) = ProbeSession(parse(DOUBLE), ["y"]).run({"x": x})
    np.testing.assert_array_equal(seen.peak, np.full((1, 3), 1 + 2.0**-40))


def test_the_mean_of_many_positions_is_not_lost_to_rounding() -> None:
    x = noise(1, 3, 1000 * 1000) + np.float32(100)
    model = parse(DOUBLE.replace("double", "float").replace("3, 4", "3, 1000, 1000"))
    (seen,) = ProbeSession(model, ["y"]).run({"x": x.reshape(1, 3, 1000, 1000)})
    np.testing.assert_allclose(seen.mean, -x.mean(axis=2, dtype=np.float64), rtol=1e-6)


def test_what_lies_above_the_layers_is_left_out() -> None:
    session = ProbeSession(nets.two_input_net(), ["relu1"])
    assert [spec.name for spec in session.inputs] == ["x"]
    assert {spec.name for spec in ProbeSession(nets.two_input_net(), ["add1"]).inputs} == {
        "x",
        "state",
        "sr",
    }


def test_a_layer_without_a_batch_axis_is_run_one_by_one() -> None:
    session = ProbeSession(parse(BATCH_WITHIN), ["y"])
    assert session.batch(32) == 1
    x = noise(1, 3, 4)
    (seen,) = session.run({"x": x})
    np.testing.assert_array_equal(seen.peak, np.maximum(x, 0).max(axis=2).reshape(1, 3))


def test_units_of_a_fixed_batch_must_be_told_apart() -> None:
    model = parse(TURNED_BACK)
    with pytest.raises(InputError, match="'y' has no axis for the 2 inputs of a batch"):
        ProbeSession(model, ["y"])


def test_channels_must_be_known() -> None:
    model = parse(DOUBLE.replace("N, 3, 4", "N, C, 4"))
    with pytest.raises(InputError, match="how many channels 'y' has"):
        ProbeSession(model, ["y"])


def test_runs_share_the_threads_but_of_large_batches() -> None:
    model = parse(DOUBLE)
    assert [ProbeSession(model, ["y"], "cpu", threads).runs for threads in (1, 2, 5)] == [1, 2, 2]
    large = parse(DOUBLE.replace("3, 4]", "600, 700]"))
    assert ProbeSession(large, ["y"], "cpu", 2).runs == 1
    one = parse(DOUBLE.replace("N, 3, 4]", "1, 600, 700]"))
    assert ProbeSession(one, ["y"], "cpu", 2).runs == 2
