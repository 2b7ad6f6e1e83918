"""A rendered request becomes what goes over the wire: its secrets, its signatures, its attempt's number."""

import re
from collections.abc import Callable, Iterable
from datetime import datetime
from functools import lru_cache
from typing import Final

import httpx
from msgspec import Struct

from agents.http.auth import Credentials, bearer, credentials
from agents.http.errors import Unsendable
from agents.http.mask import Mask
from agents.http.secrets import Opened, Secrets
from agents.http.tokens import Token
from schemas.delivery import Request, Secret, Text
from schemas.workflow import OAuth2, Tls
from streams.egress import url_fault
from streams.signing import BadKey, key_bytes, signature_headers
from streams.template import references

BODY_AT_MOST: Final = 1 << 20
"""Bytes of a request body."""

WITH_A_BODY: Final = frozenset({"POST", "PUT", "PATCH"})
"""Methods that say `Content-Length: 0` when they have none (RFC 9110, 8.6)."""

FRAMING: Final = frozenset(
    {"host", "content-length", "transfer-encoding", "connection", "keep-alive", "te", "trailer", "upgrade"}
)
"""Headers that say where a request goes or ends. Documents that set them are refused when they are
loaded; here they would make two requests of one."""

_UNFIT: Final = re.compile(r"[^\t\x20-\x7e\x80-\xff]")
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


class Sent(Struct, frozen=True):
    """Which attempt of which delivery a request is, and what its voice agent narrowed itself to."""

    delivery_id: str
    attempt: int
    replay: bool
    only: tuple[str, ...] = ()


class Prepared(Struct, frozen=True):
    """A request with its secrets in it; it lives as long as the attempt."""

    request: Request
    url: httpx.URL
    headers: tuple[tuple[str, str], ...]
    credentials: Credentials
    secrets: frozenset[str]
    only: tuple[str, ...] = ()

    def http(self, token: Token | None, may_leave: Callable[[], bool] | None = None) -> httpx.Request:
        """The request for the transport, with an access token where one was fetched."""
        body = self.request.body
        headers = [(b"Host", self.url.netloc)]
        headers.extend((name.encode("latin-1"), value.encode("latin-1")) for name, value in self.headers)
        if token is not None:
            headers.append((b"Authorization", bearer(token.text).encode("latin-1")))
        if body or self.request.method in WITH_A_BODY:
            headers.append((b"Content-Length", b"%d" % len(body)))
        # Given as a stream, the body keeps httpx from building all headers twice more.
        return httpx.Request(
            self.request.method,
            self.url,
            headers=headers,
            stream=httpx.ByteStream(body),
            # What must not be sent twice does not use a connection that may be gone.
            extensions={
                "tls": self.credentials.tls,
                "only": self.only,
                "fresh": not self.request.retry_ambiguous,
                "may_leave": may_leave,
            },
        )

    def mask(self, token: Token | None) -> Mask:
        """What takes all secrets of this request out of its answer."""
        composed = [value for name, value in self.credentials.headers if name == "Authorization"]
        fetched = [] if token is None else [token.text]
        return Mask([*self.secrets, *fetched, *(value.partition(" ")[2] for value in composed)])

    def __repr__(self) -> str:
        return "Prepared(…)"


def prepare(request: Request, sent: Sent, secrets: Secrets, at: datetime) -> Prepared:
    """Fill in what is never kept. Raises Unsendable."""
    if len(request.body) > BODY_AT_MOST:
        raise Unsendable("too_large", f"found a body of {len(request.body)} bytes; expected 1 MiB at most")
    here, login = secrets.opened(), secrets.opened()
    # What is exchanged for a token goes to the login server, and only the token to the endpoint.
    shown = login if isinstance(request.auth, OAuth2) else here
    fields = {name: shown.text(text) for name, text in request.auth_texts.items()}
    added = credentials(request.auth, fields, request.body, _tls(request.tls, here))
    constant = [(name, here.text(text)) for name, text in request.headers]
    keys = _keys(request, here)
    signed = signature_headers(sent.delivery_id, sent.attempt, at, request.body, keys, request.x_signature)
    url = _url(request.url, here, added.query)
    here.check(_host(url))
    if added.grant is not None:
        login.check(_host(_parsed(added.grant.token_url)))
    return Prepared(
        request=request,
        url=url,
        headers=_headers(sent, constant, [*signed.items(), *added.headers]),
        credentials=added,
        secrets=here.values | login.values,
        only=sent.only,
    )


def _tls(tls: Tls, secrets: Opened) -> Tls:
    if tls.ca is None or "{{" not in tls.ca:
        return tls
    return Tls(ca=secrets.text(references(tls.ca)), insecure=tls.insecure)


def _host(url: httpx.URL) -> str:
    return url.raw_host.decode("ascii")


def _keys(request: Request, secrets: Opened) -> list[bytes]:
    try:
        return [key_bytes(secrets.text(text)) for text in request.secrets]
    except BadKey as bad:
        raise Unsendable("bad_secret", str(bad)) from None


def _headers(
    sent: Sent, constant: Iterable[tuple[str, str]], last: Iterable[tuple[str, str]]
) -> tuple[tuple[str, str], ...]:
    named = {
        "accept": ("accept", "*/*"),
        "accept-encoding": ("accept-encoding", "identity"),
        "webhook-id": ("webhook-id", sent.delivery_id),
        "idempotency-key": ("idempotency-key", sent.delivery_id),
    }
    if sent.replay:
        named["postcall-replay"] = ("postcall-replay", "true")
    for name, value in (*constant, *last):
        _check(name, value)
        named[name.lower()] = (name, value)
    return tuple(named.values())


def _check(name: str, value: str) -> None:
    if not _fit_for_a_name(name):
        raise Unsendable(
            "bad_header", "found a header name that is no token (RFC 9110, 5.6.2) or ours to set"
        )
    if _UNFIT.search(value):
        raise Unsendable("bad_header", f"found a character in {name} that no header value may hold")


@lru_cache(maxsize=4096)
def _fit_for_a_name(name: str) -> bool:
    return _TOKEN.fullmatch(name) is not None and name.lower() not in FRAMING


def _url(text: Text, secrets: Opened, query: str) -> httpx.URL:
    url = secrets.text(text)
    # Endpoints are few and parsing costs as much as all the rest; what holds a secret is not kept.
    parsed = _parsed(url) if any(isinstance(part, Secret) for part in text) else _remembered(url)
    if not query:
        return parsed
    before = f"{parsed.query.decode('ascii')}&" if parsed.query else ""
    return parsed.copy_with(query=(before + query).encode("ascii"))


def _parsed(url: str) -> httpx.URL:
    fault = url_fault(url)
    if fault is not None:
        raise Unsendable("bad_url", fault)
    return httpx.URL(url)


_remembered: Final = lru_cache(maxsize=1024)(_parsed)
