"""Connections to endpoints: opened to vetted addresses, kept for the next request, thrown away in doubt."""

import asyncio
from collections import OrderedDict
from typing import Final, NamedTuple

import httpx

from agents.http.dialing import Dialer, Line, Origin

CONNECT_WITHIN: Final = 5.0
"""Seconds for the look-up, the connection and the TLS handshake together."""

IDLE_FOR: Final = 15.0
"""Seconds. Many servers drop idle connections after 5 to 75; a request into a dropped one is sent again."""

IDLE_AT_MOST: Final = 2_048
"""Idle connections of a worker; the one idle for longest goes first."""


class Connection(NamedTuple):
    """An open connection, and whether it carried a request before."""

    origin: Origin
    protocol: Line
    address: str
    reused: bool


class Connections:
    """The idle connections of a worker."""

    def __init__(self, dialer: Dialer) -> None:
        self._dialer = dialer
        self._idle: dict[Origin, list[Line]] = {}
        self._ages: OrderedDict[Line, tuple[float, Origin]] = OrderedDict()
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
                protocol = await self._dialer.dial(origin, limit.when() or 0.0)
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


def _address(protocol: Line) -> str:
    found = None if protocol.transport is None else protocol.transport.get_extra_info("peername")
    return str(found[0]) if found else ""
