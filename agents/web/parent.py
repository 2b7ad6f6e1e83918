"""The doors of `postcall worker --processes N`: one port for N workers.

`/metrics` is summed over the children, `/readyz` says yes when all of them do. `/livez` fails when a child
answers that it is stuck; a child that does not answer at all is its supervisor's to start again.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

import aiohttp

from agents.web.console.app import Console
from agents.web.merge import Totals
from agents.web.server import WebServer

_ANSWER_SECONDS: Final = 3.0
"""Prometheus and the kubelet wait longer for us than we do for a child."""


class ParentDoors:
    """Asks the children, by their loopback ports, whatever the parent is asked."""

    def __init__(
        self,
        ports: Callable[[], Sequence[int]],
        draining: Callable[[], bool],
        console: Console | None = None,
    ) -> None:
        """`ports` are the children's, always in the same order; a child keeps its place when it restarts.

        `draining` says whether they were told to stop. The `console` is the parent's: it shows all calls.
        """
        self._ports, self._draining = ports, draining
        self._totals = Totals()
        self._session: aiohttp.ClientSession | None = None
        self._server = WebServer(self._metrics, self._ready, self._alive, console)

    async def start(self, host: str, port: int) -> int:
        """Listen, and return the port."""
        timeout = aiohttp.ClientTimeout(total=_ANSWER_SECONDS)
        self._session = aiohttp.ClientSession(timeout=timeout, trust_env=False)
        return await self._server.start(host, port)

    async def stop(self) -> None:
        """Close the port and the connections to the children."""
        await self._server.stop()
        if self._session is not None:
            await self._session.close()

    async def _metrics(self) -> bytes:
        answers = await self._ask("/metrics")
        scraped = {child: body for child, (status, body) in enumerate(answers) if status == 200}
        return self._totals.exposition(scraped, len(answers))

    async def _ready(self) -> list[str]:
        stopping = ["stopping: the workers were told to"] if self._draining() else []
        return stopping + [
            f"worker {child}: {line}"
            for child, (status, body) in enumerate(await self._ask("/readyz"))
            if status != 200
            for line in _lines(body)
        ]

    async def _alive(self) -> list[str]:
        return [
            f"worker {child}: {line}"
            for child, (status, body) in enumerate(await self._ask("/livez"))
            if status not in (200, None)
            for line in _lines(body)
        ]

    async def _ask(self, path: str) -> list[tuple[int | None, bytes]]:
        asked = (self._fetch(f"http://127.0.0.1:{port}{path}") for port in self._ports())
        return list(await asyncio.gather(*asked))

    async def _fetch(self, url: str) -> tuple[int | None, bytes]:
        assert self._session is not None, "the doors are not started"
        try:
            async with self._session.get(url) as response:
                return response.status, await response.read()
        except (aiohttp.ClientError, TimeoutError):
            return None, b"it does not answer"


def _lines(body: bytes) -> list[str]:
    return body.decode(errors="replace").splitlines() or ["it gave no reason"]
