"""An HTTP proxy between us and the endpoints, where the operator set one (POSTCALL_PROXY).

What a proxy looks up and connects to is out of our sight: the guard vets literals and spellings, and the
rest of its promise is the proxy's to keep. Proxies of the environment (HTTP_PROXY, …) are never used.
"""

import asyncio
import re
import socket
from typing import Final
from urllib.parse import unquote, urlsplit

import httpx
from msgspec import Struct

from agents.http.auth import basic
from agents.http.errors import ProxyFailed

HEAD_AT_MOST: Final = 16_384
"""Bytes of a proxy's answer to CONNECT."""

_ANSWER: Final = re.compile(rb"HTTP/1\.[01] ([0-9]{3})(?: [^\r\n]*)?\r\n")


class Proxy(Struct, frozen=True):
    """Where the proxy is, and what it is shown."""

    host: str
    port: int
    authorization: str | None = None

    async def connect(self) -> socket.socket:
        """A connection to the proxy. Raises ProxyFailed."""
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            raise ProxyFailed("found no address for the proxy") from None
        for family, kind, protocol, _, address in found:
            plain = socket.socket(family, kind, protocol)
            try:
                plain.setblocking(False)
                plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                await loop.sock_connect(plain, address)
            except OSError as fault:
                plain.close()
                if isinstance(fault, TimeoutError):
                    raise
            except BaseException:
                plain.close()
                raise
            else:
                return plain
        raise ProxyFailed("the proxy accepted no connection")

    def target(self, url: httpx.URL) -> bytes:
        """How a plain request names its URL to a proxy (RFC 9112, 3.2.2)."""
        return b"http://%s%s" % (url.netloc, url.raw_path)

    def __repr__(self) -> str:
        return f"Proxy({self.host}:{self.port})"


def read_proxy(url: str) -> Proxy:
    """The proxy of a checked setting, `http://[NAME:PASSWORD@]HOST:PORT`."""
    parts = urlsplit(url)
    shown = None
    if parts.username is not None:
        shown = basic(unquote(parts.username), unquote(parts.password or ""))
    return Proxy(parts.hostname or "", parts.port or 0, shown)


async def tunnel(plain: socket.socket, proxy: Proxy, host: str, port: int) -> None:
    """Have the proxy connect to a host (RFC 9110, 9.3.6). Raises ProxyFailed."""
    loop = asyncio.get_running_loop()
    authority = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    lines = [f"CONNECT {authority} HTTP/1.1", f"Host: {authority}"]
    if proxy.authorization is not None:
        lines.append(f"Proxy-Authorization: {proxy.authorization}")
    try:
        await loop.sock_sendall(plain, "\r\n".join([*lines, "", ""]).encode("ascii"))
        head = await _head(plain)
    except TimeoutError:
        raise
    except OSError:
        raise ProxyFailed("the proxy closed the connection") from None
    answer = _ANSWER.match(head)
    if answer is None or not answer[1].startswith(b"2"):
        said = "no HTTP/1.1" if answer is None else answer[1].decode()
        raise ProxyFailed(f"the proxy answered {said} to CONNECT; expected 200")


async def _head(plain: socket.socket) -> bytes:
    """The proxy's answer and nothing after it: in TLS the client speaks first."""
    loop, head = asyncio.get_running_loop(), b""
    while not head.endswith(b"\r\n\r\n"):
        part = await loop.sock_recv(plain, HEAD_AT_MOST)
        head += part
        if not part or len(head) > HEAD_AT_MOST or b"\r\n\r\n" in head[:-4]:
            raise ProxyFailed("found no whole answer of the proxy to CONNECT")
    return head
