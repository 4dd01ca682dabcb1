"""METHODS.md: every attribution method, by its own docstring.

python tools/docs/make_methods.py
"""

from __future__ import annotations

from pathlib import Path

from retrograph.methods import METHODS, Method
from retrograph.methods.page import page

FILE = Path(__file__).resolve().parents[2] / "METHODS.md"

_HEAD = """\
# Methods

What `--method` and `build(method=...)` take. Every method comes out as one ONNX file that holds the
forward pass and its own backward pass. `python tools/docs/make_methods.py` writes this page from
the methods' docstrings; `retrograph methods` tells the same. Parameters are set by
`--param NAME=VALUE` or in Python, `build(method=RectGrad(quantile=0.9))`.

`ct` is the cotangent that comes down to a node from above, `x` what the node read, `y` what it
gave. Each method starts from the derivative of the chosen unit by itself, which is 1.

![One photograph under all methods](docs/gallery/methods.webp)

*SqueezeNet 1.0 and its class "Egyptian cat"; each map in the method's own style. Each section below
has the method on this photograph and another.*

A method that is a rule for ReLU needs a network that has one (last column). The max(0, ...) at the
end of the class activation maps is no such rule: it is part of the map, and any network has it.

| method | what it shows | only with a ReLU |
|---|---|---|
"""


_TAIL = """
## Smooth activations

The rules of guided, deconvnet and rectgrad are written for ReLU, dx = ct * 1[x > 0]. A ReLU6 is
one too: under guided and rectgrad its upper plateau passes nothing, since the derivative there is
0; deconvnet does not look at x, and passes. A Swish, GELU, HardSwish, Mish, ELU, LeakyReLU or
Softplus y = f(x) is none, and what it passes is the user's choice (`--activations`, or
`Guided(activations=...)`), recorded in the built graph:

| | `relu-only` | `gate` |
|---|---|---|
| guided | dx = ct * f'(x) | dx = ct * f'(x) * 1[ct > 0] * 1[x > 0] |
| deconvnet | dx = ct * f'(x) | dx = ct * 1[ct > 0] |
| rectgrad | dx = ct * f'(x) | dx = ct * f'(x) * 1[f(x) * ct > tau] |

Where f is a ReLU, each formula on the right is the method's own. Without a choice a network that
has some ReLU takes the left column, and a note says at which activations; one that has none is
refused. However many nodes spell an activation (x * Sigmoid(x), the four nodes of a GELU), it is
one. A Sigmoid, Tanh, HardSigmoid or Softsign holds back on both sides and is no gate for this
purpose: it keeps its ordinary derivative.

## Where other tools give other numbers

- **ReLU6 under guided and deconvnet.** Captum hooks `nn.ReLU` alone, so on a MobileNetV2 its
  guided backpropagation is the gradient. Here every spelling of ReLU and ReLU6 is treated.
- **Saliency.** Captum takes the magnitude of every channel; the paper, and this, the largest over
  the channels.
- **Integrated gradients.** Captum's `riemann_trapezoid` has weights that sum to (n - 1)/n; the
  trapezoidal rule here is the usual one. All other schemes agree.
- **SmoothGrad and VarGrad.** Captum's noise is absolute (1.0 by default), the paper's and this
  one's a share of what each item spans. zennit's last sample has no noise.
- **Grad-CAM and its kin.** pytorch-grad-cam scales every map to 0..1 at the end, and this does
  not. Captum's guided Grad-CAM enlarges the map by repeating its numbers, here it is
  interpolated.
- **RectGrad.** Its authors' code takes the nearest number as the percentile (here between the two
  nearest) and lets the plateau of ReLU6 pass; it redistributes at the first layer.
- **DeepLIFT.** Captum is wrong, and its sums are not complete, where a max-pool follows a ReLU,
  where the windows of a max-pool overlap, and at ReLU6; operators that it does not know take
  their gradient silently. Elsewhere it agrees. Here sums are complete, or the operator is
  refused.
- **Relevance.** zennit's default puts the bias in the denominator, so relevance that falls to a
  bias stays there ("keep"; the output `bias_relevance` counts it, and what falls to constants
  beside the data: a border padded with a number, a token joined on, an assigned slice). It merges
  a BatchNormalization only into the layer defined directly before it, and knows sums only as
  modules; here the graph decides. Its excitation backpropagation has that bias too, which the paper
  has not, and stops at the plateau of ReLU6.
"""


def document() -> str:
    rows = [
        f"| [{m.name}](#{m.name}) | {page(m).summary} | {'yes' if m.needs_relu else ''} |\n"
        for m in METHODS.values()
    ]
    return _HEAD + "".join(rows) + "".join(map(_section, METHODS.values())) + _TAIL


def _section(method: Method) -> str:
    told = page(method)
    lines = [f"\n## {method.name}\n\n{told.summary}\n\n"]
    lines += [f"![{method.name} on two photographs](docs/gallery/methods/{method.name}.webp)\n\n"]
    lines += [f"- **{heading}.** {words}\n" for heading, words in told.sections.items()]
    lines += [
        f"- **Parameter `{name}`** ({method.parameters[name] or 'empty'}): {words}\n"
        for name, words in told.parameters.items()
    ]
    return "".join(lines)


if __name__ == "__main__":
    FILE.write_text(document())
    print(f"{FILE.name}: {len(METHODS)} methods")
