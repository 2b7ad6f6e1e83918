"""The consumer: what is delivered, what may be committed, and where a rebalance starts again.

Three things differ from Faust's own. Only the acknowledged prefix of delivered messages is committed.
A seek happens while nothing is on its way from the fetcher to the agents: Faust seeks with the flow
open and then empties the agents' queues, so a record fetched in between is gone until the next
rebalance while later ones are handled. And a message that can be delivered without waiting is
delivered without making four tasks for it.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from faust.tables.manager import TableManager
from faust.transport.conductor import Conductor
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from agents import failpoints
from agents.kafka.progress import Progress
from agents.kafka.thread import ConsumerThread

if TYPE_CHECKING:
    from agents.kafka.app import App

log = logging.getLogger(__name__)

FETCH_PATIENCE = 0.2
"""Seconds to wait for records; also how long a seek may have to wait for the drain to stand still."""

NOTHING_TO_READ = 0.01
"""Seconds to sleep when every partition is paused or full; Faust sleeps a whole second."""


class Consumer(driver.Consumer):
    """Faust's consumer with a drain, a seek and a commit of its own."""

    app: "App"
    _thread: ConsumerThread

    def __init__(self, *args: Any, **options: Any) -> None:
        self._progress: dict[TP, Progress] = defaultdict(Progress)
        self._held: object | None = None
        """The assignment that is ours now; None between its revocation and the next one."""
        self._idle = asyncio.Event()
        self._idle.set()
        super().__init__(*args, **options)

    def _new_consumer_thread(self) -> ConsumerThread:
        return ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    # -- deliver

    async def _drain_messages(self, fetcher: Any) -> None:
        try:
            while not (self.should_stop or fetcher.should_stop):
                await self._drain_once()
        except self.consumer_stopped_errors:
            if not self.app.should_stop:
                raise
        except asyncio.CancelledError:
            if not (self.app.should_stop or fetcher.should_stop):
                raise

    async def _drain_once(self) -> None:
        if not self.flow_active:
            await self.wait(cast(Any, self.can_resume_flow))
            return
        self._idle.clear()
        try:
            active = self._get_active_partitions()
            if not await self.app.inbox.room(FETCH_PATIENCE):
                pass  # what is folded makes room
            elif active:
                records = await self._getmany(active_partitions=active, timeout=FETCH_PATIENCE)
                await self._deliver(records, active)
            else:
                await asyncio.sleep(NOTHING_TO_READ)
            self.app.watchdog.polled()
        finally:
            self._idle.set()

    async def _getmany(self, active_partitions: set[TP] | None, timeout: float) -> Any:
        return await self._thread.records(active_partitions, timeout)

    async def _deliver(self, records: Mapping[Any, list[Any]], active: set[TP]) -> None:
        generation = self.app.consumer_generation_id
        for tp, fetched in records.items():
            if not self.flow_active or generation != self.app.consumer_generation_id:
                return  # whoever stopped the flow seeks back before it is resumed
            fresh = self._fresh(tp, fetched)
            if not fresh or not (tp in active or tp in self._buffered_partitions):
                continue
            self._read_offset[tp] = fresh[-1].offset + 1
            if tp.topic in self.app.kafka.topics:
                self._put_down(TP(*tp), fresh, generation)
            else:
                await self._recover(TP(*tp), fresh)
                await asyncio.sleep(0)

    def _fresh(self, tp: TP, fetched: list[Any]) -> list[Any]:
        """What was not read before."""
        read = self._read_offset[tp]
        if read is None or fetched[0].offset >= read:
            return fetched
        return [record for record in fetched if record.offset >= read]

    async def _recover(self, tp: TP, fetched: list[Any]) -> None:
        """Of the changelog: all of it to disk at once. Faust is shown the last record, and sees how far that is."""
        recovery = cast(TableManager, self.app.tables).recovery
        offsets = recovery.active_offsets if tp in recovery.active_tps else recovery.standby_offsets
        have = offsets.get(tp)
        missing = [record for record in fetched if have is None or record.offset > have]
        if missing:
            self.app.calls.recover(tp.partition, missing)
            offsets[tp] = missing[-1].offset - 1
            await self._hand_over(tp, self._to_message(tp, missing[-1]))

    def _put_down(self, tp: TP, fetched: list[Any], generation: int) -> None:
        """Of a source topic: into the inbox, all of it at once."""
        progress = self._progress[tp]
        for record in fetched:
            progress.deliver(record.offset)
            failpoints.hit("record-delivered")
        self.app.inbox.put(fetched, generation)

    async def _hand_over(self, tp: TP, message: Any) -> None:
        if self._can_deliver_at_once(tp):
            await self.callback(message)
        else:
            await self.wait_first(self.callback(message), self.suspend_flow.wait())

    def _can_deliver_at_once(self, tp: TP) -> bool:
        """True when the callback will not wait for anything; it could not be called off then."""
        topics = cast(Conductor, self.app.topics)
        return (
            self.app.flow_control.is_active()
            and not topics._tp_to_callback_lock.locked()
            and not any(channel.queue.full() for channel in topics._tp_index.get(tp, ()))
        )

    # -- seek

    async def perform_seek(self) -> None:
        """Go back to what is committed, with nothing in flight between fetcher and agents.

        Standbys go back to what they have applied: resuming the flow empties their queue too, and
        Faust would take the gap for compaction and promote a copy that lacks rows.

        Partitions may be revoked before it, or while the consumer's thread seeks; aiokafka names them until
        the next assignment. Then nothing is noted: another seek follows, and what went to others would be
        waited for as long as we live.
        """
        self.stop_flow()
        await self._idle.wait()
        self._progress.clear()
        self.app.inbox.clear()
        sources = {tp for tp in self.assignment() if self.app.topics.acks_enabled_for(tp.topic)}
        held = self._held
        committed = await self._thread.seek_back(sources, self._standby_positions())
        if held is None or held is not self._held:
            return
        for tp, offset in committed.items():
            self._read_offset[tp] = self._committed_offset[tp] = offset
            self.app.offsets.sought(tp, offset)
        await failpoints.hit_async("sought")

    def _standby_positions(self) -> dict[TP, int]:
        recovery = cast(TableManager, self.app.tables).recovery
        offsets = {tp: recovery.standby_offsets.get(tp) for tp in recovery.standby_tps}
        return {tp: offset + 1 for tp, offset in offsets.items() if offset is not None}

    # -- commit

    def acknowledge(self, tp: TP, offset: int, generation: int) -> None:
        """Note a message as handled. One of an older generation is delivered again, so it is not."""
        if generation != self.app.consumer_generation_id:
            return
        progress = self._progress[tp]
        progress.ack(offset)
        if progress.position is not None:
            self.app.offsets.done(tp, progress.position)
        self.app.watchdog.progressed()

    async def force_commit(self, topics: Any = None, start_new_transaction: bool = True) -> bool:
        """Commit what is handled, after everything it wrote is with the broker.

        Not when rows were dropped meanwhile, as those of an expelled worker are. The broker would take the commit:
        a client that forgets its membership (aiokafka's `reset_generation`) commits as one of no group, and that is
        allowed where the group is empty.

        Raises:
            Unfit: a produce was refused; its source offset must not move.
        """
        offsets, drops = self._committable(), self.app.rows.drops
        if not offsets:
            return False
        await self.app.producer.flush()
        self.app.fitness.check()
        await failpoints.hit_async("offsets-ready")
        if drops != self.app.rows.drops:
            return False
        if not await self._commit(offsets):
            return False
        await failpoints.hit_async("offsets-committed")
        self._committed_offset.update(offsets)
        return True

    def _committable(self) -> dict[TP, int]:
        mine, opened = self.assignment(), self.app.rows.partitions
        positions = ((tp, progress.position) for tp, progress in self._progress.items() if tp in mine)
        return {
            tp: position
            for tp, position in positions
            if tp.partition in opened and position is not None and position != self._committed_offset.get(tp)
        }

    async def verify_all_partitions_active(self) -> None:
        """Do nothing: Faust's own detector compares two different clocks. See `watchdog.py`."""

    # -- rebalance

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """Note that there is an assignment, then let Faust recover it."""
        self._held = object()
        await super().on_partitions_assigned(assigned, generation_id)

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Refuse new rows, let Faust flush, then forget what is left.

        Also what was handled: some of its rows may have been dropped, and a commit between the next recovery and its
        seek would be in the name of the new generation.
        """
        self.app.rows.refuse()
        await failpoints.hit_async("revoke-begun")
        await super().on_partitions_revoked(revoked)
        self.app.rows.drop()
        self._progress.clear()
        self._held = None
        self.app.offsets.lost(revoked)

    async def create_topic(self, topic: str, *args: Any, **options: Any) -> None:
        """Do nothing: `topics.py` has made and checked them all before the start."""
