"""Convolutions.   x: [N, C, *I], w: [M, C/g, *K], y, ct: [N, M, *O]."""

from __future__ import annotations

from dataclasses import replace

from retrograph.ir.analysis.nchwc_layout import BLOCK
from retrograph.ir.emit import Emitter
from retrograph.ir.graph import Tensor, is_static
from retrograph.vjp.lowering.channel_tiles import Along, tiled, tiles_of
from retrograph.vjp.lowering.conv_weight import bias_cotangent, weight_cotangent
from retrograph.vjp.lowering.flipped_weights import turned
from retrograph.vjp.lowering.strided_phases import Phases, phases_of, strided
from retrograph.vjp.lowering.window import Window, spatial_sizes, transposed_windows, window_of
from retrograph.vjp.registry import Cotangents, Node, Unsupported, defvjp, shape_of, static_shape


@defvjp("Conv")
def conv(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """dx = the transposed convolution of ct with w, dw = the correlation of x with ct, db = sum(ct)

    At stride 1 dx is a convolution of ct with w, flipped in space, its channels transposed.
    """
    weight, group = node.input(1), int(node.attrs.get("group", 1))
    window = window_of(node, _kernel(node))
    if (tiles := _tiles(e, node, window, group)) is not None:
        dx = tiled(e, ct, weight, tiles)
    elif all(s == 1 for s in window.strides) and window.turns:
        dx = _flipped_conv(e, ct, weight, window, group)
    elif (phases := _phases(e, node, window, group)) is not None:
        dx = strided(e, ct, weight, phases, group)
    else:
        dx = transposed_windows(e, ct, weight, window, node.x, node.y, group)
    dw = weight_cotangent(e, node.x, ct, window, group) if 1 in node.wanted else None
    return [dx, dw, bias_cotangent(e, ct, window)][: len(node.inputs)]


@defvjp("ConvTranspose")
def conv_transpose(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """dx = the convolution of ct with w, dw = the correlation of ct with x, db = sum(ct)

    w: [C, M/g, *K]
    """
    weight, group = node.input(1), int(node.attrs.get("group", 1))
    window = _transposed_window(node, _kernel(node))
    dx = e.emit(
        "Conv",
        ct,
        weight,
        kernel_shape=list(window.kernel),
        strides=list(window.strides),
        dilations=list(window.dilations),
        pads=[*window.begins, *window.ends],
        group=group,
    )
    sizes = spatial_sizes(node.x)
    if sizes is None:
        dx = e.slice(dx, [0] * window.rank, e.sizes(node.x, 2), window.spatial)
    elif any(p >= s for p, s in zip(_output_padding(node, window), window.strides, strict=True)):
        dx = e.slice(dx, [0] * window.rank, list(sizes), window.spatial)
    dw = weight_cotangent(e, ct, node.x, window, group) if 1 in node.wanted else None
    return [dx, dw, bias_cotangent(e, ct, window)][: len(node.inputs)]


def _kernel(node: Node) -> tuple[int, ...]:
    weight = node.input(1)
    sizes = tuple(node.attrs.get("kernel_shape") or shape_of(weight)[2:])
    if not all(isinstance(d, int) for d in sizes):
        raise Unsupported(f"the kernel '{weight.name}' has open sizes {sizes}")
    return tuple(d for d in sizes if isinstance(d, int))


def _phases(e: Emitter, node: Node, window: Window, group: int) -> Phases | None:
    sizes, outputs = spatial_sizes(node.x), spatial_sizes(node.y)
    if not e.has_blocks or sizes is None or outputs is None or not is_static(node.input(1).shape):
        return None
    return phases_of(window, sizes, outputs, node.input(1), group)


def _tiles(e: Emitter, node: Node, window: Window, group: int) -> tuple[Along, ...] | None:
    weight = node.input(1).shape
    if not e.has_blocks or group != 1 or node.x.shape is None or not is_static(weight):
        return None
    m, channels, *_ = static_shape(node.input(1))
    sizes, outputs = spatial_sizes(node.x), spatial_sizes(node.y)
    if m % BLOCK or sizes is None or outputs is None:
        return None
    return tiles_of(window, channels, sizes, outputs)


def _flipped_conv(e: Emitter, ct: Tensor, weight: Tensor, window: Window, group: int) -> Tensor:
    begins = [x - 1 - b for x, b in zip(window.extents, window.begins, strict=True)]
    ends = [x - 1 - f for x, f in zip(window.extents, window.ends, strict=True)]
    return e.emit(
        "Conv",
        ct,
        turned(e, weight, [tuple(range(k)) for k in window.kernel], group),
        kernel_shape=list(window.kernel),
        dilations=list(window.dilations),
        pads=[*begins, *ends],
        group=group,
    )


def _transposed_window(node: Node, kernel: tuple[int, ...]) -> Window:
    """The window of a ConvTranspose, its paddings computed where `output_shape` asks for a size."""
    mode = node.attrs.get("auto_pad", "NOTSET")
    plain = window_of(_without_auto_pad(node), kernel)
    wanted = node.attrs.get("output_shape")
    if not wanted and mode in ("NOTSET", "VALID"):
        return plain
    sizes, outputs = spatial_sizes(node.x), spatial_sizes(node.y)
    if sizes is None or outputs is None:
        raise Unsupported("output_shape or auto_pad over an open size; export with static shapes")
    spill = _output_padding(node, plain)
    totals = [
        max(0, s * (i - 1) + p + extent - o)
        for s, i, p, extent, o in zip(
            plain.strides, sizes, spill, plain.extents, outputs, strict=True
        )
    ]
    small, large = [t // 2 for t in totals], [t - t // 2 for t in totals]
    begins, ends = (small, large) if mode == "SAME_UPPER" else (large, small)
    return Window(kernel, plain.strides, plain.dilations, tuple(begins), tuple(ends))


def _without_auto_pad(node: Node) -> Node:
    attrs = {k: v for k, v in node.attrs.items() if k != "auto_pad"}
    return replace(node, attrs=attrs)


def _output_padding(node: Node, window: Window) -> tuple[int, ...]:
    return tuple(node.attrs.get("output_padding") or [0] * window.rank)
