"""Reading the workflows topic into memory, and knowing how far it was read.

Every worker reads all of it, without a group: it is compacted and has one partition. A lost broker is waited
for; what was read stays in force meanwhile.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from agents import failpoints
from agents.metrics import Metrics
from schemas.endpoints import Mark
from schemas.workflow import VoiceAgent, Workflow
from streams.definitions import Accepted, Read, Refused, Removed, Snapshot, fold

log = logging.getLogger(__name__)

CLOCKS_DIFFER: Final = timedelta(seconds=2)
"""How far a record's time may be behind ours: within it, having read the topic "before" proves nothing."""

_RETRY_SECONDS: Final = 0.5
_FETCH_SECONDS: Final = 1.0


class Reader:
    """The documents in force, followed from `start` to `stop`.

    `options` are those of an aiokafka client (address, TLS). The task crashes on nothing that the topic or
    the broker can do; `crashed` says so if it did.
    """

    def __init__(
        self,
        options: dict[str, Any],
        topic: str,
        metrics: Metrics,
        fetch_wait: timedelta = timedelta(milliseconds=250),
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._options = options
        self._partition = TopicPartition(topic, 0)
        self._metrics = metrics
        self._fetch_wait = fetch_wait
        self._clock = clock
        self._snapshot = Snapshot()
        self._position = 0
        self._checked_at = datetime.min.replace(tzinfo=UTC)
        self._moved = asyncio.Condition()
        self._check = asyncio.Lock()
        self._asker: AIOKafkaConsumer | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def snapshot(self) -> Snapshot:
        """What is in force now, all of one moment."""
        return self._snapshot

    @property
    def ready(self) -> bool:
        """Whether the topic was read up to its end once."""
        return self._checked_at > datetime.min.replace(tzinfo=UTC)

    def workflow(self, workflow_id: str, version: int) -> Workflow | None:
        """That version of a workflow."""
        return self._snapshot.workflow(workflow_id, version)

    def in_force(self, workflow_id: str) -> int | None:
        """The version in force of a workflow."""
        return self._snapshot.in_force(workflow_id)

    def agent(self, agent_id: str) -> VoiceAgent | None:
        """A voice agent."""
        return self._snapshot.agent(agent_id)

    def mark(self, endpoint: str) -> Mark | None:
        """What is known of an endpoint, `<agent>/<node or type>`."""
        return self._snapshot.mark(endpoint)

    async def start(self) -> None:
        """Begin to read; the topic exists."""
        self._task = asyncio.create_task(self._follow(), name="definitions")

    async def stop(self) -> None:
        """Stop reading. What was read is still there."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    async def started(self) -> None:
        """Return when the topic was read up to its end once. Raises what the reader crashed with."""
        await self._check_now(self._clock())

    async def read_past(self, moment: datetime) -> None:
        """Return when everything was read that was appended before a moment; one to come counts as now.

        It costs one request where the last look at the topic's end is older than the moment, and nothing for
        the events of a backlog. Raises what the reader crashed with.
        """
        asked_at = self._clock()
        needed = min(moment + CLOCKS_DIFFER, asked_at)
        if self._checked_at < needed:
            await self._check_now(needed)

    async def _check_now(self, needed: datetime) -> None:
        async with self._check:
            # Whoever waited here while another one asked has its answer already.
            while self._checked_at < needed:
                asked_at = self._clock()
                end = await self._end()
                await self._reach(end)
                self._checked_at = asked_at

    async def _end(self) -> int:
        while True:
            self._raise_crash()
            asker = self._asker
            try:
                if asker is not None:
                    ends = await asker.end_offsets([self._partition])
                    return int(ends[self._partition])
            except KafkaError as fault:
                log.warning("the end of %s is not known yet: %r", self._partition.topic, fault)
            await asyncio.sleep(_RETRY_SECONDS if asker is not None else 0.02)

    async def _reach(self, end: int) -> None:
        async with self._moved:
            while self._position < end:
                self._raise_crash()
                await self._moved.wait()

    def _raise_crash(self) -> None:
        if self._task is None:
            raise RuntimeError("found a reader that was not started; expected start() before this")
        if self._task.done():
            self._task.result()
            raise RuntimeError("found a reader that was stopped; expected one that reads")

    async def _follow(self) -> None:
        try:
            while True:
                try:
                    await self._read_until_fault()
                except KafkaError as fault:
                    log.warning("%s cannot be read now, trying again: %r", self._partition.topic, fault)
                    await asyncio.sleep(_RETRY_SECONDS)
        finally:
            async with self._moved:
                self._moved.notify_all()

    async def _read_until_fault(self) -> None:
        # A broker answers one connection in order: a question behind a parked fetch waits as long as that.
        reader, asker = self._client(), self._client()
        try:
            await reader.start()
            await asker.start()
            reader.assign([self._partition])
            reader.seek(self._partition, self._position)
            self._asker = asker
            while True:
                batches = await reader.getmany(self._partition, timeout_ms=int(_FETCH_SECONDS * 1000))
                self._apply(batches.get(self._partition, []))
                await self._advance(await reader.position(self._partition))
        finally:
            self._asker = None
            await asyncio.gather(reader.stop(), asker.stop())

    def _client(self) -> AIOKafkaConsumer:
        return AIOKafkaConsumer(
            group_id=None,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            fetch_max_wait_ms=int(self._fetch_wait.total_seconds() * 1000),
            **self._options,
        )

    def _apply(self, records: Sequence[ConsumerRecord[bytes | None, bytes | None]]) -> None:
        if not records:
            return
        self._snapshot, read = fold(self._snapshot, ((each.key, each.value) for each in records))
        for each in read:
            self._tell(each)
        failpoints.hit("definitions-read")

    def _tell(self, read: Read) -> None:
        match read:
            case Accepted(key):
                self._metrics.definition("accepted")
                log.info("in force: %s", key)
            case Removed(key):
                self._metrics.definition("removed")
                log.info("no longer in force: %s", key)
            case Refused(key, why):
                self._metrics.definition("rejected")
                log.error("not put into force: %s: %s", key, why)

    async def _advance(self, position: int) -> None:
        async with self._moved:
            self._position = position
            self._moved.notify_all()
