"""Access tokens of OAuth2 client credentials: one for each client, fetched once, refreshed early."""

import asyncio
import re
from typing import Final, NamedTuple
from urllib.parse import quote_plus, urlencode

import httpx
import msgspec
from msgspec import Struct

from agents.http.auth import Grant, basic
from agents.http.client import Client, Exchange
from agents.http.errors import EgressDenied, Unsendable
from schemas.delivery import Silence
from streams.egress import url_fault
from streams.judge import OVERLOADED, TRANSIENT

FRESH_FOR: Final = 0.8
"""Of its life a token is used; the rest is left for requests under way and for clocks that differ."""

LIFE_UNSTATED: Final = 300.0
"""Seconds a token is taken to live when the answer does not say."""

FETCH_WITHIN: Final = 15.0
"""Seconds for a login server, however little time the request has that asks first."""

_SHOWABLE: Final = re.compile(r"[\x20-\x7e]+")
"""What an access token may be made of (RFC 6749, A.12); a line break in one would make two headers."""

REMEMBER_AT_MOST: Final = 4_096


class Token(Struct, frozen=True):
    """An access token, good until a time of the loop's clock."""

    text: str
    until: float

    def __repr__(self) -> str:
        return "Token(…)"


class _Issued(Struct, frozen=True):
    access_token: str
    expires_in: float | str | None = None


class NoToken(Exception):
    """There is no token to send a request with; `silence` is what the attempt comes to."""

    def __init__(self, error: str, refused: bool, reason: str) -> None:
        super().__init__(f"the login server: {reason}")
        self.silence = Silence(error=error, stage="before" if refused else "unsent")


class _Client(NamedTuple):
    """Whose token it is. Who may reach a login server does not fetch for one who may not."""

    grant: Grant
    only: tuple[str, ...]


class Tokens:
    """The tokens of a worker. Requests that need the same one wait for one fetch."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._tokens: dict[_Client, Token] = {}
        self._fetches: dict[_Client, asyncio.Task[Token]] = {}

    async def token(self, grant: Grant, until: float, only: tuple[str, ...] = ()) -> Token:
        """A token that is still good. Raises NoToken, also when there is none by `until`."""
        client = _Client(grant, only)
        known = self._tokens.get(client)
        if known is not None and asyncio.get_running_loop().time() < known.until:
            return known
        fetch = self._fetches.get(client)
        if fetch is None:
            # Others, with more time, may wait for it; and a late token is good for the next attempt.
            limit = max(until, asyncio.get_running_loop().time() + FETCH_WITHIN)
            fetch = self._fetches[client] = asyncio.create_task(self._fetch(client, limit))
            fetch.add_done_callback(lambda done: self._fetched(client, done))
        try:
            async with asyncio.timeout_at(until):
                # One request's deadline must not cancel the fetch that others wait for.
                return await asyncio.shield(fetch)
        except TimeoutError:
            raise NoToken("token", refused=False, reason="found no token within the time allowed") from None

    def refused(self, grant: Grant, token: Token, only: tuple[str, ...] = ()) -> None:
        """Forget a token that an endpoint did not take, unless it was replaced meanwhile."""
        client = _Client(grant, only)
        if self._tokens.get(client) is token:
            del self._tokens[client]

    async def _fetch(self, client: _Client, until: float) -> Token:
        answer = await self._ask(client, until, in_header=True)
        if answer.status in (400, 401):
            # Servers must take the credentials in a header (RFC 6749, 2.3.1); some take only the form.
            answer = await self._ask(client, until, in_header=False)
        if answer.status != 200:
            again = answer.status in OVERLOADED | TRANSIENT
            reason = f"found status {answer.status}; expected 200"
            raise NoToken("token" if again else "token_refused", refused=not again, reason=reason)
        token = _read(answer)
        if len(self._tokens) >= REMEMBER_AT_MOST:
            self._tokens.clear()
        self._tokens[client] = token
        return token

    async def _ask(self, client: _Client, until: float, in_header: bool) -> Exchange:
        fault = url_fault(client.grant.token_url)
        if fault is not None:
            raise NoToken("bad_url", refused=True, reason=fault)
        request = _token_request(client.grant, in_header)
        request.extensions["only"] = client.only
        try:
            return await self._client.exchange(request, until)
        except Unsendable as ours:
            raise NoToken(ours.error, refused=True, reason=str(ours)) from None
        except EgressDenied as denied:
            raise NoToken("egress_denied", refused=True, reason=str(denied)) from None
        except (httpx.RequestError, httpx.InvalidURL) as failure:
            raise NoToken("token", refused=False, reason=str(failure)) from None

    def _fetched(self, client: _Client, done: asyncio.Task[Token]) -> None:
        del self._fetches[client]
        if not done.cancelled():
            # Read it, or asyncio complains when everybody has given up waiting.
            done.exception()


def _token_request(grant: Grant, in_header: bool) -> httpx.Request:
    form = {"grant_type": "client_credentials", "scope": grant.scope, "audience": grant.audience}
    headers = {"accept": "application/json", "accept-encoding": "identity"}
    headers["content-type"] = "application/x-www-form-urlencoded"
    if in_header:
        headers["authorization"] = basic(quote_plus(grant.client_id), quote_plus(grant.client_secret))
    else:
        form |= {"client_id": grant.client_id, "client_secret": grant.client_secret}
    content = urlencode({name: value for name, value in form.items() if value is not None})
    return httpx.Request("POST", grant.token_url, headers=headers, content=content)


def _read(answer: Exchange) -> Token:
    try:
        issued = msgspec.json.decode(answer.body, type=_Issued)
        life = float(LIFE_UNSTATED if issued.expires_in is None else issued.expires_in)
    except (msgspec.DecodeError, ValueError):
        raise NoToken("token", refused=False, reason="found no access_token in its answer") from None
    if not _SHOWABLE.fullmatch(issued.access_token):
        raise NoToken("token", refused=False, reason="found an access_token that no header can hold")
    return Token(issued.access_token, asyncio.get_running_loop().time() + FRESH_FOR * life)
