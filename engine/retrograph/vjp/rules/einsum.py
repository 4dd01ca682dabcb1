"""Einstein summation.   Each operand: any shape, a letter for each axis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from string import ascii_letters

from retrograph.ir.emit import Emitter
from retrograph.ir.graph import Rows, Tensor
from retrograph.vjp.lowering.linear_maps import unit_matrix
from retrograph.vjp.registry import Cotangents, Node, Unsupported, defvjp, shape_of


@dataclass(frozen=True)
class _Operand:
    """An operand without the axes along which it is repeated.

    Attributes:
        letters: of its axes.
        sizes: of its axes, int64 [1] each.
        tensor: its elements.
        narrow: the axes that are left out, each of size 1.
    """

    letters: str
    sizes: Sequence[Tensor]
    tensor: Tensor
    narrow: Sequence[int]


@defvjp("Einsum")
def einsum(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """da = the Einsum of ct and the other operands to the letters of a

    A letter of a that no other term has was summed away: there ct is repeated. Where a repeats a
    letter only its diagonal counts: the second one is a letter of its own, tied by a unit matrix.
    """
    terms, result, spare = _spelled(node)
    operands = [_operand(e, node, terms, i) for i in range(len(terms))]
    cts: list[Tensor | None] = [None] * len(terms)
    for i in sorted(node.wanted):
        others = [(a.letters, a.tensor) for j, a in enumerate(operands) if j != i]
        da = _cotangent(e, operands[i], [(result, ct), *others], spare)
        cts[i] = e.unsqueeze(da, operands[i].narrow) if operands[i].narrow else da
    return cts


def _spelled(node: Node) -> tuple[list[str], str, str]:
    """The letters of each operand and of the result, an ellipsis spelled out; letters not used."""
    text = "".join(str(node.attrs["equation"]).split())
    left, arrow, result = text.partition("->")
    terms = left.split(",")
    spare = "".join(c for c in ascii_letters if c not in text)
    hidden = [node.rank(i) - len(t) + 3 if "..." in t else 0 for i, t in enumerate(terms)]
    dots, spare = spare[: max(hidden)], spare[max(hidden) :]
    if not arrow:
        letters = [c for c in left if c.isalpha()]
        result = "..." + "".join(sorted(c for c in set(letters) if letters.count(c) == 1))
    spelled = [t.replace("...", dots[len(dots) - n :]) for t, n in zip(terms, hidden, strict=True)]
    return spelled, result.replace("...", dots), spare


def _operand(e: Emitter, node: Node, terms: Sequence[str], i: int) -> _Operand:
    x, narrow = node.input(i), _narrow_axes(node, terms, i)
    kept = [axis for axis in range(len(terms[i])) if axis not in narrow]
    return _Operand(
        letters="".join(terms[i][axis] for axis in kept),
        sizes=[e.dim(x, axis) for axis in kept],
        tensor=e.squeeze(x, narrow) if narrow else x,
        narrow=narrow,
    )


def _narrow_axes(node: Node, terms: Sequence[str], i: int) -> list[int]:
    """The axes of operand i that have size 1 and are repeated along the same letter of another.

    Raises:
        Unsupported: only run time tells.
    """
    axes, ellipsis = [], "." in str(node.attrs["equation"])
    for axis, c in enumerate(terms[i]):
        if axis == 0 and node.input(i).rows is not Rows.SHARED:
            continue
        own = shape_of(node.input(i))[axis]
        sizes = {
            shape_of(node.input(j))[term.index(c)]
            for j, term in enumerate(terms)
            if j != i and c in term
        }
        if own == 1 and sizes - {1}:
            axes.append(axis)
        elif ellipsis and not isinstance(own, int) and (own is None or sizes - {own, 1}):
            raise Unsupported("an ellipsis over open sizes that may differ; name the axes")
    return axes


def _cotangent(
    e: Emitter, a: _Operand, factors: Sequence[tuple[str, Tensor]], spare: str
) -> Tensor:
    """The product of the factors, summed to the letters of a."""
    own, ties = "", list(factors)
    for c, size in zip(a.letters, a.sizes, strict=True):
        if c in own:
            ties.append((c + spare[0], unit_matrix(e, size, a.tensor)))
        own += c if c not in own else spare[0]
        spare = spare.removeprefix(own[-1])
    reached = {c for letters, _ in ties for c in letters}
    equation = (
        ",".join(letters for letters, _ in ties) + "->" + "".join(c for c in own if c in reached)
    )
    da = e.emit("Einsum", *(factor for _, factor in ties), equation=equation)
    lost = [axis for axis, c in enumerate(own) if c not in reached]
    if not lost:
        return da
    repeats = [a.sizes[i] if i in lost else e.ints([1]) for i in range(len(own))]
    return e.expand(e.unsqueeze(da, lost), e.concat(repeats, axis=0))
