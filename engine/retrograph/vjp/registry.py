"""The table of VJP rules: for each operator, how a cotangent passes from its output to its inputs.

A rule gets the emitter, a view of the forward node and the cotangent `ct` of its output, and
returns one entry for each input: that input's cotangent, or None where nothing flows. It may
return a cotangent of the broadcast shape: the driver sums it to the input's shape, sums fan-out,
and prunes what the path does not need.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from retrograph.ir.emit import Emitter
from retrograph.ir.graph import STANDARD_DOMAINS, Array, Graph, Shape, Tensor
from retrograph.ir.patterns.roots import Radicand

Cotangents = Sequence[Tensor | None]
Rule = Callable[[Emitter, "Node", Tensor], Cotangents]
MultiRule = Callable[[Emitter, "Node", Sequence[Tensor | None]], Cotangents]


RuleOf = Callable[["Node"], MultiRule]
"""Which rule a node takes."""


COMPOSITE = "composite"
"""The domain of a composite as a rule sees it."""


class Unsupported(Exception):
    """A rule cannot treat this node; the text says why and what is supported."""


@dataclass(frozen=True)
class Node:
    """A forward node as a rule sees it.

    Attributes:
        name, op, domain: as in the file.
        inputs, outputs: its tensors, None where an optional one is left out.
        attrs: every attribute that is given or has a default.
        values: the values of constant inputs by position.
        wanted: the positions of the inputs whose cotangent is needed.
        is_relu: whether a ReLU rule treats it.
        radicand: what is known of what a square root is taken of.
        bodies: the bodies of If, Loop and Scan by their attributes' names. What they take from
            outside follows the node's own inputs in `inputs`.
        rule: which rule a node in a body takes.
        parts: the nodes that a composite is made of, in forward order.
    """

    name: str
    op: str
    domain: str
    inputs: tuple[Tensor | None, ...]
    outputs: tuple[Tensor | None, ...]
    attrs: dict[str, Any]
    values: Mapping[int, Array]
    wanted: frozenset[int]
    is_relu: bool = False
    radicand: Radicand = "any"
    bodies: Mapping[str, Graph] = field(default_factory=dict)
    rule: RuleOf = field(default=lambda _: vjp)
    parts: tuple[Node, ...] = ()

    @property
    def x(self) -> Tensor:
        """The first input."""
        return self.input(0)

    @property
    def y(self) -> Tensor:
        """The first output."""
        output = self.outputs[0]
        assert output is not None
        return output

    def has(self, i: int) -> bool:
        """Whether the optional input `i` is given."""
        return i < len(self.inputs) and self.inputs[i] is not None

    def input(self, i: int) -> Tensor:
        """Input `i`, which must be given.

        Raises:
            Unsupported: it is left out, or of no known type.
        """
        tensor = self.inputs[i] if i < len(self.inputs) else None
        if tensor is None:
            raise Unsupported(f"its input {i} is left out or of no known type; export it again")
        return tensor

    def value(self, i: int) -> Array | None:
        """The value of input `i` if it is a given constant."""
        return self.values.get(i)

    def rank(self, i: int = 0) -> int:
        """The rank of input `i`.

        Raises:
            Unsupported: the rank is not known.
        """
        return len(shape_of(self.input(i)))

    def axis(self, default: int = 0) -> int:
        """The attribute `axis`, counted from the front."""
        return int(self.attrs.get("axis", default)) % max(self.rank(), 1)


def shape_of(tensor: Tensor) -> Shape:
    """The shape of a tensor whose rank a rule needs.

    Raises:
        Unsupported: the rank is not known.
    """
    if tensor.shape is None:
        raise Unsupported(f"the rank of '{tensor.name}' is not known; export with static shapes")
    return tensor.shape


def static_shape(tensor: Tensor) -> tuple[int, ...]:
    """The shape of a tensor that must be known in full.

    Raises:
        Unsupported: a dimension is open.
    """
    dims = shape_of(tensor)
    if not all(isinstance(d, int) for d in dims):
        raise Unsupported(f"'{tensor.name}' has open dimensions {dims}; export with static shapes")
    return tuple(d for d in dims if isinstance(d, int))


_RULES: dict[tuple[str, str], MultiRule] = {}
_NONDIFFERENTIABLE: dict[tuple[str, str], str] = {}


def defvjp(*ops: str, domain: str = "") -> Callable[[Rule], Rule]:
    """Register the rule of operators whose first output alone is differentiable.

    Raises:
        ValueError: an operator has an entry already.
    """

    def declare(rule: Rule) -> Rule:
        def first_output(e: Emitter, node: Node, cts: Sequence[Tensor | None]) -> Cotangents:
            if cts[0] is None or any(ct is not None for ct in cts[1:]):
                raise Unsupported("only its first output is differentiable")
            return rule(e, node, cts[0])

        for op in ops:
            _add(_RULES, (domain, op), first_output)
        return rule

    return declare


def defvjp_multi(*ops: str, domain: str = "") -> Callable[[MultiRule], MultiRule]:
    """Register a rule that gets a cotangent (or None) for each output.

    Raises:
        ValueError: an operator has an entry already.
    """

    def declare(rule: MultiRule) -> MultiRule:
        for op in ops:
            _add(_RULES, (domain, op), rule)
        return rule

    return declare


def nondifferentiable(*ops: str, why: str, domain: str = "") -> None:
    """Declare operators through which nothing flows.

    Raises:
        ValueError: an operator has an entry already.
    """
    for op in ops:
        _add(_NONDIFFERENTIABLE, (domain, op), why)


def _add(table: dict[tuple[str, str], Any], key: tuple[str, str], entry: Any) -> None:
    if key in _RULES or key in _NONDIFFERENTIABLE:
        raise ValueError(f"{key[1]} has a rule already")
    table[key] = entry


def _key(domain: str, op: str) -> tuple[str, str]:
    return ("" if domain in STANDARD_DOMAINS else domain, op)


def rule_of(domain: str, op: str) -> MultiRule | None:
    """The rule of an operator, or None if it has none."""
    return _RULES.get(_key(domain, op))


def why_nondifferentiable(domain: str, op: str) -> str | None:
    """Why nothing flows through an operator, or None if it is not declared so."""
    return _NONDIFFERENTIABLE.get(_key(domain, op))


def operators() -> dict[tuple[str, str], str | None]:
    """Every (domain, operator) with an entry; its reason where it is not differentiable."""
    return {**dict.fromkeys(_RULES, None), **_NONDIFFERENTIABLE}


def vjp(e: Emitter, node: Node, cts: Sequence[Tensor | None]) -> Cotangents:
    """The ordinary cotangents of a node's inputs.

    Raises:
        Unsupported: the operator has no rule, or the rule does not treat this node.
    """
    rule = rule_of(node.domain, node.op)
    if node.parts and rule is None:
        return _through(e, node, cts)
    if rule is None:
        raise Unsupported("no VJP rule")
    return rule(e, node, cts)


def _through(e: Emitter, composite: Node, cts: Sequence[Tensor | None]) -> Cotangents:
    """The cotangent of a composite's input, through all its parts."""
    found = {composite.y.name: cts[0]}
    for part in reversed(composite.parts):
        outputs = [None if t is None else found.get(t.name) for t in part.outputs]
        for i, ct in enumerate(vjp(e, part, outputs)):
            if ct is not None and i in part.wanted:
                before = found.get(part.input(i).name)
                found[part.input(i).name] = ct if before is None else e.add(before, ct)
    return (found[composite.x.name],)
