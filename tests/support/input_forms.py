"""One small classifier whose input is laid out in many ways: its parts are those of `nets.cnn`."""

from __future__ import annotations

import numpy as np
from onnx import ModelProto

from support import nets
from support.nets import info, node

Dims = tuple[int | str, ...]
Step = tuple[str, tuple[int, ...]]
"""An operator and its axes: Unsqueeze, Reshape to a shape, or Transpose by an order."""

SIDE = 8

PICTURES: dict[str, tuple[Dims, int, tuple[Step, ...]]] = {
    "[3, H, W]": ((3, SIDE, SIDE), 3, (("Unsqueeze", (0,)),)),
    "[H, W, 3]": ((SIDE, SIDE, 3), 3, (("Transpose", (2, 0, 1)), ("Unsqueeze", (0,)))),
    "[H, W]": ((SIDE, SIDE), 1, (("Unsqueeze", (0, 1)),)),
    "[N, H, W]": (("N", SIDE, SIDE), 1, (("Unsqueeze", (1,)),)),
    "[1, H, W] of one channel": ((1, SIDE, SIDE), 1, (("Unsqueeze", (0,)),)),
    "[1, H, W] of one picture": ((1, SIDE, SIDE), 1, (("Unsqueeze", (1,)),)),
    "[N, H, W, 1]": (("N", SIDE, SIDE, 1), 1, (("Transpose", (0, 3, 1, 2)),)),
}
"""The input's shape, the channels of a picture, and the way to [N, C, H, W]."""

FRAMES = 4

VIDEOS: dict[str, tuple[Dims, int, tuple[Step, ...]]] = {
    "[N, T, 3, H, W]": (("N", FRAMES, 3, SIDE, SIDE), 3, (("Reshape", (-1, 3, SIDE, SIDE)),)),
    "[1, T, 1, H, W]": ((1, FRAMES, 1, SIDE, SIDE), 1, (("Reshape", (FRAMES, 1, SIDE, SIDE)),)),
    "[N, T, H, W]": (("N", FRAMES, SIDE, SIDE), 1, (("Reshape", (-1, 1, SIDE, SIDE)),)),
    "[N, T, H, W, 3]": (
        ("N", FRAMES, SIDE, SIDE, 3),
        3,
        (("Transpose", (0, 1, 4, 2, 3)), ("Reshape", (-1, 3, SIDE, SIDE))),
    ),
    "[N, 3, T, H, W]": (
        ("N", 3, FRAMES, SIDE, SIDE),
        3,
        (("Transpose", (0, 2, 1, 3, 4)), ("Reshape", (-1, 3, SIDE, SIDE))),
    ),
    "[3, T, H, W]": ((3, FRAMES, SIDE, SIDE), 3, (("Transpose", (1, 0, 2, 3)),)),
}
"""The same for videos, whose frames are scored one by one and summed."""


def picture_model(form: str) -> ModelProto:
    """The classifier with its input in a form of `PICTURES`."""
    shape, channels, steps = PICTURES[form]
    return _model(shape, channels, steps, frames=0)


def control(channels: int) -> ModelProto:
    """The same classifier of [1, C, H, W]."""
    return nets.cnn(1, SIDE, channels)


def video_model(form: str) -> ModelProto:
    """A classifier of videos with its input in a form of `VIDEOS`: the sum over the frames."""
    shape, channels, steps = VIDEOS[form]
    return _model(shape, channels, steps, frames=FRAMES)


def _model(shape: Dims, channels: int, steps: tuple[Step, ...], frames: int) -> ModelProto:
    parts, constants = nets.cnn_parts(channels=channels)
    before, name = [], "x"
    for number, (op, axes) in enumerate(steps):
        made = f"step{number}"
        if op == "Transpose":
            before.append(node(op, name, made, perm=list(axes)))
        else:
            constants[f"axes{number}"] = np.array(axes, np.int64)
            before.append(node(op, f"{name} axes{number}", made))
        name = made
    parts[0].input[0] = name
    after = []
    if frames:
        constants |= {
            "grouped": np.array([-1, frames, nets.CLASSES], np.int64),
            "frame_axis": np.array([1], np.int64),
        }
        after = [
            node("Reshape", "scores_out grouped", "each"),
            node("ReduceSum", "each frame_axis", "y", keepdims=0),
        ]
    output = "y" if frames else "scores_out"
    return nets.model(
        [*before, *parts, *after], [info("x", shape)], [info(output, None)], constants
    )
