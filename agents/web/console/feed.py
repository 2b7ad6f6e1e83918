"""What the console knows: the output topics, read by a consumer without a group while somebody looks.

Nobody looks: nothing is read, and nothing is held. All of this runs in the console's own thread.
"""

import asyncio
import logging
import time
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from aiokafka.errors import KafkaError

from agents.connection import client_options, kafka_config
from agents.following import follow
from agents.kafka.config import KafkaConfig
from agents.kafka.topics import admin, counts
from agents.workflows_topic import in_force, read_whole
from schemas.settings import Settings
from streams.console.window import MOST_CALLS, Window
from streams.definitions import Snapshot
from streams.topology import OUTPUTS

log = logging.getLogger(__name__)

RECORDS: Final = 4 * MOST_CALLS
"""Records of each topic, its partitions together, that are read at first."""

IDLE_SECONDS: Final = 600.0
"""After so long without a visit the window is let go."""

AGAIN_SECONDS: Final = 2.0
"""Before a broker that did not answer is asked again."""

FRESH_SECONDS: Final = 2.0
"""For so long the documents that were read are believed."""

FIRST_SECONDS: Final = 1.5
"""How long a first visit waits for the window to be filled."""


@dataclass(frozen=True, slots=True)
class Known:
    """The window, and how it stands with it: `fault` says why it may be behind, `loading` that it is not full yet."""

    window: Window
    loading: bool
    fault: str | None


class Feed:
    """Follows the output topics into a window, from the first visit until nobody visits any more."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._window = Window()
        self._loaded = asyncio.Event()
        self._fault: str | None = None
        self._visited = 0.0
        self._task: asyncio.Task[None] | None = None
        self._documents: tuple[float, Snapshot] = (float("-inf"), Snapshot())

    async def known(self) -> Known:
        """The window now; the first visit waits a moment for it."""
        self._visited = time.monotonic()
        if self._task is None or self._task.done():
            self._loaded.clear()
            self._task = asyncio.create_task(self._follow())
        if not self._loaded.is_set() and self._fault is None:
            await asyncio.wait({asyncio.create_task(self._loaded.wait())}, timeout=FIRST_SECONDS)
        self._window.prune(datetime.now(UTC) - self._settings.remember)
        return Known(self._window, not self._loaded.is_set(), self._fault)

    @property
    def revision(self) -> int:
        """How often the window has changed; a visit like any other."""
        self._visited = time.monotonic()
        return self._window.revision

    async def documents(self) -> Snapshot:
        """The documents and marks in force. Raises KafkaError, TimeoutError."""
        read_at, snapshot = self._documents
        if time.monotonic() - read_at > FRESH_SECONDS:
            options = client_options(kafka_config(self._settings))
            snapshot = in_force(await read_whole(options, self._settings.topic("workflows")))
            self._documents = time.monotonic(), snapshot
        return snapshot

    def forget_documents(self) -> None:
        """Read the documents anew at the next question."""
        self._documents = (float("-inf"), Snapshot())

    async def _follow(self) -> None:
        reading = asyncio.create_task(self._read())
        while time.monotonic() - self._visited < IDLE_SECONDS and not reading.done():
            await asyncio.wait({reading}, timeout=IDLE_SECONDS / 100)
        reading.cancel()
        await asyncio.wait({reading})
        self._window, self._fault = Window(), None

    async def _read(self) -> None:
        while True:
            try:
                await self._read_until_fault()
            except (KafkaError, TimeoutError, LookupError, OSError) as fault:
                self._fault = (
                    str(fault.args[0]) if isinstance(fault, LookupError) else _unreachable(self._settings)
                )
                log.debug("the console cannot read now: %r", fault)
            await asyncio.sleep(AGAIN_SECONDS)

    async def _read_until_fault(self) -> None:
        config = kafka_config(self._settings)
        topics = {self._settings.topic(each): each for each in OUTPUTS}
        before = max(1, RECORDS // await _partitions(config, self._settings.topic("call-outcomes")))
        window = Window()
        async with aclosing(
            follow(config, tuple(topics), asyncio.Event(), lambda: None, before, self._caught_up)
        ) as records:
            self._window.revision += 1
            window.revision = self._window.revision
            self._window = window
            async for record, _ in records:
                self._fault = None
                window.take(topics[record.topic], record.value)

    def _caught_up(self) -> None:
        self._fault = None
        self._loaded.set()


async def _partitions(config: KafkaConfig, topic: str) -> int:
    async with admin(config) as kafka:
        if topic not in await kafka.list_topics():
            raise LookupError(f"found no topic {topic}; expected the one that the first worker makes")
        return (await counts(kafka, [topic]))[topic]


def _unreachable(settings: Settings) -> str:
    return f"no broker answers at {settings.broker}; what is shown may be behind"
