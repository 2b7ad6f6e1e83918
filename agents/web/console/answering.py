"""The pages of the console and what can be done from them; all of it runs in the console's own thread.

What changes something goes by the very functions of `postcall replay` and `postcall resume`.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeAlias

import msgspec
from aiokafka.errors import KafkaError
from msgspec.structs import replace

from agents.call_log import read_call
from agents.connection import client_options, kafka_config
from agents.explaining import explained
from agents.moments import moment
from agents.operating import resume
from agents.replaying import planned, post
from agents.selecting import selection
from agents.web.console import views
from agents.web.console.feed import Feed
from agents.web.console.rendering import render
from schemas import wire
from schemas.encodings.envelopes import MOST_CALL_ID_BYTES
from schemas.settings import Settings
from streams.console.calls import Filter
from streams.console.window import Window
from streams.letters import Selection

Asked: TypeAlias = Mapping[str, str]
Fields: TypeAlias = Sequence[tuple[str, str]]
Values: TypeAlias = dict[str, Any]
Answer: TypeAlias = tuple[int, str]

RATE: Final = 50.0
"""Deliveries a second that a replay from here asks for: whoever pressed the button waits for its end."""

MOST_REPLAYED: Final = 500
"""Deliveries of one replay from here; more is the command's, which shows how far it is."""

CALLS_AT_ONCE: Final = 2
"""Calls that are read from the topics at the same time."""

CALL_SECONDS: Final = 20.0
"""How long a call is looked for; `postcall explain` has no limit."""


class NotThere(Exception):
    """No such page, or nothing of that name."""


class Pages:
    """Answers with a status and HTML. Raises NotThere."""

    def __init__(self, settings: Settings, feed: Feed) -> None:
        self._settings = settings
        self._feed = feed
        self._reading = asyncio.Semaphore(CALLS_AT_ONCE)
        self._pages = {
            "/": self._calls,
            "/call": self._call,
            "/workflows": self._workflows,
            "/workflow": self._workflow,
            "/endpoints": self._endpoints,
            "/dead-letters": self._dead_letters,
        }
        self._acts = {"/dead-letters/replay": self._replay, "/endpoints/resume": self._resume}

    async def revision(self) -> int:
        """How often what the console knows has changed."""
        return self._feed.revision

    async def page(self, path: str, asked: Asked, around: Values) -> Answer:
        """A page, by its path."""
        made = self._pages.get(path)
        if made is None:
            raise NotThere(f"found no page {path[:80]!r}; expected one of {', '.join(self._pages)}")
        return await self._answered(made(asked), around)

    async def act(self, path: str, fields: Fields, around: Values) -> Answer:
        """Do what a form asks for, and say what came of it."""
        return await self._answered(self._acts[path](fields), around)

    async def _answered(self, made: Any, around: Values) -> Answer:
        try:
            name, values = await made
        except ValueError as fault:
            return self._page_of("fault", {"why": str(fault), "title": "Not understood"}, around, 400)
        except LookupError as fault:
            return self._page_of("fault", {"why": str(fault.args[0]), "title": "Not done"}, around, 409)
        except (KafkaError, TimeoutError, OSError, msgspec.DecodeError, wire.NewerFormat) as fault:
            why = f"{type(fault).__name__}: {fault}" if str(fault) else "the broker did not answer in time"
            return self._page_of("fault", {"why": why, "title": "Not known now"}, around, 503)
        return self._page_of(name, values, around, 200)

    def _page_of(self, name: str, values: Values, around: Values, status: int) -> Answer:
        base = {"loading": False, "fault": None, "revision": None, "title": name}
        return status, render(name, base | around | values)

    async def _window(self) -> tuple[Window, Values]:
        known = await self._feed.known()
        return known.window, {
            "loading": known.loading,
            "fault": known.fault,
            "revision": known.window.revision,
        }

    # -- pages

    async def _calls(self, asked: Asked) -> tuple[str, Values]:
        wanted = Filter(
            agent=asked.get("agent", ""),
            verdict=asked.get("verdict", ""),
            rule=asked.get("rule", ""),
            since=_since(asked.get("since", "")),
            text=asked.get("text", "").strip(),
        )
        window, state = await self._window()
        return "calls", {**state, "title": "Calls", **views.calls(window, wanted, asked, _page(asked))}

    async def _call(self, asked: Asked) -> tuple[str, Values]:
        call_id = asked.get("id", "")
        size = len(call_id.encode("utf-8", "surrogatepass"))
        if not 0 < size <= MOST_CALL_ID_BYTES:
            raise ValueError(f"found a call id of {size} bytes; expected 1 to {MOST_CALL_ID_BYTES}")
        window, state = await self._window()
        documents = await self._feed.documents()
        rows = [one.at for (name, _), one in window.calls.items() if name == call_id]
        # Of what only grows no more is read than the call can be old: a queued one is waited for the longest.
        # The embedded broker finds nothing by time, and holds little.
        longest = max(self._settings.lost_queued, timedelta(days=1))
        since = min(rows) - longest if rows and not self._settings.embedded else None
        async with self._reading, asyncio.timeout(CALL_SECONDS):
            config = kafka_config(self._settings)
            log = await read_call(call_id, self._settings, config, since, lambda done, total: None)
            told = explained(log, self._settings)
        return "call", {**state, "title": f"Call {call_id}", **views.call(told, documents)}

    async def _workflows(self, asked: Asked) -> tuple[str, Values]:
        return "workflows", {"title": "Workflows", **views.workflows(await self._feed.documents())}

    async def _workflow(self, asked: Asked) -> tuple[str, Values]:
        documents, name, version = await self._feed.documents(), asked.get("id", ""), asked.get("version", "")
        number = int(version) if version.isascii() and version.isdecimal() else documents.in_force(name)
        found = None if number is None else documents.workflow(name, number)
        if found is None:
            raise NotThere(
                f"found no workflow {name[:80]!r} of version {version[:20] or 'in force'} in the topic"
            )
        title = f"Workflow {found.id}@{found.version}"
        return "workflow", {"title": title, **views.workflow(found, documents.in_force(name))}

    async def _endpoints(self, asked: Asked) -> tuple[str, Values]:
        window, state = await self._window()
        return "endpoints", {
            **state,
            "title": "Endpoints",
            **views.endpoints(window, await self._feed.documents()),
        }

    async def _dead_letters(self, asked: Asked) -> tuple[str, Values]:
        wanted = _selection(asked)
        window, state = await self._window()
        shown = views.dead_letters(window, wanted, asked, _page(asked))
        return "dead_letters", {**state, "title": "Dead letters", **shown}

    # -- what changes something

    async def _replay(self, fields: Fields) -> tuple[str, Values]:
        form = dict(fields)
        wanted = _selection(form)
        picked = frozenset(value for name, value in fields if name == "delivery")
        if form.get("of") == "picked":
            if not picked:
                raise ValueError("found no dead letter that is ticked; expected one at least")
            wanted = replace(wanted, deliveries=picked)
        if wanted.empty and form.get("of") != "all":
            raise ValueError("found nothing that says what to replay; expected a call, or dead letters")
        plan = await planned(wanted, RATE, self._settings)
        if plan.deliveries > MOST_REPLAYED:
            raise ValueError(
                f"found {plan.deliveries} deliveries; expected at most {MOST_REPLAYED} from here: "
                "`postcall replay` takes any number"
            )
        send = form.get("step") == "send"
        if send:
            await post(plan.messages, RATE, self._settings)
        asked = [(name, value) for name, value in fields if name != "step"]
        return "replay", {"title": "Replay", **views.replay(plan, asked, send)}

    async def _resume(self, fields: Fields) -> tuple[str, Values]:
        name = dict(fields).get("endpoint", "")
        topic = self._settings.topic("workflows")
        await resume(name, client_options(kafka_config(self._settings)), topic)
        self._feed.forget_documents()
        return "resumed", {"title": "Resumed", "endpoint": name}


def _selection(asked: Asked) -> Selection:
    return selection({name: asked[name].strip() for name in views.SELECTING if asked.get(name, "").strip()})


def _since(text: str) -> datetime | None:
    return moment(text.strip(), datetime.now(UTC)) if text.strip() else None


def _page(asked: Asked) -> int:
    page = asked.get("page", "1")
    return max(1, int(page)) if page.isascii() and page.isdecimal() and len(page) < 7 else 1
