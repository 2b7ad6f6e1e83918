"""What voice platforms send, read from topics of its own and put on `call-events` as canonical events.

Apart from the engine: a consumer group of its own reads those topics, and what it says is an ordinary event, which
`explain`, `verify` and a replay find where they find the others. A payload is committed when its events are with the
broker. After a crash it is read again and says the same events with the same ids: duplicates (R13).
"""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple, TypeAlias

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError, MessageSizeTooLargeError

from agents.connection import client_options
from agents.kafka.config import KafkaConfig
from agents.kafka.start import Start, begin
from agents.kafka.topics import ensure_sources
from agents.metrics import Metrics
from agents.output_topics import Taken
from schemas.adapters.tables import Adapter
from schemas.encodings.bounded_json import Unreadable
from schemas.wire import json_bytes
from streams import records
from streams.adapting import Unknown, adapt, payload_of
from streams.effects import Position
from streams.topology import home

log = logging.getLogger(__name__)

FETCH_MILLISECONDS: Final = 200
MOST_TOGETHER: Final = 500
"""Payloads that are read before they are committed."""

MOST_BYTES: Final = 1_000_000
"""Of an event; a topic that somebody made takes 1 MiB with everything around it."""

BREATHE_AFTER: Final = 16
"""Payloads after which the event loop gets a turn."""

TRY_AGAIN: Final = 2.0
"""Seconds until Kafka is tried again after it failed."""

MOST_TOLD: Final = 100
"""Sorts of unknown payloads that are told of in the log; all of them are counted."""

PATIENCE: Final = timedelta(seconds=30)
"""How long a conclusion from silence waits for payloads that may speak."""

PASSES: Final = 64
"""Looks at the ends of the topics that are remembered, some ten seconds of them."""

Sent: TypeAlias = list["asyncio.Future[Any]"]


class Pass(NamedTuple):
    """What was in the topics when it began was on call-events when it ended."""

    began: datetime
    ended: datetime


class Adapting:
    """Adapts the payloads of these topics. `call_events` and `dead_letters` are the broker's names."""

    def __init__(
        self,
        config: KafkaConfig,
        tables: Mapping[str, Adapter],
        call_events: str,
        dead_letters: str,
        metrics: Metrics,
        clock: Callable[[], datetime],
    ) -> None:
        self._config, self._tables, self._metrics, self._clock = config, tables, metrics, clock
        self._call_events, self._dead_letters = call_events, dead_letters
        self._passes: deque[Pass] = deque(maxlen=PASSES)
        self._told: set[str] = set()

    async def run(self) -> None:
        """Adapt for ever. A Kafka that fails is tried again; what is not committed is read again."""
        while True:
            try:
                async with self._clients() as (consumer, producer):
                    await self._follow(consumer, producer)
            except KafkaError as failure:
                log.warning("adapting stopped (%r); what is not committed is read again", failure)
                await asyncio.sleep(TRY_AGAIN)

    def through(self, at: datetime) -> datetime | None:
        """From when on all that was in the topics at a time is on call-events; None while it is not.

        Of the partitions that this worker reads. What another's lag keeps back is late evidence (R15), and so is what
        comes after `PATIENCE`: a topic that cannot be read holds up no verdict for longer.
        """
        ended = next((one.ended for one in self._passes if one.began > at), None)
        return at if ended is None and self._clock() - at > PATIENCE else ended

    @asynccontextmanager
    async def _clients(self) -> AsyncIterator[tuple[AIOKafkaConsumer, AIOKafkaProducer]]:
        options = client_options(self._config)
        producer = AIOKafkaProducer(
            acks="all", enable_idempotence=True, max_request_size=3 * 1024 * 1024, **options
        )
        consumer = AIOKafkaConsumer(
            *self._tables,
            group_id=group(self._config),
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            isolation_level="read_committed",
            session_timeout_ms=int(self._config.session_timeout.total_seconds() * 1000),
            heartbeat_interval_ms=int(self._config.heartbeat.total_seconds() * 1000),
            fetch_max_wait_ms=int(self._config.fetch_wait.total_seconds() * 1000),
            **options,
        )
        try:
            await producer.start()
            await consumer.start()
            yield consumer, producer
        finally:
            await consumer.stop()
            await producer.stop()

    async def _follow(self, consumer: AIOKafkaConsumer, producer: AIOKafkaProducer) -> None:
        began, ends = self._clock(), await _ends(consumer)
        while True:
            batches = await consumer.getmany(timeout_ms=FETCH_MILLISECONDS, max_records=MOST_TOGETHER)
            await self._take([record for batch in batches.values() for record in batch], producer)
            await _commit(consumer, {at: batch[-1].offset + 1 for at, batch in batches.items()})
            mine = consumer.assignment()
            passed = mine == set(ends) and all([await consumer.position(at) >= ends[at] for at in mine])
            if passed:
                self._passes.append(Pass(began, self._clock()))
            if passed or mine != set(ends):
                began, ends = self._clock(), await _ends(consumer)

    async def _take(self, payloads: list[Taken], producer: AIOKafkaProducer) -> None:
        """Put the events of payloads on call-events; returns when the broker has all of them."""
        sent: list[tuple[Taken, Sent]] = []
        for number, record in enumerate(payloads, start=1):
            sent.append((record, [await producer.send(**each) for each in self._said(record)]))
            if number % BREATHE_AFTER == 0:
                await asyncio.sleep(0)
        for record, promises in sent:
            try:
                landed = await asyncio.gather(*promises)
            except MessageSizeTooLargeError as refusal:
                letter = self._letter(record, f"the broker refused its event: {refusal}")
                landed = [await producer.send_and_wait(**letter)]
            for each in landed:
                if each.topic == self._dead_letters:
                    self._metrics.dead_letter("unreadable")

    def _said(self, record: Taken) -> Iterator[dict[str, Any]]:
        """What is to be produced for a payload."""
        came = datetime.fromtimestamp(record.timestamp / 1000, UTC)
        adapter = self._tables[record.topic]
        try:
            found = adapt(adapter, payload_of(record.value or b""), came)
            values = () if isinstance(found, Unknown) else [(each, _sized(each)) for each in found.events]
        except Unreadable as why:
            yield self._letter(record, str(why))
            return
        if isinstance(found, Unknown):
            self._note_unknown(adapter.platform, found.told_by)
        for event, value in values:
            yield {
                "topic": self._call_events,
                "key": event["call_id"].encode("utf-8", "surrogatepass"),
                "value": value,
                "partition": home(event["call_id"], self._config.partitions),
                "headers": [(name, said) for name, said in record.headers if name.lower() == "traceparent"],
                "timestamp_ms": record.timestamp,
            }

    def _letter(self, record: Taken, why: str) -> dict[str, Any]:
        at = Position(record.topic, record.partition, record.offset)
        letter = records.unreadable(at, why, self._clock())
        return {"topic": self._dead_letters, "value": letter.value, "headers": list(letter.headers)}

    def _note_unknown(self, platform: str, told_by: str) -> None:
        self._metrics.note("unknown_payload")
        told = f"{platform}: {told_by}"
        if told not in self._told and len(self._told) < MOST_TOLD:
            self._told.add(told)
            log.warning("passed over a payload of %s, which its table does not have (%s)", platform, told_by)


def group(config: KafkaConfig) -> str:
    """The consumer group that reads payloads."""
    return f"{config.app_id}-adapt"


async def prepare(config: KafkaConfig, topics: tuple[str, ...], start: Start, replication: int) -> None:
    """Create the topics that are missing, and let a new group begin. Raises WrongTopic, KafkaError."""
    for topic, partitions in (await ensure_sources(config, topics, replication)).items():
        if not config.embedded:
            own = replace(config, app_id=group(config), topics=(topic,), partitions=partitions)
            await begin(own, start)


def _sized(event: dict[str, Any]) -> bytes:
    value = json_bytes(event)
    if len(value) > MOST_BYTES:
        raise Unreadable(
            f"found {len(value)} bytes in its event {event['type']}; expected at most {MOST_BYTES}"
        )
    return value


async def _ends(consumer: AIOKafkaConsumer) -> dict[TopicPartition, int]:
    mine = consumer.assignment()
    return dict(await consumer.end_offsets(mine)) if mine else {}


async def _commit(consumer: AIOKafkaConsumer, offsets: Mapping[TopicPartition, int]) -> None:
    """Commit what is ours still. What others read again says the same."""
    mine = consumer.assignment()
    kept = {at: offset for at, offset in offsets.items() if at in mine}
    try:
        if kept:
            await consumer.commit(kept)
    except (CommitFailedError, IllegalStateError) as refusal:
        log.info("a rebalance overtook a commit of adapted payloads: %r", refusal)
