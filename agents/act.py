"""Effects, once the state that contains them is durable: requests into lanes, records to topics.

`Flights` is what this process has started and not seen folded: an attempt stays there until its
reply is read back from the log, not until HTTP ends. Otherwise any other message of that call in
between would start it again.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Final, TypeAlias

from agents.attempt import Outbound
from agents.deliver import Deliver, Errand
from agents.kafka.changelog import Revoked
from agents.kafka.rows import Rows
from agents.outbox import Outbox
from agents.tenure import Tenure
from schemas.calls import PartKey, Rendered
from schemas.delivery import Delivery, Reply, Request
from schemas.messages import Announced, Message, Replied
from streams import machine
from streams.effects import Emit, Start, Step

FLIGHT_MARGIN: Final = timedelta(seconds=1)
"""How much longer than its time-out a new owner waits for an announced attempt's reply."""

Key: TypeAlias = tuple[str, str, int]

Tell: TypeAlias = Callable[[int, Message], Awaitable[None]]
"""Post a message to the internal topic's partition; returns when the broker has it."""

TakeReply: TypeAlias = Callable[[Outbound, Reply, datetime, float], Awaitable[None]]
MayStart: TypeAlias = Callable[[Outbound], Awaitable[bool]]
MakeDeliver: TypeAlias = Callable[[TakeReply, MayStart], Deliver]


class Act:
    """Carries out what steps ask for. `tell(partition, message)` posts to the internal topic."""

    def __init__(
        self, rows: Rows, outbox: Outbox, tell: Tell, lease: Callable[[], Awaitable[bool]], make: MakeDeliver
    ) -> None:
        self._rows, self._outbox, self._tell, self._lease = rows, outbox, tell, lease
        self._deliver = make(self.replied, self.may_start)
        self._flights: dict[Key, int] = {}
        self._tenures: dict[int, Tenure] = {}

    def after(self, tenure: Tenure, step: Step) -> None:
        """Do what a step asks for, when everything written so far is durable."""
        if not step.effects:
            return
        tenure.effects.extend(step.effects)
        if tenure.runner is None:
            tenure.runner = asyncio.get_running_loop().create_task(self._run(tenure))

    @property
    def deliver(self) -> Deliver:
        """The lanes and what is on the wire."""
        return self._deliver

    def begin(self, tenure: Tenure) -> None:
        """A partition was taken over."""
        self._tenures[tenure.partition] = tenure

    def landed(self, message: Replied) -> None:
        """A reply was folded: its attempt is no longer under way."""
        self._flights.pop((message.call_id, message.delivery_id, message.attempt), None)

    def resume(self, tenure: Tenure) -> None:
        """The tenure is open: start what its rows say is to be started."""
        tenure.open = True
        resting, tenure.resting = tenure.resting, set()
        for call_id in sorted(resting):
            call = tenure.table.call(call_id)
            if call is not None:
                tenure.effects.extend(machine.resumed(call))
        if tenure.effects and tenure.runner is None:
            tenure.runner = asyncio.get_running_loop().create_task(self._run(tenure))

    async def let_go(self) -> None:
        """All partitions are being given away: drop what is not on the wire, announce what is."""
        for tenure in self._tenures.values():
            tenure.ended, tenure.open = True, False
        for errand in self._deliver.drop(lambda _: True):
            self._flights.pop(_key(errand), None)
        await asyncio.gather(
            *(self._announce(one.outbound, one.until) for one in self._deliver.on_the_wire())
        )
        for partition in self._tenures:
            self._outbox.end(partition)
        self._tenures = {}

    async def replied(self, outbound: Outbound, reply: Reply, started_at: datetime, seconds: float) -> None:
        """An attempt is over: post its reply to the call's partition, whoever owns that by now."""
        key = _key(outbound)
        partition = self._flights[key]
        message = Replied(
            outbound.call_id, outbound.delivery_id, outbound.attempt, reply, started_at, seconds
        )
        await self._tell(partition, message)
        if partition not in self._tenures:
            self._flights.pop(key, None)

    async def may_start(self, outbound: Outbound) -> bool:
        """Asked right before a request leaves: whether the call is still ours to act for.

        Without a lease it waits: a broker that is away for a while is no reason to forget anything.
        """
        tenure = self._tenures.get(self._flights.get(_key(outbound), -1))
        if tenure is not None and tenure.open and await self._lease() and not tenure.ended:
            return True
        self._flights.pop(_key(outbound), None)
        return False

    async def _run(self, tenure: Tenure) -> None:
        try:
            while tenure.effects and not tenure.ended:
                effects, tenure.effects = tenure.effects, []
                await self._rows.durable(tenure.partition)
                for effect in effects:
                    match effect:
                        case Start(call_id=call_id, delivery=delivery):
                            self._start(tenure, call_id, delivery)
                        case Emit(call_id=call_id, owed=owed):
                            await self._outbox.emit(tenure.partition, call_id, owed)
        except Revoked:
            pass  # the next owner finds all of it in the rows
        finally:
            tenure.runner = None

    def _start(self, tenure: Tenure, call_id: str, delivery: Delivery) -> None:
        if not tenure.open:
            tenure.resting.add(call_id)
            return
        errand = _errand(call_id, delivery)
        if tenure.ended or _key(errand) in self._flights:
            return
        self._flights[_key(errand)] = tenure.partition
        part = PartKey(call_id, delivery.incarnation, "r", delivery.request or 0)
        self._deliver.enter(errand, lambda: _request(tenure, part))

    async def _announce(self, outbound: Outbound, until: datetime) -> None:
        partition = self._flights.get(_key(outbound))
        if partition in self._tenures:
            over = until + FLIGHT_MARGIN
            message = Announced(outbound.call_id, outbound.delivery_id, outbound.attempt, over)
            await self._tell(partition, message)


def _errand(call_id: str, delivery: Delivery) -> Errand:
    return Errand(
        call_id=call_id,
        delivery_id=delivery.delivery_id,
        kind=delivery.kind,
        attempt=delivery.attempt,
        endpoint=delivery.endpoint,
        agent_id=delivery.agent_id,
        name=delivery.id,
    )


def _request(tenure: Tenure, key: PartKey) -> Request | None:
    """The rendered request, None when the partition went or the delivery is settled meanwhile."""
    if tenure.ended:
        return None
    try:
        part = tenure.table.part(key)
    except (KeyError, Revoked):
        return None
    if not isinstance(part, Rendered):
        raise TypeError(f"found a {type(part).__name__}; expected the request at {key}")
    return part.request


def _key(one: Outbound | Errand) -> Key:
    return one.call_id, one.delivery_id, one.attempt
