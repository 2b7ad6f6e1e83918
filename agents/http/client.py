"""One exchange within one deadline: the status decides, and as much of the body as there is time for."""

import asyncio
from typing import Final

import httpx
from msgspec import Struct

from agents.http.progress import Progress
from agents.http.transport import Body

BODY_AT_MOST: Final = 65_536
"""Bytes of an answer's body that are read, as they come over the wire; nothing is ever inflated."""

UNWANTED_BODY_WITHIN: Final = 1.0
"""Seconds for a body that nobody reads; only its end makes the connection fit to be used again."""

REDIRECTS: Final = frozenset({307, 308})
REDIRECTS_AT_MOST: Final = 3


class Exchange(Struct, frozen=True):
    """An answer. `complete` is False when the body was cut at the limit, broke off or came too late."""

    status: int
    headers: httpx.Headers
    body: bytes
    complete: bool


class Client:
    """Sends requests through a transport: `Client(httpx.MockTransport(…))` in tests."""

    def __init__(self, transport: httpx.AsyncBaseTransport) -> None:
        self._transport = transport

    async def exchange(
        self, request: httpx.Request, until: float, wanted: bool = True, progress: Progress | None = None
    ) -> Exchange:
        """Send a request and read its answer until `until`, a time of the loop's clock.

        `wanted` says whether anybody reads the body. Raises httpx.RequestError: see
        `agents.http.errors`.
        """
        progress = progress or Progress()
        response = await self._answer(request, until, progress)
        try:
            body, complete = await _body(response, until, wanted)
        finally:
            await response.stream.aclose()  # type: ignore[union-attr]  # its other half is for blocking clients
        progress.body_bytes = len(body)
        return Exchange(response.status_code, response.headers, body, complete)

    async def follow(
        self, request: httpx.Request, until: float, wanted: bool = True, progress: Progress | None = None
    ) -> Exchange:
        """As `exchange`, and repeat the request where a 307 or 308 of the same origin points."""
        for _ in range(REDIRECTS_AT_MOST):
            answer = await self.exchange(request, until, wanted, progress)
            target = _target(request, answer)
            if target is None:
                return answer
            request = _moved(request, target)
        return await self.exchange(request, until, wanted, progress)

    async def close(self) -> None:
        """Close idle connections."""
        await self._transport.aclose()

    async def _answer(self, request: httpx.Request, until: float, progress: Progress) -> httpx.Response:
        request.extensions["progress"] = progress
        try:
            async with asyncio.timeout_at(until):
                return await self._transport.handle_async_request(request)
        except TimeoutError:
            late = httpx.ConnectTimeout if progress.connecting else httpx.ReadTimeout
            raise late("found no answer within the time allowed") from None


async def _body(response: httpx.Response, until: float, wanted: bool) -> tuple[bytes, bool]:
    whole = response.stream.at_once() if isinstance(response.stream, Body) else None
    if whole is not None:
        return whole[:BODY_AT_MOST], len(whole) <= BODY_AT_MOST
    if not wanted:
        until = min(until, asyncio.get_running_loop().time() + UNWANTED_BODY_WITHIN)
    kept = bytearray()
    try:
        async with asyncio.timeout_at(until):
            async for chunk in response.stream:  # type: ignore[union-attr]  # as above
                kept += chunk
                if len(kept) > BODY_AT_MOST:
                    return bytes(kept[:BODY_AT_MOST]), False
    except (TimeoutError, httpx.TransportError):
        # The status line and the headers decide; a broken body does not undo a 2xx.
        return bytes(kept), False
    return bytes(kept), True


def _target(request: httpx.Request, answer: Exchange) -> httpx.URL | None:
    location = answer.headers.get("location")
    if answer.status not in REDIRECTS or location is None:
        return None
    try:
        target = request.url.join(location)
    except (httpx.InvalidURL, ValueError):
        return None
    here, there = request.url, target
    same = (here.scheme, here.host, here.port) == (there.scheme, there.host, there.port)
    return target if same and not target.userinfo else None


def _moved(request: httpx.Request, target: httpx.URL) -> httpx.Request:
    return httpx.Request(
        request.method,
        target,
        headers=request.headers,
        content=request.content,
        extensions=request.extensions,
    )
