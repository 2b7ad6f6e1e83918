"""Messages between the consumer that fetched them and the loop that folds them.

Faust hands each message on by a callback, an event, a queue and a generator, with a turn of the event loop for
each. Here a whole fetch is put down at once.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from faust.types import TP

MOST: Final = 4096
MOST_BYTES: Final = 16 * 1024 * 1024
"""Messages, and bytes of them, that may wait; beyond it nothing more is taken from the fetcher, which then asks for
no more."""


@dataclass(slots=True)
class Record:
    """A message as it lies in Kafka."""

    topic: str
    partition: int
    offset: int
    timestamp: datetime
    """When the producer sent it or the broker appended it, as the topic is configured."""
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]
    generation: int
    """Of the consumer group, when the message was delivered."""
    _acknowledge: Callable[[TP, int, int], None] = field(repr=False, compare=False)

    @property
    def size(self) -> int:
        """Bytes of its value."""
        return len(self.value or b"")

    def ack(self) -> None:
        """Its offset may be committed, as soon as all before it may. In an older generation: nothing."""
        self._acknowledge(TP(self.topic, self.partition), self.offset, self.generation)


class Inbox:
    """Messages that wait to be folded, in order within a partition."""

    def __init__(self, acknowledge: Callable[[TP, int, int], None]) -> None:
        self._acknowledge = acknowledge
        self._waiting: deque[Record] = deque()
        self._bytes = 0
        self._in_hand: Record | None = None
        self._came, self._taken = asyncio.Event(), asyncio.Event()

    def put(self, fetched: Iterable[Any], generation: int) -> None:
        """Put down what was fetched."""
        for one in fetched:
            record = Record(
                one.topic,
                one.partition,
                one.offset,
                datetime.fromtimestamp(one.timestamp / 1000, UTC),
                one.key,
                one.value,
                one.headers,
                generation,
                self._acknowledge,
            )
            self._waiting.append(record)
            self._bytes += record.size
        self._came.set()

    async def next(self) -> Record:
        """The one that has waited longest; waits for it."""
        self._in_hand = None
        while not self._waiting:
            self._came.clear()
            await self._came.wait()
        record = self._in_hand = self._waiting.popleft()
        self._bytes -= record.size
        if not self._full:
            self._taken.set()
        return record

    async def room(self, patience: float) -> bool:
        """Wait so many seconds for room; False if there is none yet."""
        if self._full:
            self._taken.clear()
            try:
                await asyncio.wait_for(self._taken.wait(), patience)
            except TimeoutError:
                return False
        return True

    def oldest(self, topic: str) -> datetime | None:
        """Kafka's time of the oldest message of a topic that is here, the one in hand among them; None of none."""
        here = [*self._waiting] if self._in_hand is None else [self._in_hand, *self._waiting]
        return min((record.timestamp for record in here if record.topic == topic), default=None)

    def clear(self) -> None:
        """Forget what waits: it is read again."""
        self._waiting.clear()
        self._bytes = 0
        self._in_hand = None
        self._taken.set()

    @property
    def _full(self) -> bool:
        return len(self._waiting) >= MOST or self._bytes >= MOST_BYTES
