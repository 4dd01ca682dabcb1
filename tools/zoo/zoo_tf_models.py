"""Small Keras networks with what exporters spell in their own way."""

# mypy: disable-error-code="import-not-found,import-untyped,misc"
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf
from keras import layers


@dataclass(frozen=True)
class Small:
    """A network: how it is made, its input's shape, the opsets it is exported at.

    `open_dims` are the input's axes that stay open.
    """

    make: Callable[[], keras.Model]
    shape: tuple[int, ...]
    opsets: tuple[int, ...] = (13,)
    open_dims: tuple[int, ...] = (0,)
    nchw: bool = False
    tflite: bool = False


def _conv(x: Any, filters: int, size: int = 3, **how: Any) -> Any:
    rank = len(x.shape) - 2
    kind = {1: layers.Conv1D, 2: layers.Conv2D, 3: layers.Conv3D}[rank]
    return kind(filters, size, **{"padding": "same", "activation": "relu", **how})(x)


def unet(transpose: bool, interpolation: str = "nearest", size: int | None = 32) -> keras.Model:
    x = image = keras.Input((size, size, 3))
    skips = []
    for filters in (8, 12):
        x = layers.BatchNormalization()(_conv(x, filters))
        skips.append(x)
        x = layers.MaxPooling2D()(x)
    x = _conv(x, 16, dilation_rate=2)
    for filters, skip in zip((12, 8), skips[::-1], strict=True):
        if transpose:
            x = layers.Conv2DTranspose(filters, 3, 2, padding="same", activation="relu")(x)
        else:
            x = layers.UpSampling2D(interpolation=interpolation)(x)
        x = _conv(layers.Concatenate()([x, skip]), filters)
    return keras.Model(image, layers.Conv2D(3, 1)(x))


def normed(kind: str) -> keras.Model:
    x = image = keras.Input((24, 24, 3))
    for filters in (8, 16):
        x = layers.Conv2D(filters, 3, 2)(x)
        x = {
            "group": lambda: layers.GroupNormalization(4),
            "instance": lambda: layers.GroupNormalization(-1),
            "layer": lambda: layers.LayerNormalization(epsilon=1e-3),
            "rms": lambda: layers.RMSNormalization(),
            "unit": lambda: layers.UnitNormalization(),
        }[kind]()(x)
        x = layers.ReLU()(x)
    return keras.Model(image, layers.Dense(5)(layers.Flatten()(x)))


def activated(*names: str) -> keras.Model:
    x = image = keras.Input((20, 20, 3))
    x = _conv(x, 6)
    for name in names:
        x = layers.Conv2D(6, 3)(x)
        if hasattr(layers, name):
            x = getattr(layers, name)(**({"max_value": 4.0} if name == "ReLU" else {}))(x)
        else:
            x = layers.Activation(name)(x)
    return keras.Model(image, layers.Dense(5)(layers.GlobalAveragePooling2D()(x)))


def pooled() -> keras.Model:
    x = image = keras.Input((25, 23, 3))
    x = layers.ZeroPadding2D(((1, 2), (0, 1)))(x)
    x = layers.AveragePooling2D(3, 2, padding="same")(_conv(x, 6, strides=2))
    x = layers.MaxPooling2D(3, 2, padding="same")(_conv(x, 6))
    x = layers.Cropping2D(((0, 1), (1, 0)))(x)
    both = [layers.GlobalMaxPooling2D()(x), layers.GlobalAveragePooling2D()(x)]
    return keras.Model(image, layers.Dense(5)(layers.Concatenate()(both)))


def separable() -> keras.Model:
    x = image = keras.Input((24, 24, 3))
    x = layers.SeparableConv2D(8, 3, padding="same", activation="relu")(x)
    x = layers.DepthwiseConv2D(3, 2, depth_multiplier=2, padding="same", activation="relu6")(x)
    x = layers.Conv2D(8, 3, groups=4, activation="relu")(x)
    x = layers.DepthwiseConv2D(3, dilation_rate=2, padding="same")(x)
    return keras.Model(image, layers.Dense(5)(layers.GlobalAveragePooling2D(keepdims=True)(x)))


def one_d() -> keras.Model:
    x = signal = keras.Input((64, 4))
    x = layers.MaxPooling1D(2)(_conv(x, 8, 5))
    x = layers.BatchNormalization()(_conv(x, 8, 3, padding="causal", dilation_rate=2))
    x = layers.UpSampling1D(2)(layers.AveragePooling1D(2)(x))
    x = layers.Conv1DTranspose(6, 4, 2, activation="relu")(x)
    return keras.Model(signal, layers.Dense(4)(layers.GlobalMaxPooling1D()(x)))


def three_d() -> keras.Model:
    x = volume = keras.Input((8, 12, 12, 2))
    x = layers.MaxPooling3D(2)(_conv(x, 6))
    x = layers.AveragePooling3D((1, 2, 2))(_conv(x, 8))
    x = layers.Conv3DTranspose(4, 2, 2, activation="relu")(x)
    return keras.Model(volume, layers.Dense(4)(layers.GlobalAveragePooling3D()(x)))


class _TensorFlow(keras.layers.Layer):
    """A plain TensorFlow function as a layer."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        super().__init__()
        self.function = function

    def call(self, x: Any) -> Any:
        return self.function(x)


def resized(method: str, **how: Any) -> keras.Model:
    x = image = keras.Input((16, 16, 3))
    x = _conv(x, 6, strides=2)

    def resize(a: Any) -> Any:
        if how:
            kernel = getattr(
                tf.raw_ops, "ResizeBilinear" if method == "bilinear" else "ResizeNearestNeighbor"
            )
            return kernel(images=a, size=[19, 13], **how)
        return tf.image.resize(a, [19, 13], method=method)

    x = _conv(_TensorFlow(resize)(x), 6)
    return keras.Model(image, layers.Conv2D(3, 3)(x))


def by_hand(name: str) -> keras.Model:
    functions: dict[str, Callable[[Any], Any]] = {
        "max": lambda a: tf.maximum(a, 0.0),
        "where": lambda a: tf.where(a > 0, a, tf.zeros_like(a)),
        "crelu": tf.nn.crelu,
        "leaky": lambda a: tf.nn.leaky_relu(a, 0.1),
        "lrn": lambda a: tf.nn.lrn(tf.nn.relu(a), 2, 1.0, 0.3, 0.75),
        "shuffle": lambda a: tf.nn.relu(
            tf.nn.depth_to_space(tf.nn.space_to_depth(tf.nn.relu(a), 2), 4)
        ),
        "einsum": lambda a: tf.nn.relu(
            tf.einsum("nhwc,cd->nhwd", a, tf.ones([8, 8]) * 0.2 + tf.eye(8))
        ),
        "moments": lambda a: tf.nn.relu(
            (a - tf.nn.moments(a, [1, 2], keepdims=True)[0])
            * tf.math.rsqrt(tf.nn.moments(a, [1, 2], keepdims=True)[1] + 0.1)
        ),
        "l2": lambda a: tf.nn.l2_normalize(tf.nn.relu(a), axis=-1),
        "mirror": lambda a: tf.nn.relu(tf.pad(a, [[0, 0], [2, 1], [1, 2], [0, 0]], "REFLECT")),
        "symmetric": lambda a: tf.nn.relu(tf.pad(a, [[0, 0], [2, 1], [1, 2], [0, 0]], "SYMMETRIC")),
        "split": lambda a: tf.concat([tf.nn.relu(p) for p in tf.split(a, 2, axis=-1)][::-1], -1),
        "stack": lambda a: tf.reduce_max(tf.stack([a, tf.nn.relu(-a) + a * 0.1], axis=-1), axis=-1),
        "strided": lambda a: tf.nn.relu(a[:, ::2, 1:-1, ::-1]),
        "squeeze": lambda a: a * tf.sigmoid(tf.reduce_mean(tf.nn.relu(a), [1, 2], keepdims=True)),
        "channels": lambda a: tf.reshape(
            tf.transpose(tf.reshape(tf.nn.relu(a), [-1, 12, 12, 2, 4]), [0, 1, 2, 4, 3]),
            [-1, 12, 12, 8],
        ),
        "tile": lambda a: tf.tile(tf.nn.relu(a), [1, 2, 1, 2]),
        "argmax": lambda a: tf.nn.max_pool_with_argmax(a, 2, 2, "SAME")[0],
        "dilation": lambda a: tf.nn.relu(
            tf.nn.atrous_conv2d(a, tf.ones([3, 3, 8, 4]) * 0.1, 2, "SAME")
        ),
        "gather": lambda a: tf.gather(tf.nn.relu(a), [0, 3, 3, 5], axis=-1),
        "attention": lambda a: tf.matmul(
            tf.nn.softmax(
                tf.matmul(
                    tf.reshape(a, [-1, 144, 8]), tf.reshape(a, [-1, 144, 8]), transpose_b=True
                )
                * 0.3
            ),
            tf.nn.relu(tf.reshape(a, [-1, 144, 8])),
        ),
        "selu": tf.nn.selu,
        "elu": tf.nn.elu,
        "relu6": tf.nn.relu6,
        "swish": tf.nn.silu,
        "softsign": tf.nn.softsign,
        "gelu": tf.nn.gelu,
        "gelu_tanh": lambda a: tf.nn.gelu(a, True),
        "std": lambda a: tf.nn.relu(a - tf.math.reduce_std(a, axis=[1, 2], keepdims=True)),
        "logsumexp": lambda a: tf.reduce_logsumexp(tf.nn.relu(a), axis=-1, keepdims=True),
    }
    x = image = keras.Input((24, 24, 3))
    x = layers.Conv2D(8, 3, 2, padding="same")(x)
    x = _TensorFlow(functions[name])(x)
    return keras.Model(image, layers.Dense(5)(layers.Flatten()(x)))


HAND = (  # noqa: SIM905
    "max where crelu leaky lrn shuffle einsum moments l2 mirror "
    "symmetric split stack strided squeeze "
    "channels tile argmax dilation gather attention selu elu relu6 swish softsign gelu gelu_tanh "
    "std logsumexp"
).split()

SMALL: dict[str, Small] = {
    "unet_upsample": Small(lambda: unet(False), (32, 32, 3), (9, 13), tflite=True),
    "unet_bilinear": Small(lambda: unet(False, "bilinear"), (32, 32, 3), (10, 18), tflite=True),
    "unet_transpose": Small(lambda: unet(True), (32, 32, 3), (9, 15), tflite=True),
    "unet_open": Small(lambda: unet(False, "bilinear", None), (32, 40, 3), (11, 18), (0, 1, 2)),
    "unet_transpose_open": Small(lambda: unet(True, size=None), (32, 40, 3), (11, 18), (0, 1, 2)),
    "unet_nchw": Small(lambda: unet(True), (32, 32, 3), (13,), nchw=True),
    **{
        f"norm_{kind}": Small(
            lambda kind=kind: normed(kind), (24, 24, 3), (9, 18), tflite=kind == "layer"
        )
        for kind in ("group", "instance", "layer", "rms", "unit")
    },
    "activations": Small(
        lambda: activated("silu", "gelu", "elu", "selu", "softplus"),
        (20, 20, 3),
        (9, 18),
        tflite=True,
    ),
    "activations_hard": Small(
        lambda: activated("hard_sigmoid", "hard_silu", "mish", "tanh", "leaky_relu", "relu6"),
        (20, 20, 3),
        (11, 18),
        tflite=True,
    ),
    "activations_layers": Small(
        lambda: activated("PReLU", "LeakyReLU", "ELU", "ReLU"), (20, 20, 3), (9, 18), tflite=True
    ),
    "pools": Small(pooled, (25, 23, 3), (9, 13), tflite=True),
    "separable": Small(separable, (24, 24, 3), (9, 15), tflite=True),
    "one_d": Small(one_d, (64, 4), (9, 13, 18)),
    "three_d": Small(three_d, (8, 12, 12, 2), (9, 13, 18)),
    "resize_bilinear": Small(lambda: resized("bilinear"), (16, 16, 3), (10, 11, 18), tflite=True),
    "resize_nearest": Small(lambda: resized("nearest"), (16, 16, 3), (10, 11, 18), tflite=True),
    "resize_bicubic": Small(lambda: resized("bicubic"), (16, 16, 3), (11, 18)),
    "resize_area": Small(lambda: resized("area"), (16, 16, 3), (11, 18)),
    "resize_corners": Small(
        lambda: resized("bilinear", align_corners=True), (16, 16, 3), (9, 11, 13), tflite=True
    ),
    "resize_old": Small(
        lambda: resized("bilinear", align_corners=False), (16, 16, 3), (9, 11, 13), tflite=True
    ),
    "resize_near_corners": Small(
        lambda: resized("nearest", align_corners=True), (16, 16, 3), (11, 13)
    ),
    "resize_near_half": Small(
        lambda: resized("nearest", half_pixel_centers=True), (16, 16, 3), (11, 13)
    ),
    **{
        f"hand_{name}": Small(
            lambda name=name: by_hand(name),
            (24, 24, 3),
            (9, 18)
            if name in ("max", "where", "lrn", "strided", "einsum", "mirror", "moments")
            else (13,),
            tflite=True,
        )
        for name in HAND
    },
}
