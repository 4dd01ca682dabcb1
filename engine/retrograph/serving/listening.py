"""An application served on a socket until a signal ends it."""

from __future__ import annotations

import ipaddress
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable
from typing import Any, Final

import uvicorn

from retrograph.errors import InputError, parameter

_RESTING: Final = 75
"""Seconds that a connection may rest: longer than gateways keep theirs, which are 60."""


def bound_socket(host: str, port: int) -> socket.socket:
    """A socket that listens on an address.

    Args:
        host: a name or an address of this machine.
        port: up to 65535; 0 for a free one.

    Raises:
        InputError: the address cannot be bound to.
    """
    if not 0 <= port < 2**16:
        raise InputError(f"{parameter('port', port)} is none; give a number up to 65535, or 0")
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        bound = socket.create_server(address[:2], family=family, backlog=1024)
    except (OSError, OverflowError) as error:
        raise InputError(
            f"{host}:{port} cannot be bound to ({getattr(error, 'strerror', None) or error}); "
            f"choose another {parameter('port')} or {parameter('host')}"
        ) from None
    # asyncio leaves sockets without a protocol number alone: each body would wait 40 ms for an ACK
    bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return bound


def address_of(bound: socket.socket) -> tuple[str, bool]:
    """The URL of a socket, without a path, and whether only this machine reaches it."""
    host, port = bound.getsockname()[:2]
    where = f"[{host}]" if ":" in host else host
    return f"http://{where}:{port}", ipaddress.ip_address(host).is_loopback


def serve_until_signal(
    app: Any,
    bound: socket.socket,
    *,
    finishing: float,
    on_start: Callable[[Callable[[], None]], None],
) -> None:
    """Serve an ASGI application until SIGINT or SIGTERM, which end the process, or until its end.

    What was taken is answered then.

    Args:
        app: the application.
        bound: the socket that it is served on.
        finishing: seconds that answers may take after the signal.
        on_start: is called once signals are minded, before the first request is taken, with what
            ends the service from any thread.
    """
    logging.basicConfig(format="%(levelname)s: %(message)s", level=logging.WARNING)
    endings = (signal.SIGINT, signal.SIGTERM)  # which uvicorn raises again at its end
    before = [signal.signal(ending, _end) for ending in endings]
    running = server(app, finishing)
    on_start(lambda: setattr(running, "should_exit", True))
    running.run(sockets=[bound])
    for ending, handler in zip(endings, before, strict=True):
        signal.signal(ending, handler)


def _end(*_: Any) -> None:
    """End the process at once: a thread that is still inside ONNX Runtime would abort it."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def server(app: Any, finishing: float) -> uvicorn.Server:
    """A server of an ASGI application; the arguments are those of `serve_until_signal`."""
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_keep_alive=_RESTING,
        timeout_graceful_shutdown=int(finishing) + 1,
    )
    return uvicorn.Server(config)
