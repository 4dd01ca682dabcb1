"""`python -m retrograph.serving NET.onnx`: a service of its own, for this machine."""

from __future__ import annotations

import argparse
import contextlib
import ipaddress
import logging
import signal
import socket
import sys
from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any, Final

from retrograph.errors import InputError, RetrographError, parameter

_DESCRIPTION: Final = """Explain networks over HTTP: POST /v1/explain, GET /v1/models, /v1/model,
/v1/layers, /healthz, /readyz, /metrics, /openapi.json. There is no authentication: whoever reaches
the port may ask. It is bound to this machine unless --host says otherwise."""
_RESTING: Final = 75
"""Seconds that a connection may rest: longer than gateways keep theirs, which are 60."""
_LIMITS: Final = {
    "body": ("BYTES", "of a request's body"),
    "held": ("BYTES", "of all requests in memory"),
    "pixels": ("N", "of a picture"),
    "values": ("N", "numbers of an input whose size the model leaves open"),
    "waiting": ("N", "requests that wait for their answer"),
    "receiving": ("SECONDS", "in which a body arrives"),
    "answering": ("SECONDS", "in which it is answered"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until a signal ends it; the exit code."""
    try:
        return _run(_parser().parse_args(arguments))
    except RetrographError as error:
        print(f"retrograph.serving: {error.spelled(_as_option)}", file=sys.stderr)
        return error.exit_code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m retrograph.serving", description=" ".join(_DESCRIPTION.split())
    )
    add = parser.add_argument
    add("models", nargs="+", metavar="NET.onnx", help="or NAME=NET.onnx; source or built graphs")
    add("--host", default="127.0.0.1", help="address to bind to (127.0.0.1)")
    add("--port", type=int, default=8000, help="0 for a free one (8000)")
    add("--labels", help="class names: a file, or imagenet, coco, ..., none")
    add("--preprocess", metavar="PRESET", help="how pictures become the input")
    add("--examples", nargs="+", default=[], metavar="PICTURE", help="on which presets are tried")
    add("--device", default="auto", help="auto, cpu, cuda, ...")
    add("--threads", type=int, help="of an operator")
    add("--precision", help="float32, float16 or tf32")
    add("--batch", type=int, default=8, help="inputs of a run at most (8)")
    add("--delay", type=float, default=0.0, metavar="SECONDS", help="to wait for others (0)")
    add("--graphs", type=int, default=8, help="built graphs that stay ready (8)")
    for name, (metavar, text) in _LIMITS.items():
        kind = float if metavar == "SECONDS" else int
        add(f"--most-{name}", type=kind, metavar=metavar, help=f"{text}, at most")
    return parser


def _run(args: argparse.Namespace) -> int:
    from retrograph.serving import Limits, Service

    try:
        import uvicorn
    except ImportError:
        raise InputError(
            "serving needs uvicorn, which is not installed: pip install 'retrograph[serve]'"
        ) from None
    given = {f.name: getattr(args, f"most_{f.name}") for f in fields(Limits)}
    limits = replace(
        Limits(), **{name: value for name, value in given.items() if value is not None}
    )
    service = Service(
        _models(args.models),
        labels=args.labels,
        preprocessing=args.preprocess,
        examples=args.examples,
        device=args.device,
        threads=args.threads,
        precision=args.precision,
        batch=args.batch,
        delay=args.delay,
        graphs=args.graphs,
        limits=limits,
    )
    logging.basicConfig(format="%(levelname)s: %(message)s", level=logging.WARNING)
    with contextlib.closing(_bound(args.host, args.port)) as bound:
        config = uvicorn.Config(
            service,
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_keep_alive=_RESTING,
            timeout_graceful_shutdown=int(limits.receiving + limits.answering) + 1,
        )
        for ending in (signal.SIGINT, signal.SIGTERM):  # which uvicorn raises again at its end
            signal.signal(ending, lambda *_: sys.exit(0))
        _greet(bound, service.models)
        uvicorn.Server(config).run(sockets=[bound])
    return 0


def _models(texts: Sequence[str]) -> Any:
    """The models by the names that are given; files alone are called after themselves."""
    if not any("=" in text for text in texts):
        return [*texts]
    pairs = [text.partition("=")[::2] for text in texts]
    unnamed = next((name for name, path in pairs if not name or not path), None)
    if unnamed is not None:
        raise InputError(f"'{unnamed}' has no name; give NAME=NET.onnx for each, or for none")
    names = [name for name, _ in pairs]
    if len(set(names)) < len(names):
        raise InputError("a name is given twice; give each model one of its own")
    return dict(pairs)


def _bound(host: str, port: int) -> socket.socket:
    """A socket on which the service listens.

    Raises:
        InputError: the address cannot be bound to.
    """
    if not 0 <= port < 2**16:
        raise InputError(f"{parameter('port', port)} is none; give a number up to 65535, or 0")
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address[:2], family=family, backlog=1024)
    except (OSError, OverflowError) as error:
        raise InputError(
            f"{host}:{port} cannot be bound to ({getattr(error, 'strerror', None) or error}); "
            f"choose another {parameter('port')} or {parameter('host')}"
        ) from None


def _greet(bound: socket.socket, names: Sequence[str] | Any) -> None:
    """Say where it listens, and who can ask: a warning comes before the line with the address."""
    host, port = bound.getsockname()[:2]
    where = f"[{host}]" if ":" in host else host
    is_local = ipaddress.ip_address(host).is_loopback
    if not is_local:
        print(
            "warning: no authentication, and other machines reach it: put it behind a gateway "
            "that lets in whom it may, or leave --host out",
            file=sys.stderr,
            flush=True,
        )
    print(f"retrograph serves {', '.join(names)} at http://{where}:{port}", flush=True)
    if is_local:
        print("no authentication: everybody on this machine may ask", flush=True)


def _as_option(name: str, value: str | None) -> str:
    """A parameter in a message as an option."""
    option = {"preprocessing": "--preprocess"}.get(name)
    if option is None:
        option = f"--most-{name}" if name in _LIMITS else f"--{name.replace('_', '-')}"
    return option if value in (None, "True") else f"{option} {value}"


if __name__ == "__main__":
    sys.exit(main())
