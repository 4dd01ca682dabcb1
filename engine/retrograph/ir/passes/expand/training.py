"""BatchNormalization in training: by the statistics of the batch.

ONNX Runtime (1.31.1) writes the running statistics over the stored ones, which a backward pass
still reads; as arithmetic they stay.
"""

from __future__ import annotations

from onnx import NodeProto, helper

from retrograph.ir.graph import Graph
from retrograph.ir.passes.expand.registry import defines
from retrograph.ir.passes.expand.steps import FLOAT32, Steps


@defines("BatchNormalization")
def batch_normalization(graph: Graph, node: NodeProto) -> list[NodeProto]:
    """y = (x - mean(x)) / sqrt(var(x) + epsilon) * scale + bias, over all but the channels

    The running statistics are momentum * stored + (1 - momentum) * those of the batch. Short
    numbers are computed in float32.
    """
    steps = Steps(graph, node)
    own, rank = [steps.tensor(i).dtype for i in range(5)], steps.rank(0)
    work = FLOAT32 if own[0].itemsize < FLOAT32.itemsize else own[0]
    element = helper.np_dtype_to_tensor_dtype(work)
    x, scale, bias, *stored = (steps.add("Cast", steps.input(i), to=element) for i in range(5))
    axes = steps.ints([axis for axis in range(rank) if axis != 1])
    column = steps.ints([1, -1, *[1] * (rank - 2)])
    mean = steps.add("ReduceMean", x, axes)
    centred = steps.add("Sub", x, mean)
    var = steps.add("ReduceMean", steps.add("Mul", centred, centred), axes)
    shifted = steps.add("Add", var, steps.number(steps.attrs["epsilon"], work))
    normal = steps.add("Div", centred, steps.add("Sqrt", shifted))
    scaled = steps.add("Mul", normal, steps.add("Reshape", scale, column))
    outputs = [steps.add("Add", scaled, steps.add("Reshape", bias, column))]
    momentum = float(steps.attrs["momentum"])
    for old, new in zip(stored, (mean, var), strict=True):
        kept = steps.add("Mul", old, steps.number(momentum, work))
        line = steps.add("Reshape", new, steps.ints([-1]))
        moved = steps.add("Mul", line, steps.number(1.0 - momentum, work))
        outputs.append(steps.add("Add", kept, moved))
    types = [own[0], own[3], own[4]]
    return steps.finish(
        *(
            steps.add("Cast", made, to=helper.np_dtype_to_tensor_dtype(dtype))
            for made, dtype in zip(outputs, types, strict=True)
        )
    )
