"""The zoo of TensorFlow and Keras: keras.applications and small networks, through tf2onnx.

    python tools/zoo/zoo_tf.py OUT [--only resnet50,mobilenet]

Needs tensorflow-cpu and tf2onnx (an environment of its own). All weights are random.
"""

# mypy: allow-untyped-decorators, allow-untyped-calls, no-warn-return-any
# mypy: disable-error-code="import-not-found,import-untyped"
from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import keras
import numpy as np
import tensorflow as tf
import tf2onnx

from zoo_store import METHODS, Array, Zoo, main, picture
from zoo_tf_models import SMALL

APPLICATIONS: dict[str, tuple[int, int]] = {
    "VGG16": (32, 9),
    "ResNet50": (64, 11),
    "ResNet50V2": (64, 13),
    "InceptionV3": (75, 15),
    "Xception": (71, 18),
    "MobileNet": (64, 9),
    "MobileNetV2": (64, 11),
    "MobileNetV3Small": (64, 13),
    "DenseNet121": (64, 15),
    "NASNetMobile": (64, 18),
    "EfficientNetB0": (64, 13),
    "EfficientNetV2B0": (64, 15),
    "ConvNeXtTiny": (64, 18),
}
"""Each application with its picture size and the opset it is exported at."""


def randomise(model: keras.Model) -> None:
    """Batch statistics and scales away from 0 and 1, so that ReLUs cut and layers differ."""
    random = np.random.default_rng(1)
    ranges = {"gamma": (0.8, 1.4), "moving_variance": (0.5, 1.5), "variance": (0.5, 1.5)}
    shifts = {"beta": 0.2, "moving_mean": 0.2, "mean": 0.2, "bias": 0.1}
    for weight in model.weights:
        kind = weight.name.split("/")[-1]
        if kind in ranges:
            weight.assign(random.uniform(*ranges[kind], weight.shape))
        elif kind in shifts:
            weight.assign(random.normal(0, shifts[kind], weight.shape))


def ruled_relu(method: str, cap: float | None) -> Callable[[Any], Any]:
    """min(max(x, 0), cap) with the backward rule of a method."""

    @tf.custom_gradient
    def relu(x: Any) -> Any:
        y = tf.nn.relu(x) if cap is None else tf.clip_by_value(x, 0.0, cap)

        def back(ct: Any) -> Any:
            mask = x > 0 if cap is None else (x > 0) & (x < cap)
            if method != "gradient":
                ct = tf.nn.relu(ct)
            return ct if method == "deconvnet" else tf.where(mask, ct, tf.zeros_like(ct))

        return y, back

    return relu


def with_rule(model: keras.Model, method: str) -> int:
    """Give every ReLU layer and ReLU activation of a model the rule; how many there were."""
    count = 0
    for layer in model._flatten_layers():
        activation = getattr(layer, "activation", None)
        if activation is keras.activations.relu or getattr(activation, "retrograph", None) == 0:
            layer.activation, cap = ruled_relu(method, None), None
            layer.activation.retrograph = 0
        elif activation is keras.activations.relu6 or getattr(activation, "retrograph", None) == 6:
            layer.activation = ruled_relu(method, 6.0)
            layer.activation.retrograph = 6
        elif _is_relu_layer(layer) and not model.name.startswith("MobileNetV3"):
            # In MobileNetV3 the ReLU6 layers are the insides of hard sigmoids.
            cap = None if layer.max_value is None else float(layer.max_value)
            layer.call = ruled_relu(method, cap)
        else:
            continue
        count += 1
    return count


def _is_relu_layer(layer: Any) -> bool:
    plain = isinstance(layer, keras.layers.ReLU) and not layer.negative_slope
    return plain and not layer.threshold


def attribution(model: keras.Model, x: Array) -> tuple[Array, Array]:
    """The scores, and the gradient of each item's highest."""
    image = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(image)
        scores = model(image, training=False)
        scores = scores[0] if isinstance(scores, (list, tuple)) else scores
        flat = tf.reshape(scores, [len(x), -1])
        best = tf.reduce_sum(tf.reduce_max(flat, axis=1))
    return scores.numpy(), tape.gradient(best, image).numpy()


def attributions(model: keras.Model, x: Array) -> tuple[Array, dict[str, Array]]:
    """The scores, and the attribution by each method where there is a ReLU."""
    scores, gradient = attribution(model, x)
    attributions = {"gradient": gradient}
    for method in METHODS[1:]:
        if with_rule(model, method):
            attributions[method] = attribution(model, x)[1]
    return scores, attributions


def export(
    zoo: Zoo,
    name: str,
    make: Callable[[], keras.Model],
    shape: tuple[int, ...],
    opset: int,
    nchw: bool = False,
    softmax: bool = True,
    open_dims: tuple[int, ...] = (0,),
    how: str = "tf2onnx",
) -> None:
    """Write a model, and what TensorFlow says of it."""
    keras.utils.set_random_seed(0)
    model = make()
    randomise(model)
    x = picture(2 if 0 in open_dims else 1, *shape)
    dims = [None if i in open_dims else n for i, n in enumerate(x.shape)]
    finish = tf.nn.softmax if softmax else tf.identity

    def forward(image: Any) -> Any:
        output = model(image, training=False)
        return [finish(f) for f in output] if isinstance(output, (list, tuple)) else finish(output)

    path = zoo.path(name)
    if how == "keras":
        model(x)
        model.export(str(path), format="onnx", verbose=False, opset_version=opset)
    elif how == "tflite":
        signature = tf.function(forward, input_signature=[tf.TensorSpec(x.shape, tf.float32)])
        concrete = [signature.get_concrete_function()]
        lite = tf.lite.TFLiteConverter.from_concrete_functions(concrete, signature).convert()
        file = path.with_suffix(".tflite")
        file.write_bytes(lite)
        tf2onnx.convert.from_tflite(str(file), opset=opset, output_path=str(path))
        file.unlink()
    else:
        tf2onnx.convert.from_function(
            tf.function(forward),
            input_signature=[tf.TensorSpec(dims, tf.float32, name="image")],
            opset=opset,
            inputs_as_nchw=["image:0", "image"] if nchw else None,
            output_path=str(path),
        )
    scores, arrays = attributions(model, x)
    if nchw:
        x = np.moveaxis(x, -1, 1)
        arrays = {k: np.moveaxis(v, -1, 1) for k, v in arrays.items()}
    zoo.store(name, x, scores, arrays, opset)


def _application(name: str, size: int) -> keras.Model:
    kwargs = {"include_preprocessing": False} if "Net" in name and "V3S" in name else {}
    make = getattr(keras.applications, name)
    return make(
        weights=None,
        input_shape=(size, size, 3),
        classes=20,
        classifier_activation=None,
        **kwargs,
    )


def _makers() -> dict[str, Callable[[Zoo], None]]:
    makers: dict[str, Callable[[Zoo], None]] = {}

    def add(name: str, make: Callable[[], keras.Model], shape: Any, opset: int, **how: Any) -> None:
        makers[name] = partial(export, name=name, make=make, shape=shape, opset=opset, **how)

    for name, (size, opset) in APPLICATIONS.items():
        make = partial(_application, name, size)
        nchw = name in ("ResNet50", "MobileNetV2", "DenseNet121", "InceptionV3")
        add(name, make, (size, size, 3), opset)
        if nchw:
            add(f"{name}_nchw", make, (size, size, 3), opset, nchw=True)
        if name in ("MobileNetV2", "ResNet50V2", "EfficientNetB0", "MobileNetV3Small"):
            still: dict[str, Any] = {"open_dims": (), "how": "tflite"}
            add(f"{name}_tflite", make, (size, size, 3), 13, **still)
        if name in ("ResNet50", "EfficientNetV2B0", "ConvNeXtTiny"):
            add(f"{name}_keras", make, (size, size, 3), 18, how="keras", softmax=False)
    for name, small in SMALL.items():
        for opset in small.opsets:
            add(
                f"{name}_{opset}",
                small.make,
                small.shape,
                opset,
                softmax=False,
                open_dims=small.open_dims,
                nchw=small.nchw,
            )
        if small.tflite:
            add(
                f"{name}_tflite",
                small.make,
                small.shape,
                15,
                softmax=False,
                open_dims=(),
                how="tflite",
            )
    return makers


if __name__ == "__main__":
    assert Path(__file__).name == "zoo_tf.py"
    sys.exit(main(__doc__, _makers()))
