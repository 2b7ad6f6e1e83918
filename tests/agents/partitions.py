"""One partition without a broker: rows in memory, a lease and a log that the test holds in its hands."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from agents.kafka.changelog import Revoked
from agents.kafka.rows import Step as Written
from agents.table import Table
from agents.tenure import Tenure
from schemas.calls import Call
from schemas.messages import Message
from streams.effects import Step
from tests.builders import START


class Rows:
    """Rows in a dict. What is set is durable when the test says so, at once by default."""

    def __init__(self) -> None:
        self.kept: dict[bytes, bytes] = {}
        self.writes: list[dict[bytes, bytes | None]] = []
        self.settled = asyncio.Event()
        self.settled.set()
        self.revoked = False
        self.scans = 0

    def get(self, partition: int, key: bytes) -> bytes | None:
        if self.revoked:
            raise Revoked("given away")
        return self.kept.get(key)

    def scan(self, partition: int, prefix: bytes, since: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
        if self.revoked:
            raise Revoked("given away")
        self.scans += 1
        found = ((key, row) for key, row in self.kept.items() if key.startswith(prefix) and key >= since)
        return iter(sorted(found))

    @contextmanager
    def atomic(self, partition: int) -> Iterator[Written]:
        step = Written()
        yield step
        if self.revoked:
            raise Revoked("given away")
        self.writes.append(dict(step.rows))
        for key, row in step.rows.items():
            self.kept.pop(key, None)
            if row is not None:
                self.kept[key] = row

    async def durable(self, partition: int) -> None:
        await self.settled.wait()
        if self.revoked:
            raise Revoked("given away")


class Lease:
    """Held until the test says otherwise."""

    def __init__(self) -> None:
        self.there = asyncio.Event()
        self.there.set()
        self.still_ours = True

    def valid(self) -> bool:
        return self.there.is_set()

    async def held(self) -> bool:
        await self.there.wait()
        return self.still_ours


@dataclass
class Log:
    """What was said to the internal topic, and to which partition."""

    said: list[tuple[int, Message]] = field(default_factory=list)

    async def tell(self, partition: int, message: Message) -> None:
        self.said.append((partition, message))

    @property
    def messages(self) -> list[Message]:
        return [message for _, message in self.said]


@dataclass
class Posts:
    """Output topics that acknowledge every record at once."""

    values: list[bytes | None] = field(default_factory=list)

    async def __call__(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        headers: Sequence[tuple[str, bytes]] = (),
        partition: int | None = None,
    ) -> "asyncio.Future[Any]":
        self.values.append(value)
        done: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        done.set_result(None)
        return done


@dataclass
class Clock:
    """A clock that stands until it is moved."""

    now: datetime = START

    def __call__(self) -> datetime:
        return self.now


def tenure(rows: Rows, partition: int = 0, barrier: int = 0, **more: Any) -> Tenure:
    """A partition in our hands."""
    return Tenure(partition, Table(rows, partition), barrier, **more)  # type: ignore[arg-type]  # rows in a dict


def put(one: Tenure, step: Step, before: Call | None = None) -> None:
    """Write what a step made of a call."""
    one.table.write(before, step)


async def turns(number: int = 8) -> None:
    """Let everything run that may."""
    for _ in range(number):
        await asyncio.sleep(0)
