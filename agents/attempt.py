"""Make one attempt: a rendered request goes out, a reply comes back, whatever happens.

Here the request gets what differs by attempt (its number, its time, its signatures) and what is never
kept (its secrets). One deadline holds for everything: a token, the look-up, the connection, the
answer and its body.
"""

import asyncio
import re
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Final

import httpx
from msgspec import Struct

from agents.http.auth import Credentials, bearer, credentials
from agents.http.client import Client, Exchange
from agents.http.errors import Unsendable, silence_of
from agents.http.reading import answered
from agents.http.secrets import Mask, Secrets
from agents.http.tokens import NoToken, Token, Tokens
from schemas.delivery import Kind, Reply, Request, Silence, Text
from streams.egress import url_fault
from streams.signing import BadKey, key_bytes, signature_headers

BODY_AT_MOST: Final = 1 << 20
"""Bytes of a request body."""

UNAUTHORIZED: Final = 401

_UNFIT: Final = re.compile(r"[^\t\x20-\x7e\x80-\xff]")
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


class Outbound(Struct, frozen=True):
    """One attempt to be made. `attempt` counts from 1; `endpoint` is scheme://host:port, for records."""

    call_id: str
    delivery_id: str
    kind: Kind
    attempt: int
    endpoint: str
    request: Request
    agent_id: str
    replay: bool = False


class _Prepared(Struct, frozen=True):
    """A request with its secrets in it; lives as long as the attempt."""

    url: str
    headers: tuple[tuple[str, str], ...]
    credentials: Credentials
    secrets: frozenset[str]

    def __repr__(self) -> str:
        return "_Prepared(…)"


class Attempts:
    """Makes the attempts of a worker. `clock` gives the time in UTC."""

    def __init__(self, client: Client, secrets: Secrets, clock: Callable[[], datetime]) -> None:
        self._client = client
        self._secrets = secrets
        self._clock = clock
        self._tokens = Tokens(client)

    async def make(self, outbound: Outbound) -> Reply:
        """Send the request once, and say what came back. What the world does is a value: nothing is
        raised but a defect of ours."""
        until = asyncio.get_running_loop().time() + outbound.request.timeout.total_seconds()
        try:
            prepared = _prepare(outbound, self._secrets, self._clock())
            exchange = await self._send(outbound, prepared, until)
        except Unsendable as ours:
            return Silence(error=ours.error, stage="before")
        except BadKey:
            return Silence(error="bad_secret", stage="before")
        except NoToken as none:
            return none.silence
        except (httpx.RequestError, httpx.InvalidURL) as failure:
            return silence_of(failure)
        return answered(exchange, outbound.request.keep, _mask(prepared), self._clock())

    async def _send(self, outbound: Outbound, prepared: _Prepared, until: float) -> Exchange:
        grant = prepared.credentials.grant
        if grant is None:
            return await self._exchange(outbound, prepared, None, until)
        token = await self._tokens.token(grant, until)
        exchange = await self._exchange(outbound, prepared, token, until)
        if exchange.status != UNAUTHORIZED:
            return exchange
        # Tokens are withdrawn before their time, too; a fresh one decides.
        self._tokens.refused(grant, token)
        token = await self._tokens.token(grant, until)
        return await self._exchange(outbound, prepared, token, until)

    async def _exchange(
        self, outbound: Outbound, prepared: _Prepared, token: Token | None, until: float
    ) -> Exchange:
        request = _http_request(outbound, prepared, token)
        keep = outbound.request.keep
        send = self._client.follow if outbound.request.redirects else self._client.exchange
        return await send(request, until, bool(keep.body or keep.extract))


async def make(outbound: Outbound, client: Client, secrets: Secrets, clock: Callable[[], datetime]) -> Reply:
    """Make a single attempt, as `postcall send-test` does; a worker keeps its `Attempts`, and with
    them its access tokens."""
    return await Attempts(client, secrets, clock).make(outbound)


def _prepare(outbound: Outbound, secrets: Secrets, at: datetime) -> _Prepared:
    request = outbound.request
    if len(request.body) > BODY_AT_MOST:
        raise Unsendable("too_large", f"found a body of {len(request.body)} bytes; expected 1 MiB at most")
    fields = {name: secrets.text(text) for name, text in request.auth_texts.items()}
    added = credentials(request.auth, fields, request.body, request.tls)
    url = _url(secrets.text(request.url), added.query)
    keys = [key_bytes(secrets.text(text)) for text in request.secrets]
    constant = {name.lower(): (name, secrets.text(text)) for name, text in request.headers}
    ours = signature_headers(
        outbound.delivery_id, outbound.attempt, at, request.body, keys, request.x_signature
    )
    headers = _headers(outbound, constant, (*ours.items(), *added.headers))
    return _Prepared(url, headers, added, secrets.values(_texts(request)))


def _headers(
    outbound: Outbound, constant: dict[str, tuple[str, str]], last: Iterable[tuple[str, str]]
) -> tuple[tuple[str, str], ...]:
    named = {
        "accept": ("accept", "*/*"),
        "accept-encoding": ("accept-encoding", "identity"),
        "webhook-id": ("webhook-id", outbound.delivery_id),
        "idempotency-key": ("idempotency-key", outbound.delivery_id),
        **constant,
        **{name.lower(): (name, value) for name, value in last},
    }
    if outbound.replay:
        named["postcall-replay"] = ("postcall-replay", "true")
    for name, value in named.values():
        _check(name, value)
    return tuple(named.values())


def _check(name: str, value: str) -> None:
    if not _TOKEN.fullmatch(name):
        raise Unsendable("bad_header", "found a header name that is no token (RFC 9110, 5.6.2)")
    if _UNFIT.search(value):
        raise Unsendable("bad_header", f"found a character in {name} that no header value may hold")


def _url(url: str, query: str) -> str:
    fault = url_fault(url)
    if fault is not None:
        raise Unsendable("bad_url", fault)
    if not query:
        return url
    plain, mark, fragment = url.partition("#")
    return f"{plain}{'&' if '?' in plain else '?'}{query}{mark}{fragment}"


def _http_request(outbound: Outbound, prepared: _Prepared, token: Token | None) -> httpx.Request:
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in prepared.headers]
    if token is not None:
        headers.append((b"authorization", bearer(token.text).encode("latin-1")))
    extensions = {"tls": prepared.credentials.tls, "fresh": not outbound.request.retry_ambiguous}
    return httpx.Request(
        outbound.request.method,
        prepared.url,
        headers=headers,
        content=outbound.request.body or None,
        extensions=extensions,
    )


def _texts(request: Request) -> list[Text]:
    headers = [text for _, text in request.headers]
    return [request.url, *headers, *request.auth_texts.values(), *request.secrets]


def _mask(prepared: _Prepared) -> Mask:
    composed = [value for name, value in prepared.credentials.headers if name == "Authorization"]
    return Mask([*prepared.secrets, *(value.partition(" ")[2] for value in composed)])
