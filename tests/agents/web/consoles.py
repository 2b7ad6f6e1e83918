"""A console on loopback whose window holds what a test puts into it."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp

from agents.metrics import Metrics
from agents.web.console.app import Console
from agents.web.console.feed import Feed, Known
from agents.web.server import WebServer
from schemas.settings import Settings
from schemas.wire import json_bytes, moment
from streams.console.window import Window
from streams.definitions import Snapshot, fold

TOKEN = "opensesame-4711"
NOW = datetime.now(UTC).replace(microsecond=0)


class StillFeed(Feed):
    """A feed whose topics stand still."""

    def __init__(self, settings: Settings, window: Window, documents: Snapshot) -> None:
        super().__init__(settings)
        self._window, self._still = window, documents

    async def known(self) -> Known:
        return Known(self._window, loading=False, fault=None)

    async def documents(self) -> Snapshot:
        return self._still


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    text: str
    headers: dict[str, str]
    cookies: dict[str, str]


@dataclass(frozen=True, slots=True)
class Served:
    """A console, and who asks it: redirections are not followed, cookies not kept."""

    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def ask(
        self, path: str, method: str = "GET", fields: Iterable[tuple[str, str]] = (), **headers: str
    ) -> Answer:
        jar = aiohttp.DummyCookieJar()
        named = {name.replace("_", "-"): text for name, text in headers.items()}
        async with (
            aiohttp.ClientSession(cookie_jar=jar) as session,
            session.request(
                method,
                f"{self.url}{path}",
                headers=named,
                data=aiohttp.FormData(list(fields)) if method == "POST" else None,
                allow_redirects=False,
            ) as answer,
        ):
            cookies = {name: morsel.value for name, morsel in answer.cookies.items()}
            return Answer(answer.status, await answer.text(), dict(answer.headers), cookies)


@asynccontextmanager
async def console(
    window: Window | None = None, documents: Iterable[dict[str, Any]] = (), **settings: Any
) -> AsyncIterator[Served]:
    made = Settings(**({"web_token": TOKEN} | settings))
    snapshot, _ = fold(Snapshot(), [(_key(one).encode(), json_bytes(one)) for one in documents])
    served = Console(made, StillFeed(made, window or Window(), snapshot))
    server = WebServer(Metrics().exposition, list, list, served)
    port = await server.start("127.0.0.1", 0)
    try:
        yield Served(port)
    finally:
        await server.stop()


def _key(document: dict[str, Any]) -> str:
    version = f"@{document['version']}" if "version" in document else ""
    return f"{document['kind']}/{document['id']}{version}"


def outcome(call_id: str, verdict: str = "PROPER", rule: str = "R1", **more: Any) -> bytes:
    """A record of call-outcomes."""
    return json_bytes(
        {
            "type": "call.outcome",
            "call_id": call_id,
            "incarnation": 1,
            "agent_id": "bot",
            "workflow_id": "support",
            "workflow_version": 1,
            "verdict": verdict,
            "end_node_id": "done" if verdict == "PROPER" else None,
            "reason": "end_node",
            "rule": rule,
            "flags": [],
            "synthetic": False,
            "decided_at": moment(NOW),
            "ended_at": moment(NOW - timedelta(seconds=3)),
            **more,
        }
    )


def line(call_id: str, class_: str = "success", **more: Any) -> bytes:
    """A line of delivery-log."""
    return json_bytes(
        {
            "call_id": call_id,
            "incarnation": 1,
            "kind": "node",
            "id": "crm",
            "name": "crm",
            "delivery_id": f"d-{call_id}",
            "attempt": 1,
            "endpoint": "https://crm.example.com",
            "method": "POST",
            "status": 200 if class_ == "success" else 503,
            "class": class_,
            "error": None,
            "started_at": moment(NOW),
            "seconds": 0.25,
            "next_at": None,
            **more,
        }
    )


def letter(call_id: str, **more: Any) -> bytes:
    """A dead letter."""
    return json_bytes(
        {
            "reason": "exhausted",
            "call_id": call_id,
            "incarnation": 1,
            "agent_id": "bot",
            "delivery_id": f"d-{call_id}",
            "kind": "node",
            "id": "crm",
            "endpoint": "https://crm.example.com",
            "why": None,
            "source": {"topic": "call-events", "partition": 0, "offset": 7},
            "attempts": [],
            "at": moment(NOW),
            **more,
        }
    )


def window(*records: tuple[str, bytes]) -> Window:
    """A window that took these (topic, value)."""
    made = Window()
    for topic, value in records:
        made.take(topic, value)
    return made
