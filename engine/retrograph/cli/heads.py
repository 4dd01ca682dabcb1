"""`retrograph heads`: what the outputs of a model were understood to be."""

from __future__ import annotations

import argparse

from rich.text import Text

from retrograph.cli.options import add_command
from retrograph.cli.terminal import console, visible
from retrograph.heads.describe import head_lines
from retrograph.model import Model
from retrograph.results.base import json_text

_EXAMPLES = """\
  retrograph heads detector.onnx
  retrograph heads detector.onnx --json > head.json
  retrograph explain detector.onnx street.jpg --head head.json

Outputs are told by their shapes and by what leads to them in the graph: boxes (YOLO's grids and
joined outputs, boxes beside scores as of SSD, RetinaNet and DETR, CenterNet's maps; before a
suppression in the graph), maps (segmentation, heat maps, dense regression) and classes. Where that
is wrong, correct the JSON, which is a layout, and give it to explain as --head.

--json prints an object: frame (height and width of the input), unread (outputs that were not
understood), notes and heads, a list of objects; of boxes:
  format        what the four numbers are: cx cy w h | x0 y0 x1 y1 | y0 x0 y1 x1 | cy cx h w |
                x0 y0 w h, or a decoder: grid | wide grid | pixels from the cell | sides | centre |
                cell
  unit          pixels | frame (0 to 1)
  activation    what is still to be made of the scores: none | sigmoid | softmax
  background    which of the scores is no class: none | first | last
  levels        scores, boxes, objectness: each a tensor, the shape of its item with axes told apart
                (value, anchor, row, column), and the entries of the axis value; anchors: their
                widths and heights in pixels
"""


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = add_command(commands, "heads", "what the outputs are: boxes, maps, classes", _EXAMPLES)
    parser.add_argument("--json", action="store_true", help="as JSON, which --head takes back")
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    heads = Model(args.model).heads()
    if args.json:
        print(json_text(heads.to_dict()))
        return 0
    out = console()
    for head, (title, lines) in zip(heads, head_lines(heads), strict=True):
        out.print(Text(visible(title), "bold"), soft_wrap=True)
        for line in (*lines, *(f"note: {note}" for note in head.notes)):
            out.print(f"  {visible(line)}", soft_wrap=True)
    for name in heads.unread:
        out.print(f"not understood: output '{visible(name)}'; explain it by --layer and --unit")
    for note in heads.notes:
        out.print(f"note: {visible(note)}", soft_wrap=True)
    return 0
