"""Make one attempt: a rendered request goes out, a reply comes back, whatever happens.

One deadline holds for everything: a token, the look-up, the connection, the answer and its body.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import TypeAlias

import httpx
from msgspec import Struct

from agents.http.client import Client
from agents.http.errors import Unsendable, silence_of
from agents.http.mask import Mask
from agents.http.preparing import Prepared, Sent, prepare
from agents.http.progress import Progress
from agents.http.reading import answered
from agents.http.secrets import Secrets
from agents.http.tokens import NoToken, Token, Tokens
from schemas.delivery import Answered, Kind, Reply, Request, Silence
from streams.judge import REFUSED_CREDENTIALS

Only: TypeAlias = Callable[[str], tuple[str, ...]]
"""Voice agent → what its document narrows its requests to, as it is in force now; empty: nothing."""


def _nothing(_: str) -> tuple[str, ...]:
    return ()


def _untold(_: "Outbound") -> None:
    return None


class Outbound(Struct, frozen=True):
    """One attempt to be made. `attempt` counts from 1; `endpoint` is scheme://host:port, for records; `name`
    is the node id or the webhook event type."""

    call_id: str
    delivery_id: str
    kind: Kind
    attempt: int
    endpoint: str
    request: Request
    agent_id: str
    replay: bool = False
    name: str = ""


class Attempts:
    """Makes the attempts of a worker.

    `clock` gives the time in UTC. `may_leave` is asked when a request is about to be written to its
    connection, which may have taken seconds to open: False raises Withheld out of `make`. `only` is asked
    for each attempt, as documents may change between two. `insecure` is told of each request whose
    endpoint's certificate is not checked.
    """

    def __init__(
        self,
        client: Client,
        secrets: Secrets,
        clock: Callable[[], datetime],
        may_leave: Callable[[Outbound], bool] | None = None,
        *,
        only: Only = _nothing,
        insecure: Callable[[Outbound], None] = _untold,
    ) -> None:
        self._only = only
        self._insecure = insecure
        self._may_leave = may_leave
        self._client = client
        self._secrets = secrets
        self._clock = clock
        self._tokens = Tokens(client)

    async def make(self, outbound: Outbound, progress: Progress | None = None) -> Reply:
        """Send the request once, and say what came back.

        What the world does is a value; nothing is raised but Withheld and defects of ours. `progress`
        is kept up to date for whoever wants to see more than the reply.
        """
        progress = progress or Progress()
        until = asyncio.get_running_loop().time() + outbound.request.timeout.total_seconds()
        only = self._only(outbound.agent_id)
        sent = Sent(outbound.delivery_id, outbound.attempt, outbound.replay, only)
        try:
            prepared = prepare(outbound.request, sent, self._secrets, self._clock())
            return await self._send(outbound, prepared, until, progress)
        except Unsendable as ours:
            progress.reason = str(ours)
            return Silence(error=ours.error, stage="before")
        except NoToken as none:
            progress.reason = str(none)
            return none.silence
        except (httpx.RequestError, httpx.InvalidURL) as failure:
            progress.reason = str(failure)
            return silence_of(failure)

    async def _send(
        self, outbound: Outbound, prepared: Prepared, until: float, progress: Progress
    ) -> Answered:
        asked = None if self._may_leave is None else partial(self._may_leave, outbound)

        if prepared.credentials.tls.insecure and prepared.url.scheme == "https":
            self._insecure(outbound)

        async def exchange(token: Token | None) -> Answered:
            request = prepared.http(token, asked)
            mask = prepared.mask(token)
            return await self._exchange(request, outbound.request, mask, until, progress)

        grant = prepared.credentials.grant
        if grant is None:
            return await exchange(None)
        token = await self._tokens.token(grant, until, prepared.only)
        reply = await exchange(token)
        if reply.status not in REFUSED_CREDENTIALS:
            return reply
        # Tokens are withdrawn before their time, too; a fresh one decides.
        self._tokens.refused(grant, token, prepared.only)
        try:
            return await exchange(await self._tokens.token(grant, until, prepared.only))
        except NoToken:
            return reply

    async def _exchange(
        self, request: httpx.Request, rendered: Request, mask: Mask, until: float, progress: Progress
    ) -> Answered:
        keep = rendered.keep
        send = self._client.follow if rendered.redirects else self._client.exchange
        exchange = await send(request, until, bool(keep.body or keep.extract), progress)
        return answered(exchange, keep, mask, self._clock())
