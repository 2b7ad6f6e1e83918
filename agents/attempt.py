"""Make one attempt: a rendered request goes out, a reply comes back, whatever happens.

One deadline holds for everything: a token, the look-up, the connection, the answer and its body.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Final

import httpx
from msgspec import Struct

from agents.http.client import Client
from agents.http.errors import Unsendable, silence_of
from agents.http.preparing import Prepared, Sent, prepare
from agents.http.progress import Progress
from agents.http.reading import answered
from agents.http.secrets import Secrets
from agents.http.tokens import NoToken, Token, Tokens
from schemas.delivery import Answered, Kind, Reply, Request, Silence

UNAUTHORIZED: Final = 401


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


class Attempts:
    """Makes the attempts of a worker. `clock` gives the time in UTC."""

    def __init__(self, client: Client, secrets: Secrets, clock: Callable[[], datetime]) -> None:
        self._client = client
        self._secrets = secrets
        self._clock = clock
        self._tokens = Tokens(client)

    async def make(self, outbound: Outbound, progress: Progress | None = None) -> Reply:
        """Send the request once, and say what came back.

        What the world does is a value; nothing is raised but a defect of ours. `progress` is kept up
        to date for whoever wants to see more than the reply.
        """
        progress = progress or Progress()
        until = asyncio.get_running_loop().time() + outbound.request.timeout.total_seconds()
        sent = Sent(outbound.delivery_id, outbound.attempt, outbound.replay)
        try:
            prepared = prepare(outbound.request, sent, self._secrets, self._clock())
            return await self._send(prepared, until, progress)
        except Unsendable as ours:
            progress.reason = str(ours)
            return Silence(error=ours.error, stage="before")
        except NoToken as none:
            return none.silence
        except (httpx.RequestError, httpx.InvalidURL) as failure:
            progress.reason = str(failure)
            return silence_of(failure)

    async def _send(self, prepared: Prepared, until: float, progress: Progress) -> Answered:
        grant = prepared.credentials.grant
        if grant is None:
            return await self._exchange(prepared, None, until, progress)
        token = await self._tokens.token(grant, until)
        reply = await self._exchange(prepared, token, until, progress)
        if reply.status != UNAUTHORIZED:
            return reply
        # Tokens are withdrawn before their time, too; a fresh one decides.
        self._tokens.refused(grant, token)
        try:
            token = await self._tokens.token(grant, until)
        except NoToken:
            return reply
        return await self._exchange(prepared, token, until, progress)

    async def _exchange(
        self, prepared: Prepared, token: Token | None, until: float, progress: Progress
    ) -> Answered:
        keep = prepared.request.keep
        wanted = bool(keep.body or keep.extract)
        send = self._client.follow if prepared.request.redirects else self._client.exchange
        exchange = await send(prepared.http(token), until, wanted, progress)
        return answered(exchange, keep, prepared.mask(token), self._clock())


async def make(
    outbound: Outbound,
    client: Client,
    secrets: Secrets,
    clock: Callable[[], datetime],
    progress: Progress | None = None,
) -> Reply:
    """Make a single attempt, as `postcall send-test` does. A worker keeps its `Attempts`, and with them
    its access tokens."""
    return await Attempts(client, secrets, clock).make(outbound, progress)
