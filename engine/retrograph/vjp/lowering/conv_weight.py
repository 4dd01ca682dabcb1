"""Convolutions with respect to their weight and bias, which may be computed or fed.

x: [N, C, *I], w: [M, C/g, *K], y, ct: [N, M, *O].
"""

from __future__ import annotations

from retrograph.ir.emit import Emitter
from retrograph.ir.graph import Tensor
from retrograph.vjp.lowering.window import Window


def weight_cotangent(e: Emitter, x: Tensor, ct: Tensor, window: Window, group: int) -> Tensor:
    """dw[m, c, k] = sum over n and o of ct[n, m, o] * x[n, c, o * stride - pad + k * dilation]

    A convolution of x with ct, batch and channels exchanged and strides and dilations too. What a
    group reads lies side by side with the batch: x as [C/g, g N, *I], ct as [M, N, *O].

    Returns:
        [M, C/g, *K]
    """
    kernel = e.transpose(ct, [1, 0, *window.spatial])
    image = e.transpose(x, [1, 0, *window.spatial])
    if group > 1:
        image = _groups_beside_batch(e, image, x, group, window)
    dw = e.emit(
        "Conv",
        image,
        kernel,
        strides=list(window.dilations),
        dilations=list(window.strides),
        pads=[*window.begins, *window.ends],
        group=group,
    )
    whole = e.slice(dw, [0] * window.rank, list(window.kernel), window.spatial)
    return e.transpose(whole, [1, 0, *window.spatial])


def bias_cotangent(e: Emitter, ct: Tensor, window: Window) -> Tensor:
    """db[m] = sum of ct over the batch and the positions"""
    return e.reduce_sum(ct, [0, *window.spatial], keepdims=False)


def _groups_beside_batch(
    e: Emitter, image: Tensor, x: Tensor, group: int, window: Window
) -> Tensor:
    """[C, N, *I] -> [C/g, g N, *I]"""
    sizes = e.sizes(x, 2)
    split = e.reshape(image, e.concat([e.ints([group, -1]), e.dim(x, 0), sizes], axis=0))
    turned = e.transpose(split, [1, 0, 2, *[a + 1 for a in window.spatial]])
    return e.reshape(turned, e.concat([e.ints([0, -1]), sizes], axis=0))
