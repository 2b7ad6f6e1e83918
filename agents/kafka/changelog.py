"""How the rows of a step reach the changelog: together when they fit, in their order when not."""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol, cast

BATCH_BYTES = 256 * 1024
"""What goes into one record batch, which Kafka appends whole or not at all."""

MOST_BYTES = 3 * 1024 * 1024 - 64 * 1024
"""The largest record: `max.message.bytes` of our own topics, less what Kafka adds to it."""

RECORD_OVERHEAD = 48
"""Bytes that a record needs beside key and value: lengths, deltas, and some to spare."""

BATCH_OVERHEAD = 256
"""Bytes that a batch needs beside its records, and some to spare."""


class TooLarge(ValueError):
    """A row or record that the broker would refuse, together with all that shares its batch."""


class Revoked(Exception):
    """The partition is not ours (any more): what was not durable never happened."""


class Row(NamedTuple):
    """One row as it goes to the changelog; without a value it deletes."""

    key: bytes
    value: bytes | None
    step: int
    """Rows with the same number belong to one step."""

    @property
    def size(self) -> int:
        """Bytes that the row needs in a batch, rounded up."""
        return len(self.key) + len(self.value or b"") + RECORD_OVERHEAD


def check_size(key: bytes, value: bytes | None) -> None:
    """Raise `TooLarge` for a row that the changelog would refuse."""
    size = len(key) + len(value or b"")
    if size > MOST_BYTES:
        raise TooLarge(f"the row {key[:64]!r} has {size} bytes; expected at most {MOST_BYTES}")


def batches(rows: Iterable[Row], room: int = BATCH_BYTES - BATCH_OVERHEAD) -> Iterator[list[Row]]:
    """Cut rows into batches: a step that fits one batch is never cut, a larger one keeps its order."""
    batch: list[Row] = []
    used = 0
    for step in steps(rows):
        size = sum(row.size for row in step)
        if batch and used + size > room:
            yield batch
            batch, used = [], 0
        for row in step:
            if batch and used + row.size > room:
                yield batch
                batch, used = [], 0
            batch.append(row)
            used += row.size
    if batch:
        yield batch


def steps(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """Neighbouring rows with the same step number."""
    step: list[Row] = []
    for row in rows:
        if step and step[-1].step != row.step:
            yield step
            step = []
        step.append(row)
    if step:
        yield step


class Client(Protocol):
    """What the changelog needs of aiokafka's producer."""

    def create_batch(self) -> Any:
        """An empty record batch."""

    async def send_batch(self, batch: Any, topic: str, *, partition: int) -> Any:
        """Queue the batch; the answer is a future of its metadata."""


async def send(client: Client, topic: str, partition: int, rows: Sequence[Row]) -> "asyncio.Future[Any]":
    """Hand one batch over; the future is done when the broker has appended it."""
    batch = client.create_batch()
    for row in rows:
        if batch.append(key=row.key, value=row.value, timestamp=None) is None:
            raise TooLarge(f"{len(rows)} rows were planned for one batch and do not fit")
    batch.close()
    return cast("asyncio.Future[Any]", await client.send_batch(batch, topic, partition=partition))


def last_offset(acknowledged: Any, rows: Sequence[Row]) -> int:
    """The offset of a batch's last record; -1 when the broker knows the batch but no longer its offset."""
    base = int(acknowledged.offset)
    return base + len(rows) - 1 if base >= 0 else -1
