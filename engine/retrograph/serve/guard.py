"""Who may ask: those who know the token, from pages of this server, by a name that it has."""

from __future__ import annotations

import hmac
import ipaddress
import socket
from collections.abc import Iterable
from typing import Any, Final
from urllib.parse import urlsplit

_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "media-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors {ancestors}"
)
_HEADERS: Final = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
}
_NOT_SERVED: Final = b"not served (or no longer); open the whole address in the terminal\n"


class Guard:
    """Lets requests to an ASGI application through that have the token, and are of its own pages.

    A request for another Host than this machine's (DNS rebinding), or from another Origin, gets an
    empty 403; one without the token a 404 with a line that tells nothing of the page.

    Args:
        app: the application; its paths begin behind the token.
        token: the first part of the path.
        hosts: the names and addresses by which the server may be asked, besides those of
            this machine.
        ancestors: the pages that may show this one in a frame, as a Content-Security-Policy
            spells them.
    """

    def __init__(
        self, app: Any, token: str, hosts: Iterable[str] = (), ancestors: str = "'self'"
    ) -> None:
        self._app, self._token = app, token
        self._hosts = {host.lower() for host in hosts} | {"localhost"}
        self._is_open = any(map(_is_any_address, self._hosts))
        if self._is_open:
            self._hosts.add(socket.gethostname().lower())
        policy = _POLICY.format(ancestors=ancestors)
        self._headers = [
            (name.encode(), value.encode())
            for name, value in {**_HEADERS, "content-security-policy": policy}.items()
        ]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer a request, as ASGI says."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        headers = {name.lower(): value for name, value in scope["headers"]}
        host = headers.get(b"host", b"").decode("latin-1").lower()
        origin = headers.get(b"origin")
        if not self._is_known(host) or not _is_own(origin, host):
            await self._refuse(send, 403)
            return
        first = scope["path"].removeprefix("/").partition("/")
        if not hmac.compare_digest(first[0].encode(), self._token.encode()):
            await self._refuse(send, 404, _NOT_SERVED)
            return

        async def sending(message: Any) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], *self._headers]}
            await send(message)

        root = scope.get("root_path", "") + f"/{self._token}"
        await self._app({**scope, "root_path": root}, receive, sending)

    def _is_known(self, host: str) -> bool:
        """Whether a Host header names this machine, whatever the port: tunnels change it."""
        name = urlsplit(f"//{host}").hostname if _is_plain(host) else None
        if name is None:
            return False
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            return name in self._hosts
        return address.is_loopback or self._is_open or name in self._hosts

    async def _refuse(self, send: Any, status: int, words: bytes = b"") -> None:
        headers = [(b"content-length", str(len(words)).encode())]
        if words:
            headers.append((b"content-type", b"text/plain; charset=utf-8"))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": words})


def _is_plain(host: str) -> bool:
    """Whether a Host header has nothing but a name, or an address, and a port."""
    return bool(host) and all(c.isalnum() or c in "-._:[]" for c in host)


def _is_own(origin: bytes | None, host: str) -> bool:
    """Whether a request is from a page of this server, or of none."""
    if origin is None:
        return True
    scheme, _, rest = origin.decode("latin-1").lower().partition("://")
    return scheme in ("http", "https") and rest == host


def _is_any_address(host: str) -> bool:
    """Whether a server that is bound to it is reached by each address of the machine."""
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False
