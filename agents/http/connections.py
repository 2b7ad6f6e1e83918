"""Connections to endpoints: opened to vetted addresses, kept for the next request, thrown away in doubt.

The protocol object is aiohttp's (`ResponseHandler`, over llhttp); its session, connector, cookie jar,
redirects and proxies are not used, so none of them has to be switched off.
"""

import asyncio
import socket
import ssl
from collections import OrderedDict
from typing import Final, NamedTuple

import httpx
from aiohttp.client_proto import ResponseHandler

from agents.http.errors import Refused, TlsFailed
from agents.http.guard import Guard
from agents.http.tls import TlsIdentity, context

CONNECT_WITHIN: Final = 5.0
"""Seconds for the look-up, the connection and the TLS handshake together."""

IDLE_FOR: Final = 15.0
"""Seconds. Many servers drop idle connections after 5 to 75; a request into a dropped one is sent again."""

IDLE_AT_MOST: Final = 2_048
"""Idle connections of a worker; the one idle for longest goes first."""


class Origin(NamedTuple):
    """Whom a connection leads to; requests of one origin may share connections, one after another."""

    scheme: str
    host: str
    port: int
    tls: TlsIdentity


class Connection(NamedTuple):
    """An open connection, and whether it carried a request before."""

    origin: Origin
    protocol: ResponseHandler
    address: str
    reused: bool


class Connections:
    """The idle connections of a worker."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._idle: dict[Origin, list[ResponseHandler]] = {}
        self._ages: OrderedDict[ResponseHandler, tuple[float, Origin]] = OrderedDict()
        self._sweep: asyncio.TimerHandle | None = None

    def take(self, origin: Origin) -> Connection | None:
        """The most recently used idle connection to an origin that is still open, if there is one."""
        idle = self._idle.get(origin)
        while idle:
            protocol = idle.pop()
            del self._ages[protocol]
            if not idle:
                del self._idle[origin]
            if protocol.is_connected() and not protocol.should_close:
                return Connection(origin, protocol, _address(protocol), reused=True)
            protocol.close()
        return None

    async def open(self, origin: Origin) -> Connection:
        """A new connection. Raises the family of httpx.ConnectError, httpx.ConnectTimeout."""
        try:
            async with asyncio.timeout(CONNECT_WITHIN) as limit:
                addresses = await self._guard.addresses(origin.host)
                protocol = await _first(origin, addresses, limit.when() or 0.0)
        except TimeoutError:
            raise httpx.ConnectTimeout("found no connection within the time allowed") from None
        return Connection(origin, protocol, _address(protocol), reused=False)

    def give_back(self, connection: Connection) -> None:
        """Keep a connection for the next request, unless the last one left it in doubt."""
        protocol = connection.protocol
        if protocol.should_close or not protocol.is_connected():
            protocol.close()
            return
        now = asyncio.get_running_loop().time()
        self._idle.setdefault(connection.origin, []).append(protocol)
        self._ages[protocol] = (now, connection.origin)
        if len(self._ages) > IDLE_AT_MOST:
            self._close_oldest()
        self._sweep_later()

    def close(self) -> None:
        """Close what is idle. What is in use is its user's."""
        while self._ages:
            self._close_oldest()
        if self._sweep is not None:
            self._sweep.cancel()
            self._sweep = None

    def _close_oldest(self) -> None:
        protocol, (_, origin) = self._ages.popitem(last=False)
        idle = self._idle[origin]
        idle.remove(protocol)
        if not idle:
            del self._idle[origin]
        protocol.close()

    def _sweep_later(self) -> None:
        if self._sweep is None and self._ages:
            loop = asyncio.get_running_loop()
            oldest, _ = next(iter(self._ages.values()))
            self._sweep = loop.call_at(oldest + IDLE_FOR, self._swept, loop)

    def _swept(self, loop: asyncio.AbstractEventLoop) -> None:
        self._sweep = None
        while self._ages and next(iter(self._ages.values()))[0] + IDLE_FOR <= loop.time():
            self._close_oldest()
        self._sweep_later()


async def _first(origin: Origin, addresses: tuple[str, ...], until: float) -> ResponseHandler:
    """Try each address; a dead one must leave time for those after it."""
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


async def _connect(origin: Origin, address: str) -> ResponseHandler:
    loop = asyncio.get_running_loop()
    plain = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
    try:
        plain.setblocking(False)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await loop.sock_connect(plain, (address, origin.port))
        return await _speak(plain, _tls(origin), origin)
    except BaseException as found:
        plain.close()
        # A time-out is an OSError, too; it is told apart by whoever set it.
        if isinstance(found, OSError) and not isinstance(found, TimeoutError):
            raise Refused("no connection was accepted") from None
        raise


async def _speak(plain: socket.socket, tls: ssl.SSLContext | None, origin: Origin) -> ResponseHandler:
    loop = asyncio.get_running_loop()
    name = None if tls is None else origin.host.rstrip(".")
    try:
        _, protocol = await loop.create_connection(
            lambda: ResponseHandler(loop), sock=plain, ssl=tls, server_hostname=name
        )
    except TimeoutError:
        raise
    except OSError:
        # ssl.SSLError among them; a server that wants none of our protocols may also just hang up.
        raise TlsFailed("the TLS handshake failed, or the certificate did not verify") from None
    return protocol


def _address(protocol: ResponseHandler) -> str:
    found = None if protocol.transport is None else protocol.transport.get_extra_info("peername")
    return str(found[0]) if found else ""


def _tls(origin: Origin) -> ssl.SSLContext | None:
    return context(origin.tls) if origin.scheme == "https" else None
