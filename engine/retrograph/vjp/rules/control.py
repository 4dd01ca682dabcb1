"""Control flow: bodies differentiated as graphs of their own, their forward computed again.

What a body takes from outside counts as an input of the node.
"""

from __future__ import annotations

from collections.abc import Sequence

from retrograph.ir.emit import BOOL, INT64, Emitter
from retrograph.ir.graph import Tensor
from retrograph.vjp.engine.loop_states import Steps, zeros_like
from retrograph.vjp.engine.walk import pull_back
from retrograph.vjp.registry import Cotangents, Node, Unsupported, defvjp_multi


@defvjp_multi("If")
def if_(e: Emitter, node: Node, cts: Sequence[Tensor | None]) -> Cotangents:
    """dx = if condition: then_branch' ct, else: else_branch' ct   for each x that a branch takes

    Zeros where the branch that was taken does not depend on x.
    """
    tensors = {node.input(i).name: node.input(i) for i in sorted(node.wanted)}
    branches, reached = {}, False
    for key, body in node.bodies.items():
        inner = e.body(key)
        ends = zip(body.output_names(), cts, strict=True)
        seeds = [(name, ct) for name, ct in ends if ct is not None]
        found = pull_back(inner, body, seeds, tensors, node.rule)
        reached = reached or bool(found)
        dxs = [found.get(name) or zeros_like(inner, x) for name, x in tensors.items()]
        branches[key] = inner.graph(dxs)
    if not reached:
        raise Unsupported("no cotangent passes its branches")
    dtypes = [x.dtype for x in tensors.values()]
    dxs = e.emit_many("If", node.x, dtypes=dtypes, **branches)
    by_name = dict(zip(tensors, dxs, strict=True))
    return [by_name[x.name] if x and i in node.wanted else None for i, x in enumerate(node.inputs)]


@defvjp_multi("Scan")
def scan(e: Emitter, node: Node, cts: Sequence[Tensor | None]) -> Cotangents:
    """The Scan from its last step to its first.

    A step has the states and elements that the step of the forward Scan had, computes its body
    again and passes down (d_states, d_stacked) -> (d_states before, d_elements). What is shared by
    all steps is summed in one more state each.
    """
    count = int(node.attrs["num_scan_inputs"])
    steps = Steps(node, cts, before=0, scanned=count, ahead=0)
    axes, turned = _scan_attributes(node, "scan_input", count)
    out_axes, out_turned = _scan_attributes(node, "scan_output", len(cts) - steps.count)
    starts = _scan_starts(e, steps, axes, turned)

    inner = e.body("body")
    d_states = [inner.formal(_named(e, steps.nexts[i])) for i in steps.carried]
    sums = [inner.formal(_named(e, x)) for x in steps.shared]
    for formal in (*(steps.states[i] for i in steps.kept), *steps.elements):
        inner.formal(formal)
    stacked = [t for name, _ in steps.stacks if (t := steps.body.tensor(name)) is not None]
    d_stacks = [inner.formal(_named(e, t)) for t in stacked]
    before, elements, shared = steps.back(inner, d_states, d_stacks)
    body = inner.graph([*before, *_summed(inner, sums, shared), *elements])

    scanned = [*starts, *node.inputs[steps.count : steps.count + count]]
    scanned += [cts[steps.count + i] for _, i in steps.stacks]
    along = [axes[i] for i in steps.wanted_elements]
    found = e.emit_many(
        "Scan",
        *steps.seeds(e),
        *(zeros_like(e, x) for x in steps.shared),
        *scanned,
        dtypes=[t.dtype for t in (*before, *steps.shared, *elements)],
        body=body,
        num_scan_inputs=len(scanned),
        scan_input_axes=[0] * len(starts) + axes + [out_axes[i] for _, i in steps.stacks],
        scan_input_directions=[1] * len(starts) + turned + [out_turned[i] for _, i in steps.stacks],
        **_if_any(scan_output_axes=along),
        **_if_any(scan_output_directions=[turned[i] for i in steps.wanted_elements]),
    )
    first, last = len(before), len(before) + len(sums)
    return steps.placed(e, found[:first], found[last:], found[first:last])


def _scan_attributes(node: Node, prefix: str, count: int) -> tuple[list[int], list[int]]:
    """The axes, and the directions turned round."""
    axes = [int(a) for a in node.attrs.get(f"{prefix}_axes") or [0] * count]
    directions = node.attrs.get(f"{prefix}_directions") or [0] * count
    return axes, [1 - int(d) for d in directions]


def _if_any(**attrs: list[int]) -> dict[str, list[int]]:
    return {key: values for key, values in attrs.items() if values}


def _scan_starts(
    e: Emitter, steps: Steps, axes: Sequence[int], turned: Sequence[int]
) -> list[Tensor]:
    """The states that a step backwards needs as each step of the forward Scan got them."""
    if not steps.kept:
        return []
    inner = e.body("again")
    for formal in steps.formals:
        inner.formal(formal)
    inner.include(steps.body)
    starts = [steps.states[i] for i in steps.kept]
    found = e.emit_many(
        "Scan",
        *steps.node.inputs[: len(steps.formals)],
        dtypes=[t.dtype for t in (*steps.nexts, *starts)],
        body=inner.graph([*steps.nexts, *starts]),
        num_scan_inputs=len(steps.elements),
        scan_input_axes=list(axes),
        scan_input_directions=[1 - d for d in turned],
    )
    return found[steps.count :]


@defvjp_multi("Loop")
def loop(e: Emitter, node: Node, cts: Sequence[Tensor | None]) -> Cotangents:
    """The Loop from its last step to its first, as for Scan; step i of it is step T - 1 - i.

    T is the number of steps that were run.
    """
    steps = Steps(node, cts, before=2, scanned=0, ahead=1)
    count, starts = _loop_starts(e, steps)

    inner = e.body("body")
    i = inner.formal(Tensor(e.fresh("bwd/i"), INT64, ()))
    again = inner.formal(Tensor(e.fresh("bwd/again"), BOOL, ()))
    d_states = [inner.formal(_named(e, steps.nexts[i])) for i in steps.carried]
    sums = [inner.formal(_named(e, x)) for x in steps.shared]
    step = inner.sub(inner.sub(count, 1), i)
    inner.let(steps.formals[0].name, step)
    inner.let(steps.formals[1].name, again)
    for number, start in zip(steps.kept, starts, strict=True):
        inner.let(steps.states[number].name, inner.gather(start, step, axis=0))
    given = [cts[steps.count + i] for _, i in steps.stacks]
    d_stacks = [inner.gather(ct, step, axis=0) for ct in given if ct is not None]
    before, _, shared = steps.back(inner, d_states, d_stacks)
    body = inner.graph([again, *before, *_summed(inner, sums, shared)])

    found = e.emit_many(
        "Loop",
        count,
        None,
        *steps.seeds(e),
        *(zeros_like(e, x) for x in steps.shared),
        dtypes=[t.dtype for t in (*before, *steps.shared)],
        body=body,
    )
    return steps.placed(e, found[: len(before)], [], found[len(before) :])


def _loop_starts(e: Emitter, steps: Steps) -> tuple[Tensor, list[Tensor]]:
    """How many steps were run, and the states that a step backwards needs as each step got them."""
    inner = e.body("again")
    for formal in steps.formals:
        inner.formal(formal)
    number = inner.formal(Tensor(e.fresh("bwd/count"), INT64, ()))
    inner.include(steps.body)
    on = Tensor(steps.body.output_names()[0], BOOL, None)
    starts = [steps.states[i] for i in steps.kept]
    found = e.emit_many(
        "Loop",
        *(t for t in steps.node.inputs[:2]),
        *steps.node.inputs[2 : 2 + steps.count],
        e.const(0, INT64),
        dtypes=[t.dtype for t in (*steps.nexts, number, *starts)],
        body=inner.graph([on, *steps.nexts, inner.add(number, 1), *starts]),
    )
    return found[steps.count], found[steps.count + 1 :]


def _named(e: Emitter, like: Tensor) -> Tensor:
    """A tensor of that type under a name of its own."""
    return Tensor(e.fresh(f"bwd/{like.name}"), like.dtype, like.shape)


def _summed(e: Emitter, sums: Sequence[Tensor], parts: Sequence[Tensor | None]) -> list[Tensor]:
    return [
        total if part is None else e.add(total, part)
        for total, part in zip(sums, parts, strict=True)
    ]
