"""Group commit: all new rows of a cycle, one batch a partition, on disk when Kafka has them.

One committer takes all new rows every few milliseconds, appends one batch a partition to the changelog, and writes
rows and changelog offset to RocksDB in one go when Kafka has answered. It is also where the speed comes from.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, Protocol

from agents import failpoints
from agents.kafka.changelog import Client, Row, batches, last_offset, send
from agents.kafka.fitness import Fitness
from agents.kafka.lease import Lease
from agents.kafka.shelf import Shelf, Shelves


class Written(Protocol):
    """What the committer needs of the store."""

    def apply(self, partition: int, rows: Iterable[Row], offset: int) -> None:
        """Write rows and changelog offset in one go; a negative offset is not written."""


class Committer:
    """Makes what lies on the shelves durable."""

    def __init__(
        self,
        shelves: Shelves,
        disk: Callable[[], Written],
        client: Callable[[], Client],
        topic: str,
        lease: Lease,
        fitness: Fitness,
        cycle: Callable[[], float],
    ) -> None:
        self._shelves, self._disk, self._client, self._topic = shelves, disk, client, topic
        self._lease, self._fitness, self._cycle = lease, fitness, cycle
        self._running: asyncio.Task[None] | None = None
        self._defect: Exception | None = None
        self._began = float("-inf")
        self.committed: Callable[[float], None] = lambda seconds: None
        """Told how long each group of rows took to be acknowledged."""

    def wake(self) -> None:
        """There is something on a shelf."""
        if self._running is None:
            self._running = asyncio.get_running_loop().create_task(self._run())
            self._running.add_done_callback(self._ended)

    async def _run(self) -> None:
        try:
            while self._shelves.dirty():
                # The first rows after a quiet moment go at once; under load a cycle gathers what comes.
                await asyncio.sleep(max(0.0, self._began + self._cycle() - time.monotonic()))
                if not await self._lease.held():
                    self._shelves.drop()
                    break
                self._began = time.monotonic()
                await self._write()
                self.committed(time.monotonic() - self._began)
        finally:
            self._running = None

    def _ended(self, running: "asyncio.Task[None]") -> None:
        if not running.cancelled() and (reason := running.exception()) is not None:
            self._fitness.lost("a batch of rows", reason)
            self._shelves.drop()

    async def _write(self) -> None:
        """Write what is dirty. A partition lands when its own batch has arrived, whatever the others do."""
        writing = [await self._begin(partition, shelf) for partition, shelf in self._shelves.dirty()]
        if writing:
            await asyncio.wait(writing)
        for written in writing:
            written.result()
        if self._defect is not None:
            raise self._defect

    async def _begin(self, partition: int, shelf: Shelf) -> "asyncio.Future[Any]":
        first, *more = batches(shelf.take())
        if more:
            return asyncio.ensure_future(self._write_in_turn(partition, shelf, [first, *more]))
        sent = await self._send(partition, first)
        # A task for each partition and cycle would cost more than all the rest of it.
        sent.add_done_callback(partial(self._arrived, partition, shelf, first))
        return sent

    async def _send(self, partition: int, batch: Sequence[Row]) -> "asyncio.Future[Any]":
        await failpoints.hit_async("batch-ready")
        return await send(self._client(), self._topic, partition, batch)

    async def _write_in_turn(
        self, partition: int, shelf: Shelf, all_batches: Sequence[Sequence[Row]]
    ) -> None:
        """Each batch is acknowledged before the next leaves, so a crash keeps a prefix."""
        for batch in all_batches:
            sent = await self._send(partition, batch)
            if not self._kept(partition, shelf, batch, await sent):
                return
        shelf.land()

    def _arrived(
        self, partition: int, shelf: Shelf, batch: Sequence[Row], sent: "asyncio.Future[Any]"
    ) -> None:
        if sent.cancelled() or sent.exception() is not None:
            return  # raised where all of them are waited for
        try:
            if self._kept(partition, shelf, batch, sent.result()):
                shelf.land()
        except Exception as defect:  # noqa: BLE001  nobody stands above a callback; raised as above
            self._defect = defect

    def _kept(self, partition: int, shelf: Shelf, batch: Sequence[Row], acknowledged: Any) -> bool:
        """Put a batch that Kafka has on disk; False when the partition was dropped meanwhile: the next
        owner reads it from the changelog."""
        failpoints.hit("batch-acknowledged")
        if self._shelves.get(partition) is not shelf:
            return False
        self._disk().apply(partition, batch, last_offset(acknowledged, batch))
        failpoints.hit("batch-applied")
        return True
