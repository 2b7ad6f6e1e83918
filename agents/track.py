"""The first loop: every message of our partitions, folded into its call, in order.

Read, ask, write. Nothing escapes the body but our own defects, and those stop the worker with the
record un-acknowledged, so that it is read again.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, assert_never

from agents import failpoints
from agents.act import Act, Tell
from agents.kafka.changelog import Revoked, TooLarge
from agents.kafka.source import Record
from agents.metrics import Metrics
from agents.reading import Away, Folded, Poison, Reader
from agents.sweep import sweep
from agents.tenure import Tenure
from agents.timers import Timers
from schemas.events import Event
from schemas.messages import Forwarded, Replay, Replied, Sweep, Tick
from streams import machine, records
from streams.effects import Definitions, Policy, Position

Bury = Callable[[records.Record], Awaitable[None]]
"""Write a dead letter; returns when the broker has it."""

EVENTS_LEAVE: Final = 512 * 1024
"""Bytes of a row that events may not fill: replies, the verdict and what is owed must still fit."""

MOST_LATER: Final = 1000
"""Dead letters and events sent on that may be on their way at a time."""


@dataclass(frozen=True, slots=True)
class Track:
    """Folds records. `definitions` gives the documents in force, `await_definitions` waits until
    those that an event names, or a replay may need, would be known."""

    reader: Reader
    definitions: Callable[[], Definitions]
    await_definitions: Callable[[Event | Replay, datetime], Awaitable[None]]
    tenures: Mapping[int, Tenure]
    opened: Callable[[Tenure], None]
    policy: Policy
    clock: Callable[[], datetime]
    timers: Timers
    act: Act
    tell: Tell
    bury: Bury
    metrics: Metrics
    broken: Callable[[BaseException], None]
    _later_tasks: set["asyncio.Task[None]"] = field(default_factory=set)
    """What is not acknowledged yet; the loop itself holds tasks only weakly."""

    async def fold(self, source: AsyncIterator[Record]) -> None:
        """Fold everything, for ever."""
        async for record in source:
            tenure = self.tenures.get(record.partition)
            if tenure is None or tenure.ended:
                continue
            try:
                await self._take(record, tenure)
            except Revoked:
                continue
            if not tenure.open:
                self.opened(tenure)
            if len(self._later_tasks) >= MOST_LATER:
                await asyncio.wait(self._later_tasks)

    async def _take(self, record: Record, tenure: Tenure) -> None:
        read = self.reader.read(record)
        await failpoints.hit_async("record-read")
        match read:
            case Folded(message, at):
                if isinstance(message, Event):
                    tenure.last_event = record.timestamp.timestamp()
                if isinstance(message, Event | Replay):
                    await self.await_definitions(message, record.timestamp)
                    await failpoints.hit_async("definitions-known")
                if not tenure.ended:
                    self._write(record, tenure, message, at)
            case Poison(at, why):
                self._later(record, self._buried(at, why))
            case Away(home, message):
                self.metrics.rekeyed()
                self._later(record, self._sent_on(home, message))
            case Sweep() as message:
                rest = sweep(tenure, message)
                failpoints.hit("slice-swept")
                record.ack()
                if rest is not None:
                    await self.tell(record.partition, rest)
            case other:
                assert_never(other)

    def _write(self, record: Record, tenure: Tenure, message: machine.Input, at: Position) -> None:
        before = tenure.table.call(message.call_id)
        step = machine.step(before, message, self.clock(), tenure.table, self.definitions(), self.policy, at)
        failpoints.hit("step-taken")
        if isinstance(message, Tick):
            tenure.ticks = max(0, tenure.ticks - 1)
        try:
            tenure.table.write(before, step, EVENTS_LEAVE if isinstance(message, Event) else 0)
        except TooLarge as why:
            self._later(record, self._buried(at, str(why)))
            return
        failpoints.hit("rows-set")
        if isinstance(message, Replied):
            failpoints.hit("reply-folded")
            self.act.landed(message)
        self.metrics.counted(step.counts)
        tenure.changed(before, step.call)
        self.timers.arm(tenure, step.call)
        self.act.after(tenure, step)
        record.ack()
        failpoints.hit("record-acked")

    async def _sent_on(self, home: int, message: Forwarded) -> None:
        try:
            await self.tell(home, message)
            await failpoints.hit_async("event-sent-on")
        except TooLarge as why:
            found_at = Position(message.topic, message.partition, message.offset)
            await self._buried(found_at, str(why))

    async def _buried(self, at: Position, why: str) -> None:
        """Write the dead letter of a record that could not be folded."""
        await self.bury(records.unreadable(at, why, self.clock()))
        await failpoints.hit_async("letter-written")
        self.metrics.events("unreadable")
        self.metrics.dead_letter("unreadable")

    def _later(self, record: Record, done: Awaitable[None]) -> None:
        """Acknowledge a record when what it turned into is with the broker; the next ones need not wait."""

        async def then_ack() -> None:
            await done
            record.ack()

        task = asyncio.get_running_loop().create_task(then_ack())
        task.add_done_callback(self._landed)
        self._later_tasks.add(task)

    def _landed(self, task: "asyncio.Task[None]") -> None:
        self._later_tasks.discard(task)
        if not task.cancelled() and (defect := task.exception()) is not None:
            self.broken(defect)
