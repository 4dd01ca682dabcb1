"""METHODS.md: every attribution method, by its own docstring.

python tools/make_methods.py
"""

from __future__ import annotations

from pathlib import Path

from retrograph.methods import METHODS, Method
from retrograph.methods.page import page

FILE = Path(__file__).resolve().parent.parent / "METHODS.md"

_HEAD = """\
# Methods

What `--method` and `build(method=...)` take. Every method comes out as one ONNX file that holds the
forward pass and its own backward pass. This page is written by `python tools/make_methods.py` from
the methods' docstrings; `retrograph methods` tells the same.

`ct` is the cotangent that comes down to a node from above, `x` what the node read, `y` what it
gave. Each method starts from the derivative of the chosen unit by itself, which is 1.

| method | what it shows | only with a ReLU |
|---|---|---|
"""


def document() -> str:
    rows = [
        f"| [{m.name}](#{m.name}) | {page(m).summary} | {'yes' if m.needs_relu else ''} |\n"
        for m in METHODS.values()
    ]
    return _HEAD + "".join(rows) + "".join(map(_section, METHODS.values()))


def _section(method: Method) -> str:
    told = page(method)
    lines = [f"\n## {method.name}\n\n{told.summary}\n\n"]
    lines += [f"- **{heading}.** {words}\n" for heading, words in told.sections.items()]
    lines += [
        f"- **Parameter `{name}`** ({method.parameters[name]}): {words}\n"
        for name, words in told.parameters.items()
    ]
    return "".join(lines)


if __name__ == "__main__":
    FILE.write_text(document())
    print(f"{FILE.name}: {len(METHODS)} methods")
