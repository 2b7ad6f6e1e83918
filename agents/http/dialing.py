"""How a connection is made: straight to a vetted address, or through the operator's proxy.

The protocol object is aiohttp's (`ResponseHandler`, over llhttp); its session, connector, cookie jar,
redirects and proxies are not used, so none of them has to be switched off.
"""

import asyncio
import socket
import ssl
from typing import NamedTuple, Protocol

import httpx
from aiohttp.client_proto import ResponseHandler

from agents.http.errors import Refused, TlsFailed
from agents.http.guard import Guard
from agents.http.proxy import Proxy, tunnel
from agents.http.tls import TlsIdentity, context


class Origin(NamedTuple):
    """Whom a connection leads to; requests of one origin may share connections, one after another.

    `only` is what a voice agent narrowed itself to: what one may not reach is not reached over the
    connection of another.
    """

    scheme: str
    host: str
    port: int
    tls: TlsIdentity
    only: tuple[str, ...] = ()


class Line(ResponseHandler):
    """The protocol of a connection, which also knows the `first` that was heard since it was asked."""

    first = b""

    def data_received(self, data: bytes) -> None:
        """Take what the endpoint sent."""
        if not self.first:
            self.first = data
        super().data_received(data)


class Dialer(Protocol):
    """Makes connections."""

    async def dial(self, origin: Origin, until: float) -> Line:
        """A connection to an origin. `until` is when the caller gives up, a time of the loop's clock.

        Raises the family of httpx.ConnectError, TimeoutError.
        """


class Direct:
    """Connects to what the guard let pass."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard

    async def dial(self, origin: Origin, until: float) -> Line:
        """Try each address; a dead one must leave time for those after it."""
        addresses = await self._guard.addresses(origin.host, origin.only)
        loop = asyncio.get_running_loop()
        failure: httpx.TransportError = Refused("found no address to connect to")
        for left, address in zip(range(len(addresses), 0, -1), addresses, strict=True):
            try:
                async with asyncio.timeout((until - loop.time()) / left):
                    return await _connect(origin, address)
            except TimeoutError:
                failure = httpx.ConnectTimeout("found no connection within the time allowed")
            except (Refused, TlsFailed) as found:
                failure = found
        raise failure


class ThroughProxy:
    """Connects through a proxy, which looks names up itself: only literals can be vetted here."""

    def __init__(self, guard: Guard, proxy: Proxy) -> None:
        self._guard, self._proxy = guard, proxy

    async def dial(self, origin: Origin, until: float) -> Line:
        """Connect to the proxy, and for https through it."""
        self._guard.unresolved(origin.host, origin.only)
        plain = await self._proxy.connect()
        try:
            if origin.scheme == "https":
                await tunnel(plain, self._proxy, origin.host, origin.port)
            return await _speak(plain, origin)
        except BaseException:
            plain.close()
            raise


async def _connect(origin: Origin, address: str) -> Line:
    loop = asyncio.get_running_loop()
    plain = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
    try:
        plain.setblocking(False)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await loop.sock_connect(plain, (address, origin.port))
        return await _speak(plain, origin)
    except BaseException as found:
        plain.close()
        # A time-out is an OSError, too; it is told apart by whoever set it.
        if isinstance(found, OSError) and not isinstance(found, TimeoutError):
            raise Refused("no connection was accepted") from None
        raise


async def _speak(plain: socket.socket, origin: Origin) -> Line:
    loop = asyncio.get_running_loop()
    tls = _tls(origin)
    name = None if tls is None else origin.host.rstrip(".")
    try:
        _, protocol = await loop.create_connection(
            lambda: Line(loop), sock=plain, ssl=tls, server_hostname=name
        )
    except TimeoutError:
        raise
    except OSError:
        # ssl.SSLError among them; a server that wants none of our protocols may also just hang up.
        raise TlsFailed("the TLS handshake failed, or the certificate did not verify") from None
    return protocol


def _tls(origin: Origin) -> ssl.SSLContext | None:
    return context(origin.tls) if origin.scheme == "https" else None
