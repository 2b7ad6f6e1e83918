"""One HTTP/1.1 exchange on a guarded connection, behind httpx's transport interface.

httpx's own pool takes 3 ms a request at 64 in flight; this takes what aiohttp's parser takes. Nothing
is followed, stored, inflated or looked up in the environment here.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Final

import httpx
from aiohttp import ClientError
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.streams import StreamReader

from agents import failpoints
from agents.http.answering import Head, prepare_for_answer, read_head
from agents.http.connections import Connection, Connections
from agents.http.dialing import Direct, Origin, ThroughProxy
from agents.http.errors import Closed, EgressDenied, Refused, Reset, Withheld
from agents.http.guard import Guard
from agents.http.progress import Progress
from agents.http.proxy import Proxy
from agents.http.tls import PUBLIC

STALE_WITHIN: Final = 1.0
"""Seconds. A reused connection that breaks this soon was dropped while idle; later, it was at work."""

DEFAULT_PORTS: Final = {"http": 80, "https": 443}


class GuardedTransport(httpx.AsyncBaseTransport):
    """Sends requests to where the guard lets them go.

    Of `request.extensions` it reads `tls` (a TlsIdentity), `only` (what a voice agent narrowed itself
    to), `progress` (a Progress, kept up to date),
    `fresh` (True: never on a kept connection, for what must not be sent twice) and `may_leave` (asked
    when the connection stands and the request is about to be written; False raises Withheld). The
    deadline of the whole is the caller's.
    """

    def __init__(self, guard: Guard, proxy: Proxy | None = None) -> None:
        self._proxy = proxy
        self._connections = Connections(Direct(guard) if proxy is None else ThroughProxy(guard, proxy))

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request and read the head of its answer. Raises what `agents.http.errors` lists.

        A kept connection may be dropped by the endpoint just when it is used again. That is no
        failure of the request, which is then sent once more on a new connection.
        """
        origin = _origin(request)
        kept = None if request.extensions.get("fresh") else self._connections.take(origin)
        if kept is None:
            return await self._exchange(await self._open(origin, request), request)
        loop = asyncio.get_running_loop()
        started_at = loop.time()
        try:
            return await self._exchange(kept, request)
        except (Reset, Closed) as dropped:
            # A reply that began is a sign of work, however it broke off.
            if kept.protocol.first or loop.time() - started_at > STALE_WITHIN:
                raise
            return await self._exchange(await self._open_again(origin, dropped), request)

    async def aclose(self) -> None:
        """Close all idle connections."""
        self._connections.close()

    async def _open(self, origin: Origin, request: httpx.Request) -> Connection:
        progress = _progress(request)
        progress.connecting = True
        try:
            connection = await self._connections.open(origin)
        except EgressDenied as denied:
            progress.address = denied.address
            raise
        progress.connecting = False
        return connection

    async def _open_again(self, origin: Origin, dropped: Reset | Closed) -> Connection:
        try:
            return await self._connections.open(origin)
        except (httpx.ConnectError, httpx.ConnectTimeout):
            # The request did go out once: "unsent" would be untrue.
            raise dropped from None

    async def _exchange(self, connection: Connection, request: httpx.Request) -> httpx.Response:
        # Through a proxy it is not known.
        _progress(request).address = connection.address if self._proxy is None else None
        try:
            message, payload = await _head(connection, request, self._proxy)
        except BaseException:
            connection.protocol.abort()
            raise
        return httpx.Response(
            message.code,
            headers=list(message.raw_headers),
            stream=Body(connection, payload, self._connections),
        )


class Body(httpx.AsyncByteStream):
    """The rest of an answer, as it comes; closed before its end, it takes its connection along."""

    def __init__(self, connection: Connection, payload: StreamReader, connections: Connections) -> None:
        self._connection = connection
        self._payload = payload
        self._connections = connections

    def at_once(self) -> bytes | None:
        """All of it, if all of it came with the head, as most answers do; then there is nothing to wait for."""
        if not self._payload.is_eof() or self._payload.exception() is not None:
            return None
        return self._payload.read_nowait()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Chunk by chunk. Raises Reset where it breaks off."""
        try:
            while chunk := await self._payload.readany():
                yield chunk
        except (ClientError, HttpProcessingError, OSError):
            raise Reset("the answer's body broke off") from None

    async def aclose(self) -> None:
        """Let go of the connection; one whose answer ended well is kept."""
        protocol = self._connection.protocol
        transport = protocol.transport
        if not self._payload.is_eof() or transport is None:
            protocol.abort()
            return
        # It answered before it had read everything; what is still to be written has no reader.
        if isinstance(transport, asyncio.WriteTransport) and transport.get_write_buffer_size():
            protocol.abort()
            return
        self._connections.give_back(self._connection)


async def _head(connection: Connection, request: httpx.Request, proxy: Proxy | None) -> Head:
    protocol = connection.protocol
    transport = protocol.transport
    if transport is None or transport.is_closing():
        gone = Closed if connection.reused else Refused
        raise gone("the connection was closed before the request was sent")
    prepare_for_answer(protocol)
    await failpoints.hit_async("connection-open")
    may_leave = request.extensions.get("may_leave")
    if may_leave is not None and not may_leave():
        raise Withheld
    transport.write(_wire(request, proxy))
    await failpoints.hit_async("request-written")
    head = await read_head(protocol)
    await failpoints.hit_async("answer-begun")
    return head


def _wire(request: httpx.Request, proxy: Proxy | None) -> bytes:
    target, shown = request.url.raw_path, None
    if proxy is not None and request.url.scheme == "http":
        target, shown = proxy.target(request.url), proxy.authorization
    lines = [b"%s %s HTTP/1.1" % (request.method.encode("ascii"), target)]
    lines.extend(b"%s: %s" % pair for pair in request.headers.raw)
    if shown is not None:
        lines.append(b"Proxy-Authorization: " + shown.encode("ascii"))
    return b"\r\n".join([*lines, b"", request.read()])


def _progress(request: httpx.Request) -> Progress:
    given = request.extensions.get("progress")
    return given if isinstance(given, Progress) else Progress()


def _origin(request: httpx.Request) -> Origin:
    url = request.url
    port = url.port or DEFAULT_PORTS.get(url.scheme)
    if port is None or not url.host:
        raise httpx.UnsupportedProtocol("found a URL that is not http(s)://HOST/…")
    # The ASCII form: what the resolver and the certificate check know the host by.
    asked = request.extensions
    host = url.raw_host.decode("ascii")
    return Origin(url.scheme, host, port, asked.get("tls", PUBLIC), asked.get("only", ()))
