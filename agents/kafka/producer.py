"""The producer: idempotent, flushed to the last record, and unforgiving about a refusal."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from aiokafka.structs import RecordMetadata, TopicPartition
from faust.transport.drivers import aiokafka as driver

from agents.kafka.changelog import MOST_BYTES, TooLarge
from agents.kafka.gate import guard_changelog
from agents.kafka.pace import Pace
from streams import topology

if TYPE_CHECKING:
    from agents.kafka.app import App

REQUEST_PATIENCE = 120.0
"""Seconds that a batch may wait for its broker: how long an outage may last without a restart."""

Headers = Sequence[tuple[str, bytes]]


async def send(
    app: "App",
    topic: str,
    key: bytes | None,
    value: bytes | None,
    headers: Headers = (),
    partition: int | None = None,
) -> "asyncio.Future[RecordMetadata]":
    """Hand a record to the app's producer; the future is done when the broker has acknowledged it.

    Without a partition the key decides, by murmur2 as in Java. A refusal makes the worker unfit: it
    commits nothing more and stops. Not waiting for the future is fine: every commit does.

    Raises:
        TooLarge: one refused record would take the whole batch around it along.
    """
    return await app.producer.post(topic, key, value, headers, partition)


class Producer(driver.Producer):
    """Faust's producer with `acks=all`, idempotence and a flush that waits for all."""

    app: "App"

    def _settings_extra(self) -> Mapping[str, Any]:
        return {"acks": "all", "enable_idempotence": True}

    def _new_producer(self, transactional_id: str | None = None) -> Any:
        client = super()._new_producer(transactional_id)
        guard_changelog(client._sender, self.app.lease, self.app.kafka.changelog, self._crashing)
        paced(client._sender, self.app.pace)
        return client

    def _crashing(self) -> bool:
        return self.app.crash_reason is not None

    async def flush(self) -> None:
        """Wait until rows, Faust's buffer and the client have nothing left to send.

        Faust gives up after 100 ms without a send and commits anyway.
        """
        await self.app.rows.settle()
        while self.buffer.size:
            await self.buffer.flush()
        if self._producer is not None:
            await self._producer.flush()

    async def post(
        self, topic: str, key: bytes | None, value: bytes | None, headers: Headers, partition: int | None
    ) -> "asyncio.Future[RecordMetadata]":
        """Hand a record to the client; see `send`."""
        size = len(key or b"") + len(value or b"") + sum(len(name) + len(text) for name, text in headers)
        if size > MOST_BYTES:
            raise TooLarge(f"a record for {topic!r} has {size} bytes; expected at most {MOST_BYTES}")
        client = self._ensure_producer()
        partitions = client.client.cluster._partitions.get(topic) or await client.client._wait_on_metadata(
            topic
        )
        if partition is None and key is not None:
            partition = topology.partition_of(key, len(partitions))
        elif partition is None:
            partition = client._partition(topic, None, key, value, key, value)
        # aiokafka's `send` collects the topic's partitions anew for each record.
        sent: asyncio.Future[RecordMetadata] = await client._message_accumulator.add_message(
            TopicPartition(topic, partition), key, value, REQUEST_PATIENCE, headers=list(headers)
        )
        sent.add_done_callback(partial(self._note, topic))
        return sent

    def _note(self, topic: str, done: "asyncio.Future[RecordMetadata]") -> None:
        if not done.cancelled() and (refusal := done.exception()) is not None:
            self.app.fitness.lost(f"a record for {topic!r}", refusal)


def paced(sender: Any, pace: Pace) -> None:
    """Let requests to the brokers begin a cycle apart: what comes meanwhile goes together."""
    ready, began = sender._maybe_wait_for_pid, 0.0

    async def ready_and_paced() -> None:
        nonlocal began
        await ready()
        if (wait := began + pace.cycle - time.monotonic()) > 0:
            await asyncio.sleep(wait)
        began = time.monotonic()

    sender._maybe_wait_for_pid = ready_and_paced
