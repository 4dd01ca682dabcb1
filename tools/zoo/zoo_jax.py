"""The zoo of JAX: small Flax networks through jax2onnx.

    python tools/zoo/zoo_jax.py OUT [--only resnet]

Needs jax, flax and jax2onnx (an environment of its own). All weights are random.
"""

# mypy: allow-subclassing-any, allow-untyped-calls, allow-untyped-decorators, no-warn-return-any
# mypy: disable-error-code="import-not-found,misc"
from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any
from unittest import mock

import jax
import jax2onnx
import numpy as np
import onnx
from flax import nnx
from jax import numpy as jnp

from zoo_store import METHODS, Zoo, main, picture

Function = Callable[[Any], Any]

ACTIVATIONS = (
    *("silu", "gelu", "elu", "selu", "celu", "softplus", "soft_sign", "sigmoid", "tanh"),
    *("hard_swish", "hard_sigmoid", "hard_tanh", "leaky_relu", "relu6", "log_sigmoid"),
    *("softmax", "log_softmax"),
)


@contextmanager
def relu_rule(method: str) -> Iterator[None]:
    """Give nnx.relu and nnx.relu6 the rule of a method."""

    def ruled(cap: float) -> Function:
        @jax.custom_vjp
        def relu(x: Any) -> Any:
            return jnp.clip(x, 0, cap)

        def forward(x: Any) -> Any:
            return relu(x), (x > 0) & (x < cap)

        def back(mask: Any, ct: Any) -> Any:
            ct = jnp.maximum(ct, 0)
            return (ct if method == "deconvnet" else jnp.where(mask, ct, 0),)

        relu.defvjp(forward, back)
        return relu

    if method == "gradient":
        yield
        return
    with mock.patch.object(nnx, "relu", ruled(jnp.inf)), mock.patch.object(nnx, "relu6", ruled(6)):
        yield


class Net(nnx.Module):
    """Layers in a row; functions among them by name, looked up at each call."""

    def __init__(self, *steps: Any) -> None:
        self.steps = nnx.List([s for s in steps if isinstance(s, nnx.Module)])
        order: list[Any] = []
        for step in steps:
            order.append(
                len([o for o in order if isinstance(o, int)])
                if isinstance(step, nnx.Module)
                else step
            )
        self.order = tuple(order)

    def __call__(self, x: Any) -> Any:
        for step in self.order:
            if isinstance(step, int):
                x = self.steps[step](x)
            else:
                x = getattr(nnx, step)(x) if isinstance(step, str) else step(x)
        return x


class Block(nnx.Module):
    """A residual block."""

    def __init__(self, filters: int, rngs: Any) -> None:
        self.first = nnx.Conv(filters, filters, (3, 3), rngs=rngs, use_bias=False)
        self.norm = nnx.BatchNorm(filters, use_running_average=True, rngs=rngs)
        self.second = nnx.Conv(filters, filters, (3, 3), rngs=rngs)

    def __call__(self, x: Any) -> Any:
        return nnx.relu(x + self.second(nnx.relu(self.norm(self.first(x)))))


def _head(channels: int, rngs: Any) -> Sequence[Any]:
    return lambda a: jnp.mean(a, axis=(1, 2)), nnx.Linear(channels, 5, rngs=rngs)


def _net(*middle: Any, rngs: Any, channels: int = 8) -> Net:
    return Net(
        nnx.Conv(3, 8, (3, 3), strides=2, rngs=rngs), "relu", *middle, *_head(channels, rngs)
    )


def _conv(r: Any, **how: Any) -> Any:
    return nnx.Conv(8, how.pop("out", 8), how.pop("kernel", (3, 3)), rngs=r, **how)


def _resize(method: str) -> Function:
    return lambda a: jax.image.resize(a, (a.shape[0], 15, 13, a.shape[3]), method)


SMALL: dict[str, tuple[Callable[[Any], Any], tuple[int, ...]]] = {
    "resnet": (
        lambda r: _net(
            Block(8, r),
            partial(nnx.max_pool, window_shape=(2, 2), strides=(2, 2)),
            Block(8, r),
            rngs=r,
        ),
        (16, 16, 3),
    ),
    "max_same": (
        lambda r: _net(
            partial(nnx.max_pool, window_shape=(3, 3), strides=(2, 2), padding="SAME"), rngs=r
        ),
        (18, 18, 3),
    ),
    "avg": (
        lambda r: _net(
            partial(nnx.avg_pool, window_shape=(2, 2), strides=(2, 2)), _conv(r), rngs=r
        ),
        (16, 16, 3),
    ),
    "avg_same": (
        lambda r: _net(
            partial(nnx.avg_pool, window_shape=(3, 3), strides=(2, 2), padding="SAME"),
            _conv(r),
            rngs=r,
        ),
        (18, 18, 3),
    ),
    "avg_excluded": (
        lambda r: _net(
            partial(
                nnx.avg_pool,
                window_shape=(3, 3),
                strides=(2, 2),
                padding="SAME",
                count_include_pad=False,
            ),
            rngs=r,
        ),
        (18, 18, 3),
    ),
    "group": (lambda r: _net(nnx.GroupNorm(8, 2, rngs=r), "relu", rngs=r), (16, 16, 3)),
    "layer": (lambda r: _net(nnx.LayerNorm(8, rngs=r), "relu", rngs=r), (16, 16, 3)),
    "rms": (lambda r: _net(nnx.RMSNorm(8, rngs=r), "relu", rngs=r), (16, 16, 3)),
    "instance": (
        lambda r: _net(nnx.InstanceNorm(8, rngs=r), "relu", _conv(r), rngs=r),
        (16, 16, 3),
    ),
    "batch": (
        lambda r: _net(nnx.BatchNorm(8, use_running_average=True, rngs=r), "relu", rngs=r),
        (16, 16, 3),
    ),
    "depthwise": (
        lambda r: _net(
            _conv(r, feature_group_count=8),
            "relu6",
            _conv(r, feature_group_count=2, padding="VALID"),
            rngs=r,
        ),
        (16, 16, 3),
    ),
    "dilated": (
        lambda r: _net(_conv(r, kernel_dilation=2), "relu", _conv(r, padding="CIRCULAR"), rngs=r),
        (16, 16, 3),
    ),
    "transpose": (
        lambda r: Net(
            _conv_in(r),
            "relu",
            nnx.ConvTranspose(8, 4, (3, 3), strides=(2, 2), rngs=r),
            "relu",
            nnx.Conv(4, 2, (1, 1), rngs=r),
        ),
        (16, 16, 3),
    ),
    "transpose_valid": (
        lambda r: Net(
            _conv_in(r),
            "relu",
            nnx.ConvTranspose(8, 4, (4, 4), strides=(2, 2), padding="VALID", rngs=r),
            "relu",
            nnx.Conv(4, 2, (1, 1), rngs=r),
        ),
        (16, 16, 3),
    ),
    **{
        f"resize_{m}": (lambda r, m=m: _net(_resize(m), _conv(r), rngs=r), (16, 16, 3))
        for m in ("nearest", "linear", "cubic", "lanczos3")
    },
    **{f"act_{a}": (lambda r, a=a: _net(_conv(r), a, rngs=r), (16, 16, 3)) for a in ACTIVATIONS},
    "dense": (
        lambda r: Net(
            _conv_in(r),
            "relu",
            lambda a: a.reshape(a.shape[0], -1),
            nnx.Linear(512, 6, rngs=r),
            "relu",
            nnx.Linear(6, 4, rngs=r),
        ),
        (16, 16, 3),
    ),
    "hand_max": (lambda r: _net(_conv(r), lambda a: jnp.maximum(a, 0), rngs=r), (16, 16, 3)),
    "hand_where": (lambda r: _net(_conv(r), lambda a: jnp.where(a > 0, a, 0), rngs=r), (16, 16, 3)),
    "hand_squeeze": (
        lambda r: _net(lambda a: a * jax.nn.sigmoid(a.mean((1, 2), keepdims=True)), rngs=r),
        (16, 16, 3),
    ),
    "hand_pad": (
        lambda r: _net(
            lambda a: jnp.pad(a, ((0, 0), (1, 2), (2, 1), (0, 0)), "reflect"), _conv(r), rngs=r
        ),
        (16, 16, 3),
    ),
    "hand_std": (
        lambda r: _net(
            lambda a: (a - a.mean(-1, keepdims=True)) / (a.std(-1, keepdims=True) + 0.1),
            _conv(r),
            rngs=r,
        ),
        (16, 16, 3),
    ),
    "hand_max_reduce": (
        lambda r: _net(
            lambda a: jnp.concatenate([a[..., :7], a.max(-1, keepdims=True)], -1), _conv(r), rngs=r
        ),
        (16, 16, 3),
    ),
    "hand_einsum": (
        lambda r: _net(lambda a: jnp.einsum("nhwc,cd->nhwd", a, jnp.eye(8) + 0.1), "relu", rngs=r),
        (16, 16, 3),
    ),
    "hand_attention": (
        lambda r: _net(lambda a: jnp.einsum("nhwc,nhwd->ncd", a, a)[:, None] * 0.1, rngs=r),
        (16, 16, 3),
    ),
    "hand_slices": (lambda r: _net(lambda a: a[:, ::2, 1:-1, ::-1], _conv(r), rngs=r), (16, 16, 3)),
    "hand_roll": (lambda r: _net(lambda a: jnp.roll(a, 2, 1), _conv(r), rngs=r), (16, 16, 3)),
    "hand_split": (
        lambda r: _net(lambda a: jnp.concatenate(jnp.split(a, 2, -1)[::-1], -1), _conv(r), rngs=r),
        (16, 16, 3),
    ),
    "hand_space": (
        lambda r: _net(
            lambda a: (
                a.reshape(-1, 4, 2, 4, 2, 8).transpose(0, 1, 3, 2, 4, 5).reshape(-1, 4, 4, 32)
            ),
            rngs=r,
            channels=32,
        ),
        (16, 16, 3),
    ),
    "one_d": (
        lambda r: Net(
            nnx.Conv(4, 8, (5,), rngs=r),
            "relu",
            partial(nnx.max_pool, window_shape=(2,), strides=(2,)),
            nnx.Conv(8, 8, (3,), kernel_dilation=2, rngs=r),
            "relu",
            lambda a: a.max(1),
            nnx.Linear(8, 4, rngs=r),
        ),
        (32, 4),
    ),
    "three_d": (
        lambda r: Net(
            nnx.Conv(2, 6, (3, 3, 3), rngs=r),
            "relu",
            partial(nnx.max_pool, window_shape=(2, 2, 2), strides=(2, 2, 2)),
            lambda a: a.mean((1, 2, 3)),
            nnx.Linear(6, 4, rngs=r),
        ),
        (6, 8, 8, 2),
    ),
}


SPELLED = ("hand_max", "hand_where")
"""Those whose ReLU the reference cannot replace: the plain gradient alone is stored."""


def _conv_in(r: Any) -> Any:
    return nnx.Conv(3, 8, (3, 3), strides=2, rngs=r)


def randomise(model: Any) -> None:
    """Statistics, scales and shifts away from 0 and 1."""
    random = np.random.default_rng(1)
    for _, module in nnx.iter_modules(model):
        for name, low, high in (
            ("scale", 0.8, 1.4),
            ("var", 0.5, 1.5),
            ("bias", -0.3, 0.3),
            ("mean", -0.3, 0.3),
        ):
            weight = getattr(module, name, None)
            if isinstance(weight, nnx.Variable) and weight.get_value() is not None:
                weight.set_value(
                    jnp.asarray(random.uniform(low, high, weight.get_value().shape), jnp.float32)
                )


def export(
    zoo: Zoo,
    name: str,
    make: Callable[[Any], Any],
    shape: tuple[int, ...],
    opset: int,
    lead: Any,
    nchw: bool,
) -> None:
    """Write a model, and what JAX says of it."""
    model = make(nnx.Rngs(0))
    randomise(model)
    x = picture(2, *shape)
    arrays: dict[str, Any] = {}
    for method in METHODS if name.split("_2")[0] not in SPELLED else METHODS[:1]:
        with relu_rule(method):
            arrays[method] = jax.grad(lambda a: model(a).reshape(len(x), -1).max(1).sum())(
                jnp.asarray(x)
            )
    scores = model(jnp.asarray(x))
    proto = jax2onnx.to_onnx(
        model, [(lead, *shape)], opset=opset, inputs_as_nchw=[0] if nchw else None
    )
    onnx.save(proto, str(zoo.path(name)))
    if nchw:
        x = np.moveaxis(x, -1, 1)
        arrays = {k: np.moveaxis(np.asarray(v), -1, 1) for k, v in arrays.items()}
    zoo.store(name, x, scores, arrays, opset)


def _makers() -> dict[str, Callable[[Zoo], None]]:
    makers: dict[str, Callable[[Zoo], None]] = {}
    for i, (name, (make, shape)) in enumerate(SMALL.items()):
        for opset, lead, nchw in ((23, "B", False), ((21, 22, 24)[i % 3], 2, len(shape) == 3)):
            key = f"{name}_{opset}{'' if lead == 'B' else '_still'}"
            makers[key] = partial(
                export, name=key, make=make, shape=shape, opset=opset, lead=lead, nchw=nchw
            )
    return makers


if __name__ == "__main__":
    sys.exit(main(__doc__, _makers()))
