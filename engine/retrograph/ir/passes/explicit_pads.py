"""Paddings in the open: auto_pad as numbers."""

from __future__ import annotations

from onnx import AttributeProto, NodeProto, helper

from retrograph.ir.analysis.pool_windows import POOLS, same_pads
from retrograph.ir.graph import Graph, attributes, is_static
from retrograph.ir.passes.auto_pad import padded_before, without_auto_pad

_WINDOWED = {"Conv", "MaxPool", "AveragePool", "LpPool", "ConvInteger", "QLinearConv"}


def resolve(graph: Graph) -> bool:
    """Write every auto_pad as pads, in place; True if there was any.

    Where run time alone tells the sizes, a Pad before the operator takes the place of its pads.
    """
    return graph.replace_nodes([n for node in graph.nodes for n in _explicit(graph, node)])


def _explicit(graph: Graph, node: NodeProto) -> list[NodeProto]:
    """SAME_UPPER, SAME_LOWER and VALID as pads, or as a Pad before the operator."""
    attrs = attributes(node)
    mode = attrs.get("auto_pad", "NOTSET")
    if mode == "NOTSET" or node.op_type not in _WINDOWED:
        return [node]
    kernel = _kernel(graph, node)
    if kernel is None:
        return [node]
    rank = len(kernel)
    if mode == "VALID":
        return [_with_pads(node, [0] * 2 * rank)]
    upper = mode == "SAME_UPPER"
    strides = attrs.get("strides", [1] * rank)
    dilations = attrs.get("dilations", [1] * rank)
    if node.op_type in POOLS:  # runtimes leave a pool's dilations out of its padding
        dilations = [1] * rank
    extents = [d * (k - 1) + 1 for k, d in zip(kernel, dilations, strict=True)]
    source = graph.tensor(node.input[0])
    sizes = source.shape[2:] if source is not None and source.shape is not None else (None,) * rank
    pads = []
    for size, extent, stride in zip(sizes, extents, strides, strict=True):
        if stride > 1 and not isinstance(size, int):
            return padded_before(graph, node, extents, strides, upper)
        if node.op_type in POOLS and isinstance(size, int) and _skips(size, extent, stride):
            return [node]  # runtimes move the windows of some pools, and refuse others
        pads.append(same_pads(size if isinstance(size, int) else 0, extent, stride, upper))
    begins, ends = zip(*pads, strict=True)
    return [_with_pads(node, [*begins, *ends])]


def _skips(size: int, extent: int, stride: int) -> bool:
    """Whether the windows, as many as padding to the same size gives, do not reach over an axis."""
    return (-(-size // stride) - 1) * stride + extent < size


def _kernel(graph: Graph, node: NodeProto) -> list[int] | None:
    kernel: list[int] | None = attributes(node).get("kernel_shape")
    if kernel is not None:
        return kernel
    weight = graph.tensor(node.input[1]) if len(node.input) > 1 else None
    if weight is None or weight.shape is None or not is_static(weight.shape[2:]):
        return None
    return [d for d in weight.shape[2:] if isinstance(d, int)]


def _with_pads(node: NodeProto, pads: list[int]) -> NodeProto:
    explicit = without_auto_pad(node)
    explicit.attribute.append(helper.make_attribute("pads", pads, attr_type=AttributeProto.INTS))
    return explicit
