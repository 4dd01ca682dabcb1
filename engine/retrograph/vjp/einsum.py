"""Einstein summation.   Each operand: any shape; an ellipsis is not supported."""

from __future__ import annotations

from retrograph.ir.emit import Emitter
from retrograph.ir.graph import Tensor
from retrograph.vjp.registry import Cotangents, Node, Unsupported, defvjp


@defvjp("Einsum")
def einsum(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """da = the Einsum of ct and the other operands to the letters of a

    A letter of a that no other term has was summed away: there ct is repeated.
    """
    terms, result = _terms(node)
    return [
        _operand(e, node, ct, terms, result, i) if i in node.wanted else None
        for i in range(len(terms))
    ]


def _terms(node: Node) -> tuple[list[str], str]:
    equation = "".join(str(node.attrs["equation"]).split())
    if "." in equation:
        raise Unsupported(f"equation '{equation}' with an ellipsis; export with explicit letters")
    left, arrow, result = equation.partition("->")
    terms = left.split(",")
    if not arrow:
        letters = left.replace(",", "")
        result = "".join(sorted(c for c in set(letters) if letters.count(c) == 1))
    if any(len(set(term)) < len(term) for term in terms):
        raise Unsupported(f"equation '{equation}' takes a diagonal; no operand may repeat a letter")
    return terms, result


def _operand(e: Emitter, node: Node, ct: Tensor, terms: list[str], result: str, i: int) -> Tensor:
    own = terms[i]
    others = [j for j in range(len(terms)) if j != i]
    reached = "".join([result, *(terms[j] for j in others)])
    found = "".join(c for c in own if c in reached)
    equation = ",".join([result, *(terms[j] for j in others)]) + "->" + found
    dx = e.emit("Einsum", ct, *(node.input(j) for j in others), equation=equation)
    lost = [axis for axis, c in enumerate(own) if c not in reached]
    if not lost:
        return dx
    sizes = [e.dim(node.input(i), a) if a in lost else e.ints([1]) for a in range(len(own))]
    return e.expand(e.unsqueeze(dx, lost), e.concat(sizes, axis=0))
