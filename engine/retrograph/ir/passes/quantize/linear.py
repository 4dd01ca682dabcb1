"""QuantizeLinear, DynamicQuantizeLinear and DequantizeLinear."""

from __future__ import annotations

from onnx import NodeProto, TensorProto, helper

from retrograph.ir.entry import Entry
from retrograph.ir.graph import Array, attributes
from retrograph.ir.passes.quantize.codes import (
    FLOAT32,
    NOUGHT,
    Code,
    Codes,
    follows,
    limits,
    limits_of,
)


def enter(codes: Codes, node: NodeProto, entry: Entry) -> None:
    """The code of an input's whole numbers, which its floating-point numbers are exactly."""
    codes.keep(node)
    name, zero = node.input[0], NOUGHT
    if entry.parameters:
        name = codes.add(node, "Div", name, entry.parameters[0])
        given = codes.zero(node)
        zero = NOUGHT if given is None or isinstance(given[0], str) else given[0]
    codes.of[entry.whole] = Code(name, FLOAT32, zero, limits_of(entry.dtype.type))


@follows("QuantizeLinear")
def _quantize(codes: Codes, node: NodeProto) -> bool:
    """clip(round(x / scale), lo - zero, hi - zero)"""
    source, scale, given = codes.graph.tensor(node.input[0]), codes.scale(node), codes.zero(node)
    if source is None or scale is None or given is None:
        return False
    zero, bounds = given[0], limits(given[1])
    if bounds is None:
        return False
    codes.keep(node)
    name = scale if isinstance(scale, str) else codes.constant(node, scale, source.dtype)
    code = _rounded(codes, node, name)
    if isinstance(zero, str):
        ends = [_end(codes, node, bound, zero) for bound in bounds]
        clipped = codes.add(node, "Clip", code, *ends)
    else:
        ends = [codes.constant(node, bound - zero, source.dtype) for bound in bounds]
        if zero.size == 1:
            clipped = codes.add(node, "Clip", code, *ends)
        else:
            clipped = codes.add(node, "Min", codes.add(node, "Max", code, ends[0]), ends[1])
    codes.of[node.output[0]] = Code(clipped, source.dtype, zero, bounds)
    return True


@follows("DynamicQuantizeLinear")
def _quantize_by_range(codes: Codes, node: NodeProto) -> bool:
    """min(round(x / scale), 255 - zero), by the scale and zero point that it gives out itself.

    The scale is taken as it is: through x / scale * scale nothing comes of its own derivative. The
    highest x is one step above 255 where both roundings go up, as in a range from -1 to 1. That
    step is taken off, not clipped, so that the cotangent passes straight through it too.
    """
    y, scale, zero = node.output
    codes.keep(node)
    code = _rounded(codes, node, scale)
    top = _end(codes, node, 255, zero)
    above = codes.add(node, "Greater", code, top)
    step = codes.add(node, "Cast", above, to=TensorProto.FLOAT)
    codes.of[y] = Code(codes.add(node, "Sub", code, step), FLOAT32, zero, (0, 255))
    return True


@follows("DequantizeLinear")
def _dequantize(codes: Codes, node: NodeProto) -> bool:
    """y = scale * (x - zero)"""
    code, scale, given = codes.of.get(node.input[0]), codes.scale(node), codes.zero(node)
    if code is None or scale is None or given is None:
        return False
    whole = codes.less(node, code, given[0])
    tensor = codes.graph.tensor(node.input[1])
    assert tensor is not None
    element = int(attributes(node).get("output_dtype", 0))
    dtype = helper.tensor_dtype_to_np_dtype(element) if element else tensor.dtype
    if dtype != code.dtype:
        whole = codes.add(node, "Cast", whole, to=helper.np_dtype_to_tensor_dtype(dtype))
    codes.replace(node, "Mul", whole, _factor(codes, node, scale))
    return True


def _factor(codes: Codes, node: NodeProto, scale: Array | str) -> str:
    return scale if isinstance(scale, str) else codes.constant(node, scale, scale.dtype)


def _rounded(codes: Codes, node: NodeProto, scale: str) -> str:
    """round(x / scale), which the cotangent passes straight through"""
    return codes.straight(node, "Round", codes.add(node, "Div", node.input[0], scale))


def _end(codes: Codes, node: NodeProto, bound: int, zero: str) -> str:
    """bound - zero for a zero point that is computed"""
    known = codes.float_zero(node, zero, FLOAT32)
    return codes.add(node, "Sub", codes.constant(node, bound, FLOAT32), known)
