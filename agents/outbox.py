"""Records on their way to the output topics, until the broker has acknowledged them.

A call owes a record until then. Acknowledgements go back to the call as one message for all that it
has emitted in a while: it costs less than a message a record, and a crash in between only writes a
record again, with the same `ce_id`.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from agents import failpoints
from schemas.calls import Owed
from schemas.messages import Emitted

LINGER: Final = 0.2
"""Seconds for which acknowledgements of a call are gathered."""

HAND_OVER: Final = 2.0
"""Seconds that a broker may take to acknowledge the last records before a partition goes without them."""


class Post(Protocol):
    """How a record is handed to Kafka; the future is done when the broker has it."""

    async def __call__(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        headers: Sequence[tuple[str, bytes]] = (),
        partition: int | None = None,
    ) -> "asyncio.Future[Any]":
        """Hand a record over; without a partition its key decides."""


@dataclass(slots=True)
class _Account:
    """What one call has under way."""

    posted: set[int] = field(default_factory=set)
    waiting: set[int] = field(default_factory=set)

    @property
    def through(self) -> int:
        """The last record that was posted; all of them are acknowledged when none is waited for."""
        return max(self.posted)


class Outbox:
    """Emits what calls owe. `name` gives the broker's name of a topic."""

    def __init__(
        self,
        post: Post,
        name: Callable[[str], str],
        tell: Callable[[int, Emitted], Awaitable[None]],
    ) -> None:
        self._post, self._name, self._tell = post, name, tell
        self._accounts: dict[tuple[int, str], _Account] = {}
        self._done: set[tuple[int, str]] = set()
        self._sent: set[asyncio.Future[Any]] = set()

    async def emit(self, partition: int, call_id: str, owed: Owed) -> None:
        """Write a record; one of which the call has yet to be told is not written again."""
        account = self._accounts.setdefault((partition, call_id), _Account())
        if owed.number in account.posted:
            return
        account.posted.add(owed.number)
        account.waiting.add(owed.number)
        key = (call_id if owed.key is None else owed.key).encode("utf-8", "surrogatepass")
        sent = await self._post(self._name(owed.topic), key, owed.value, owed.headers)
        await failpoints.hit_async("record-sent")
        self._sent.add(sent)
        sent.add_done_callback(lambda done: self._acknowledged(partition, call_id, owed.number, done))

    def end(self, partition: int) -> None:
        """A partition was given away: its next owner emits what is still owed."""
        self._accounts = {key: one for key, one in self._accounts.items() if key[0] != partition}
        self._done = {key for key in self._done if key[0] != partition}

    async def hand_over(self, limit: float = HAND_OVER) -> None:
        """All partitions are being given away: wait for what is on its way, and tell every call, so that
        the next owner writes none of it again."""
        if self._sent:
            await asyncio.wait(self._sent, timeout=limit)
        await self.settle()

    async def run(self) -> None:
        """Tell calls what the broker has acknowledged, for ever."""
        while True:
            await asyncio.sleep(LINGER)
            await self.settle()

    async def settle(self) -> None:
        """Tell every call with nothing left under way."""
        done, self._done = self._done, set()
        for partition, call_id in done:
            account = self._accounts.get((partition, call_id))
            if account is not None and not account.waiting:
                del self._accounts[partition, call_id]
                await failpoints.hit_async("emitted-due")
                await self._tell(partition, Emitted(call_id, account.through))
                await failpoints.hit_async("emitted-posted")

    def _acknowledged(self, partition: int, call_id: str, number: int, done: "asyncio.Future[Any]") -> None:
        self._sent.discard(done)
        if done.cancelled() or done.exception() is not None:
            return  # the producer has made the worker unfit; the record is still owed
        account = self._accounts.get((partition, call_id))
        if account is None:
            return
        account.waiting.discard(number)
        if not account.waiting:
            self._done.add((partition, call_id))
