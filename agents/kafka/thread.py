"""The consumer's own thread: what it tells about membership, fetches and refusals."""

import asyncio
import logging
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

from aiokafka.errors import KafkaError
from aiokafka.structs import TopicPartition
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from agents.kafka.membership import leave_for_good, watch_membership
from agents.kafka.offsets import Fetch

if TYPE_CHECKING:
    from agents.kafka.app import App

log = logging.getLogger(__name__)

ASK_AFTER_ERRORS = 1.0
"""Seconds between two looks at what the coordinator has parked."""


class ConsumerThread(driver.AIOKafkaConsumerThread):
    """Faust's consumer thread, with an ear on the client inside."""

    app: "App"

    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        consumer._fetch_max_wait_ms = int(self.app.kafka.fetch_wait.total_seconds() * 1000)
        return consumer

    async def on_start(self) -> None:
        """Listen to the coordinator and the fetcher before the first join."""
        await super().on_start()
        client = self._ensure_consumer()
        watch_membership(client._coordinator, self.app.lease)
        self._watch_fetches(client._fetcher)
        self._surfacing = self.thread_loop.create_task(self._surface_errors())

    async def on_thread_stop(self) -> None:
        """Stop listening, then stop the client."""
        self._surfacing.cancel()
        await super().on_thread_stop()

    def _watch_fetches(self, fetcher: Any) -> None:
        answer = fetcher._proc_fetch_request
        answered_at: dict[int, float] = {}

        async def answer_and_note(assignment: Any, node_id: int, request: Any) -> Any:
            try:
                await asyncio.sleep(answered_at.get(node_id, 0.0) + self.app.pace.cycle - time.monotonic())
            except asyncio.CancelledError:
                return False  # as for a question under way: who cancels it waits for its end
            sent_at = datetime.now(UTC)
            result = await answer(assignment, node_id, request)
            answered_at[node_id] = time.monotonic()
            if assignment.active:
                self._note_fetch(assignment, request, sent_at)
            return result

        fetcher._proc_fetch_request = answer_and_note

    def _note_fetch(self, assignment: Any, request: Any, sent_at: datetime) -> None:
        sent_ms = int(sent_at.timestamp() * 1000)
        for topic, partitions in request.topics:
            for partition, offset, _ in partitions:
                state = assignment.state_value(TopicPartition(topic, partition))
                answered = state is not None and state.timestamp is not None and state.timestamp >= sent_ms
                if answered and state.highwater is not None:
                    self.app.offsets.fetched(TP(topic, partition), Fetch(sent_at, offset, state.highwater))

    async def records(self, active: set[TP] | None, timeout: float) -> Any:
        """What was fetched of these partitions; waits so many seconds for it.

        Faust asks by way of a queue with workers of its own: some ten turns of this thread's loop.
        """
        promise = self.parent_loop.create_future()
        self.thread_loop.call_soon_threadsafe(self._begin_to_fetch, promise, active, timeout)
        return await promise

    def _begin_to_fetch(self, promise: "asyncio.Future[Any]", active: set[TP] | None, timeout: float) -> None:
        consumer = self._ensure_consumer()
        most = consumer._max_poll_records
        fetching = self.thread_loop.create_task(
            self._fetch_records(consumer, active, timeout=timeout, max_records=most)
        )
        fetching.add_done_callback(lambda done: self.parent_loop.call_soon_threadsafe(_keep, promise, done))

    async def _fetch_records(self, *args: Any, **options: Any) -> Any:
        records = await super()._fetch_records(*args, **options)
        for tp, taken in records.items():
            self.app.offsets.taken(TP(tp.topic, tp.partition), taken[-1].offset + 1)
        return records

    async def _surface_errors(self) -> None:
        """Take up what the coordinator has parked, which lets it try again.

        aiokafka keeps an error for the next `getmany()` of its user and does nothing until then.
        Faust reads from the fetcher beneath and never calls it: the worker would be idle for ever.
        """
        while True:
            await asyncio.sleep(ASK_AFTER_ERRORS)
            coordinator = self._ensure_consumer()._coordinator
            try:
                coordinator.check_errors()
            except KafkaError as refusal:
                log.warning("the group coordinator refused: %r", refusal)
                if coordinator._coordination_task.done():
                    await self.crash(refusal)
                    return

    async def seek_back(self, sources: set[TP], standbys: Mapping[TP, int]) -> dict[TP, int | None]:
        """Go to the committed offset of each source and to the given offset of each standby.

        Returns the committed offsets, None where the group has none.
        """
        return cast(dict[TP, int | None], await self.call_thread(self._seek_back, sources, standbys))

    async def _seek_back(self, sources: set[TP], standbys: Mapping[TP, int]) -> dict[TP, int | None]:
        client = self._ensure_consumer()
        wanted = [TopicPartition(tp.topic, tp.partition) for tp in sources]
        known = await client._coordinator.fetch_committed_offsets(wanted) if wanted else {}
        committed: dict[TP, int | None] = {}
        for tp in wanted:
            found = known[tp].offset if tp in known and known[tp].offset >= 0 else None
            committed[TP(tp.topic, tp.partition)] = found
            if found is not None:
                client.seek(tp, found)
        fresh = [tp for tp in wanted if committed[TP(tp.topic, tp.partition)] is None]
        if fresh:
            await self._seek_to_start(client, fresh)
        for tp, offset in standbys.items():
            client.seek(TopicPartition(tp.topic, tp.partition), offset)
        return committed

    async def _seek_to_start(self, client: Any, fresh: list[TopicPartition]) -> None:
        """Where a group begins that has committed nothing: aiokafka leaves it where the last fetch ended."""
        if self.app.kafka.start == "earliest":
            await client.seek_to_beginning(*fresh)
        else:
            await client.seek_to_end(*fresh)

    async def leave_group(self) -> None:
        """Let the coming stop send LeaveGroup even for a static member."""
        leave_for_good(self._ensure_consumer()._coordinator)


def _keep(promise: "asyncio.Future[Any]", fetching: "asyncio.Task[Any]") -> None:
    """Keep a promise that was made in another thread, unless nobody waits for it any more."""
    if promise.done():
        return
    if fetching.cancelled():
        promise.cancel()
    elif (failure := fetching.exception()) is not None:
        promise.set_exception(failure)
    else:
        promise.set_result(fetching.result())
