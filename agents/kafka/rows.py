"""The rows of the table `calls`: read at once, written together, on disk only when Kafka has them.

Faust puts a row into RocksDB and then sends it. After kill -9 the disk remembers what the changelog
does not: the redelivered event looks like a duplicate, and the next owner of the partition has
nothing. Here they lie on a shelf until their group is committed (committer.py).

Reads see what was set last: dirty rows, then those on their way, then the disk.
"""

import asyncio
import heapq
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import count
from operator import itemgetter
from typing import Protocol

from agents.kafka.changelog import Client, Revoked, Row
from agents.kafka.committer import Committer, Written
from agents.kafka.fitness import Fitness
from agents.kafka.lease import Lease
from agents.kafka.shelf import Shelf, Shelves, Step

CROWD_BYTES = 16 * 1024 * 1024
"""Rows that may wait for the changelog before the agents are asked to wait too."""


class Disk(Written, Protocol):
    """What the rows need of the store."""

    def read(self, partition: int, key: bytes) -> bytes | None:
        """The value on disk."""

    def scan(self, partition: int, prefix: bytes, since: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
        """The rows on disk whose key begins with `prefix`, in order, from the key `since` on."""


class Rows:
    """The table, by partition. A partition is open from its recovery to its revocation."""

    def __init__(
        self,
        disk: Callable[[], Disk],
        client: Callable[[], Client],
        topic: str,
        lease: Lease,
        fitness: Fitness,
        cycle: Callable[[], float],
    ) -> None:
        self._disk = disk
        self._shelves = Shelves()
        self._numbers = count(1)
        self.committer = Committer(self._shelves, disk, client, topic, lease, fitness, cycle)

    def get(self, partition: int, key: bytes) -> bytes | None:
        """The value that was set last, or None.

        Raises:
            Revoked: the partition is not ours.
        """
        row = self._shelf(partition).pending(key)
        return row.value if row is not None else self._disk().read(partition, key)

    def set(self, partition: int, key: bytes, value: bytes) -> None:
        """Write one row as a step of its own.

        Raises:
            TooLarge: the changelog would refuse it.
            Revoked: the partition is not ours, or is being given away.
        """
        with self.atomic(partition) as step:
            step.set(key, value)

    def delete(self, partition: int, key: bytes) -> None:
        """Delete one row as a step of its own."""
        with self.atomic(partition) as step:
            step.delete(key)

    @contextmanager
    def atomic(self, partition: int) -> Iterator[Step]:
        """Write the rows of one step together: all of them when the block ends, none when it raises."""
        step = Step()
        yield step
        shelf = self._shelf(partition)
        if not shelf.accepting:
            raise Revoked(f"partition {partition} is being given away")
        number = next(self._numbers)
        for key, value in step.rows.items():
            shelf.put(Row(key, value, number))
        self.committer.wake()

    def scan(self, partition: int, prefix: bytes, since: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
        """All rows whose key begins with `prefix`, in the order of their keys, newest values, from the
        key `since` on.

        What is set while the scan runs may or may not be seen.
        """
        shelf = self._shelf(partition)
        waiting = {**shelf.flight, **shelf.dirty}
        newest = {key: row.value for key, row in waiting.items() if key.startswith(prefix) and key >= since}
        on_disk = (row for row in self._disk().scan(partition, prefix, since) if row[0] not in newest)
        pending = sorted((key, value) for key, value in newest.items() if value is not None)
        return heapq.merge(on_disk, pending, key=itemgetter(0))

    async def durable(self, partition: int) -> None:
        """Return when everything set so far is acknowledged and on disk.

        Raises:
            Revoked: the partition was revoked, or the worker expelled, before that.
        """
        shelf = self._shelf(partition)
        if (waited := shelf.newest_done) is not None:
            await asyncio.shield(waited)

    async def room(self) -> None:
        """Wait while too many bytes are on their way to the changelog."""
        if self._shelves.size > CROWD_BYTES:
            await self.settle()

    @property
    def partitions(self) -> frozenset[int]:
        """The partitions that are open."""
        return frozenset(self._shelves)

    @property
    def drops(self) -> int:
        """How often all rows that waited were dropped: what was handled before the last time may be void."""
        return self._shelves.drops

    # -- for the rebalance

    def open(self, partitions: Iterable[int]) -> None:
        """These partitions are recovered and ours."""
        self.drop()
        self._shelves.update((partition, Shelf()) for partition in partitions)

    def refuse(self) -> None:
        """A revocation has begun: what is set may still become durable, nothing new is accepted."""
        for shelf in self._shelves.values():
            shelf.accepting = False

    async def settle(self) -> None:
        """Wait until everything set so far is durable or was dropped, whatever is set meanwhile."""
        awaited = [shelf.newest_done for shelf in self._shelves.values()]
        if waiting := [done for done in awaited if done is not None]:
            await asyncio.wait(waiting)

    def drop(self) -> None:
        """Close all partitions; who waits for their rows gets `Revoked`."""
        self._shelves.drop()

    def _shelf(self, partition: int) -> Shelf:
        try:
            return self._shelves[partition]
        except KeyError:
            raise Revoked(f"partition {partition} is not ours; open are {sorted(self._shelves)}") from None
