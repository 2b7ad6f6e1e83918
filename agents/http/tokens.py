"""Access tokens of OAuth2 client credentials: one for each client, fetched once, refreshed early."""

import asyncio
from typing import Final
from urllib.parse import quote_plus, urlencode

import httpx
import msgspec
from msgspec import Struct

from agents.http.auth import Grant, basic
from agents.http.client import Client, Exchange
from agents.http.errors import Unsendable
from schemas.delivery import Silence
from streams.egress import url_fault
from streams.judge import OVERLOADED, TRANSIENT

FRESH_FOR: Final = 0.8
"""Of its life a token is used; the rest is left for requests under way and for clocks that differ."""

LIFE_UNSTATED: Final = 300.0
"""Seconds a token is taken to live when the answer does not say."""

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

    def __init__(self, error: str, refused: bool) -> None:
        super().__init__(error)
        self.silence = Silence(error=error, stage="before" if refused else "unsent")


class Tokens:
    """The tokens of a worker. Requests that need the same one wait for one fetch."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._tokens: dict[Grant, Token] = {}
        self._fetches: dict[Grant, asyncio.Task[Token]] = {}

    async def token(self, grant: Grant, until: float) -> Token:
        """A token that is still good. Raises NoToken, also when there is none by `until`."""
        known = self._tokens.get(grant)
        if known is not None and asyncio.get_running_loop().time() < known.until:
            return known
        fetch = self._fetches.get(grant)
        if fetch is None:
            fetch = self._fetches[grant] = asyncio.create_task(self._fetch(grant, until))
            fetch.add_done_callback(lambda done: self._fetched(grant, done))
        try:
            async with asyncio.timeout_at(until):
                # One request's deadline must not cancel the fetch that others wait for.
                return await asyncio.shield(fetch)
        except TimeoutError:
            raise NoToken("token", refused=False) from None

    def refused(self, grant: Grant, token: Token) -> None:
        """Forget a token that an endpoint did not take, unless it was replaced meanwhile."""
        if self._tokens.get(grant) is token:
            del self._tokens[grant]

    async def _fetch(self, grant: Grant, until: float) -> Token:
        answer = await self._ask(grant, until, in_header=True)
        if answer.status in (400, 401):
            # Servers must take the credentials in a header (RFC 6749, 2.3.1); some take only the form.
            answer = await self._ask(grant, until, in_header=False)
        if answer.status != 200:
            again = answer.status in OVERLOADED | TRANSIENT
            raise NoToken("token" if again else "token_refused", refused=not again)
        token = _read(answer)
        if len(self._tokens) >= REMEMBER_AT_MOST:
            self._tokens.clear()
        self._tokens[grant] = token
        return token

    async def _ask(self, grant: Grant, until: float, in_header: bool) -> Exchange:
        if url_fault(grant.token_url) is not None:
            raise NoToken("bad_url", refused=True)
        try:
            return await self._client.exchange(_token_request(grant, in_header), until)
        except Unsendable as ours:
            raise NoToken(ours.error, refused=True) from None
        except (httpx.RequestError, httpx.InvalidURL):
            raise NoToken("token", refused=False) from None

    def _fetched(self, grant: Grant, done: asyncio.Task[Token]) -> None:
        del self._fetches[grant]
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
        raise NoToken("token", refused=False) from None
    return Token(issued.access_token, asyncio.get_running_loop().time() + FRESH_FOR * life)
