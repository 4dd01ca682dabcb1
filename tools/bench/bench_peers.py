"""The same explanations by PyTorch: Captum, torch.compile, and onnx2torch from the file."""

# mypy: allow-subclassing-any, allow-untyped-calls, allow-untyped-decorators, no-warn-return-any
from __future__ import annotations

import copy
import functools
import math
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from captum.attr import GuidedBackprop, NeuronGuidedBackprop
from torch import Tensor, fx, nn
from torch.nn import functional

from bench_ask import Array, Ask, Run, Spec
from bench_suite import Network, model_file, module

CAPTUM, COMPILED, CONVERTED = "PyTorch + Captum", "torch.compile", "onnx2torch + Captum"
_FUNCTIONS = (functional.relu, torch.relu, torch.relu_)
_SAME_LAYER = 1e-3
_module = functools.cache(module)
_COMPILED = "ReLU as an autograd.Function with the guided rule, forward and backward compiled"


class NoRun(Exception):
    """A peer cannot answer, and why."""


def prepare(spec: Spec) -> None:
    """Give PyTorch the threads and the precision of a case."""
    torch.set_num_threads(spec.threads)
    torch.set_num_interop_threads(1)
    torch.backends.cuda.matmul.allow_tf32 = spec.precision == "tf32"
    torch.backends.cudnn.allow_tf32 = spec.precision == "tf32"


def peers() -> dict[str, Callable[[Network, Ask], Run]]:
    """For each peer the function that prepares it for a question."""
    return {CAPTUM: captum_eager, COMPILED: compiled, CONVERTED: converted}


def captum_eager(network: Network, ask: Ask) -> Run:
    """Captum's guided backpropagation of the PyTorch module."""
    return _captum(_prepared(_module(network), ask), ask, *network.captum)


def converted(network: Network, ask: Ask) -> Run:
    """Captum's guided backpropagation of the module that onnx2torch makes of the file."""
    from onnx2torch import convert

    with _quiet():
        net = convert(str(model_file(network))).eval()
    return _captum(_prepared(net, ask), ask, *network.captum)


def compiled(network: Network, ask: Ask) -> Run:
    """The module with the guided rule in its ReLUs, compiled by torch.compile."""
    if ask.spec.question == "layer":
        raise NoRun("not timed: a compiled module has no layers to explain")
    net = torch.compile(_with_guided_relus(copy.deepcopy(_prepared(_module(network), ask))))
    x = _input(ask)

    def one(classes: Tensor) -> Tensor:
        scores = net(x).gather(1, classes[:, None])
        return torch.autograd.grad(scores.sum(), x)[0]

    return _run(_each_class(one, ask), ask, "guided", _COMPILED)


def _captum(net: nn.Module, ask: Ask, answer: str, note: str) -> Run:
    x = _input(ask)
    if ask.spec.question == "layer":
        neuron = NeuronGuidedBackprop(net, _layer(net, x, ask.layer_values))

        def at_unit() -> Tensor:
            return neuron.attribute(x, neuron_selector=ask.unit)

        return _run(_quietly(at_unit), ask, answer, note)
    explainer = GuidedBackprop(net)

    def one(classes: Tensor) -> Tensor:
        return explainer.attribute(x, target=classes)

    return _run(_quietly(_each_class(one, ask)), ask, answer, note)


def _run(answer: Callable[[], Tensor], ask: Ask, method: str, note: str) -> Run:
    def call() -> Tensor:
        attribution = answer()
        if ask.spec.device == "cuda":
            torch.cuda.synchronize()
        return attribution

    return Run(call, lambda attribution: attribution.detach().float().cpu().numpy(), method, note)


def _each_class(one: Callable[[Tensor], Tensor], ask: Ask) -> Callable[[], Tensor]:
    """One call for each asked class: [N, *input], of several classes [N, K, *input]."""
    columns = [torch.tensor(column, device=ask.spec.device) for column in ask.classes.T]
    if ask.spec.question == "class":
        return lambda: one(columns[0])
    return lambda: torch.stack([one(column) for column in columns], 1)


def _input(ask: Ask) -> Tensor:
    x = torch.tensor(ask.x, device=ask.spec.device)
    return (x.half() if ask.spec.precision == "float16" else x).requires_grad_()


def _prepared(net: Any, ask: Ask) -> nn.Module:
    """The module as Captum needs it: ReLUs are modules, none writes in place."""
    with _quiet():
        graph = net if isinstance(net, fx.GraphModule) else fx.symbolic_trace(net)
    if any(node.target in _FUNCTIONS for node in graph.graph.nodes):
        net = _with_relu_modules(graph)
    for inner in net.modules():
        if hasattr(inner, "inplace"):
            inner.inplace = False
    net = net.to(ask.spec.device).requires_grad_(False)
    return net.half() if ask.spec.precision == "float16" else net


def _with_relu_modules(graph: fx.GraphModule) -> fx.GraphModule:
    """ReLUs that are called as functions as modules, which Captum's hooks see."""
    for number, node in enumerate(list(graph.graph.nodes)):
        if node.op != "call_function" or node.target not in _FUNCTIONS:
            continue
        name = f"guided_relu_{number}"
        graph.add_submodule(name, nn.ReLU())
        with graph.graph.inserting_before(node):
            node.replace_all_uses_with(graph.graph.call_module(name, node.args[:1]))
        graph.graph.erase_node(node)
    graph.recompile()
    return graph


def _layer(net: nn.Module, x: Tensor, values: Array) -> nn.Module:
    """The module whose output has these values."""
    seen: dict[str, list[Tensor]] = {}

    def keep(name: str) -> Callable[[nn.Module, Any, Any], None]:
        def hook(_: nn.Module, __: Any, output: Any) -> None:
            if isinstance(output, Tensor) and output.shape == values.shape:
                seen.setdefault(name, []).append(output.detach())

        return hook

    hooks = [m.register_forward_hook(keep(n)) for n, m in net.named_modules() if n]
    with torch.no_grad():
        net(x)
    for handle in hooks:
        handle.remove()
    wanted = torch.tensor(values, device=x.device)
    for name, outputs in seen.items():
        apart = (outputs[0].float() - wanted).abs().max() / wanted.abs().max()
        if len(outputs) == 1 and apart < _SAME_LAYER:
            return net.get_submodule(name)
    raise NoRun("not timed: no module gives the values of the layer")


class GuidedRelu(torch.autograd.Function):
    """min(max(x, 0), cap) with dx = max(ct, 0) * 1[0 < y < cap]."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, cap: float) -> Tensor:
        y = x.clamp(0, cap)
        ctx.save_for_backward(y)
        ctx.cap = cap
        return y

    @staticmethod
    def backward(ctx: Any, ct: Tensor) -> tuple[Tensor, None]:
        (y,) = ctx.saved_tensors
        return torch.where((y > 0) & (y < ctx.cap), ct.clamp_min(0), 0), None


class _Guided(nn.Module):
    def __init__(self, cap: float) -> None:
        super().__init__()
        self.cap = cap

    def forward(self, x: Tensor) -> Tensor:
        return GuidedRelu.apply(x, self.cap)


def _with_guided_relus(net: nn.Module) -> nn.Module:
    for name, child in net.named_children():
        if isinstance(child, nn.ReLU6):
            setattr(net, name, _Guided(6.0))
        elif isinstance(child, nn.ReLU):
            setattr(net, name, _Guided(math.inf))
        else:
            _with_guided_relus(child)
    return net


def _quietly(run: Callable[[], Tensor]) -> Callable[[], Tensor]:
    """A call without the warnings that Captum gives each time."""

    def quiet() -> Tensor:
        with _quiet():
            return run()

    return quiet


@contextmanager
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
