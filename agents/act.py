"""Effects, once the state that contains them is durable: requests into lanes, records to topics.

`Flights` is what this process has started and not seen folded: an attempt stays there until its
reply is read back from the log, not until HTTP ends. Otherwise any other message of that call in
between would start it again.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime, timedelta
from typing import Final, TypeAlias, assert_never

from agents import failpoints
from agents.attempt import Outbound
from agents.deliver import Deliver
from agents.errands import Errand
from agents.kafka.changelog import Revoked
from agents.kafka.lease import Lease
from agents.kafka.rows import Rows
from agents.outbox import Outbox
from agents.tenure import Tenure
from schemas.calls import Call, PartKey, Rendered
from schemas.delivery import Delivery, Reply, Request
from schemas.messages import Announced, Message, Replied
from streams import machine
from streams.effects import Effect, Emit, Start, Step
from streams.lanes import Lane

FLIGHT_MARGIN: Final = timedelta(seconds=1)
"""How much longer than its time-out a new owner waits for an announced attempt's reply."""

Key: TypeAlias = tuple[str, str, int]

Broken: TypeAlias = Callable[[BaseException], None]
"""Told of a defect, which ends the worker."""

Tell: TypeAlias = Callable[[int, Message], Awaitable[None]]
"""Post a message to the internal topic's partition; returns when the broker has it."""

TakeReply: TypeAlias = Callable[[Outbound, Reply, datetime, float], Awaitable[None]]
MayStart: TypeAlias = Callable[[Outbound], Awaitable[bool]]
MakeDeliver: TypeAlias = Callable[[TakeReply, MayStart], Deliver]


class Act:
    """Carries out what steps ask for. `tell(partition, message)` posts to the internal topic."""

    def __init__(
        self,
        rows: Rows,
        outbox: Outbox,
        tell: Tell,
        lease: Lease,
        broken: Broken,
        make: MakeDeliver,
    ) -> None:
        self._rows, self._outbox, self._tell = rows, outbox, tell
        self._lease = lease
        self._deliver = make(self.replied, self.may_start)
        self._broken = broken
        self._tasks: set[asyncio.Task[None]] = set()
        self._flights: dict[Key, int] = {}
        self._tenures: dict[int, Tenure] = {}

    def after(self, tenure: Tenure, step: Step) -> None:
        """Do what a step asks for, when everything written so far is durable."""
        if not tenure.open:
            # What is in the rows by then is looked at when it opens.
            tenure.resting.update(effect.call_id for effect in step.effects)
        elif step.effects:
            tenure.effects.extend(step.effects)
            self._carry_out(tenure)

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
        self._carry_out(tenure)

    async def let_go(self) -> None:
        """All partitions are being given away: drop what is not on the wire, announce what is."""
        for tenure in self._tenures.values():
            tenure.ended, tenure.open = True, False
        for errand in self._deliver.drop(lambda _: True):
            self._flights.pop(_key(errand), None)
        await failpoints.hit_async("revoke-dropped")
        await asyncio.gather(
            *(self._announce(one.outbound, one.until) for one in self._deliver.on_the_wire())
        )
        await failpoints.hit_async("revoke-announced")
        await self._outbox.hand_over()
        for partition in self._tenures:
            self._outbox.end(partition)
        self._tenures = {}

    async def replied(self, outbound: Outbound, reply: Reply, started_at: datetime, seconds: float) -> None:
        """An attempt is over: post its reply to the call's partition, whoever owns that by now."""
        key = _key(outbound)
        partition = self._flights.get(key)
        if partition is None:
            return  # a former owner's reply to the same attempt came first, and is folded
        message = Replied(
            outbound.call_id, outbound.delivery_id, outbound.attempt, reply, started_at, seconds
        )
        await failpoints.hit_async("reply-known")
        await self._tell(partition, message)
        await failpoints.hit_async("reply-posted")
        if partition not in self._tenures:
            self._flights.pop(key, None)

    async def may_start(self, outbound: Outbound) -> bool:
        """Asked right before a request leaves: whether the call is still ours to act for.

        Without a lease it waits: a broker that is away for a while is no reason to forget anything.
        """
        await self._lease.held()
        if self.may_leave(outbound):
            return True
        self.withheld(outbound)
        return False

    def may_leave(self, outbound: Outbound) -> bool:
        """The same, asked once more on the open connection, right before the first byte is written."""
        partition = self._flights.get(_key(outbound))
        tenure = None if partition is None else self._tenures.get(partition)
        return tenure is not None and tenure.open and not tenure.ended and self._lease.valid()

    def withheld(self, outbound: Outbound) -> None:
        """A request was kept back right before it left. If the partition is still ours, the lease had
        run out: it starts anew when that is back."""
        partition = self._flights.pop(_key(outbound), None)
        tenure = None if partition is None else self._tenures.get(partition)
        if tenure is not None and not tenure.ended:
            tenure.resting.add(outbound.call_id)
            self._watch(asyncio.get_running_loop().create_task(self._resume_with_lease(tenure)))

    async def _resume_with_lease(self, tenure: Tenure) -> None:
        if await self._lease.held() and tenure.open and not tenure.ended:
            self.resume(tenure)

    def _carry_out(self, tenure: Tenure) -> None:
        if tenure.effects and tenure.runner is None:
            tenure.runner = asyncio.get_running_loop().create_task(self._run(tenure))
            self._watch(tenure.runner)

    def _watch(self, task: "asyncio.Task[None]") -> None:
        """Keep a task alive until it ends, and end the worker with it if it breaks."""
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (defect := task.exception()) is not None:
            self._broken(defect)

    async def _run(self, tenure: Tenure) -> None:
        try:
            while tenure.effects and not tenure.ended:
                effects, tenure.effects = tenure.effects, []
                await self._rows.durable(tenure.partition)
                await failpoints.hit_async("effects-durable")
                for effect in effects:
                    await self._carry_out_one(tenure, effect)
        except Revoked:
            pass  # the next owner finds all of it in the rows
        finally:
            tenure.runner = None

    async def _carry_out_one(self, tenure: Tenure, effect: Effect) -> None:
        if tenure.ended:
            return
        match effect:
            case Start(call_id=call_id, delivery=delivery):
                self._start(tenure, call_id, delivery)
            case Emit(call_id=call_id, owed=owed):
                await self._outbox.emit(tenure.partition, call_id, owed)
            case _:
                assert_never(effect)

    def _start(self, tenure: Tenure, call_id: str, delivery: Delivery) -> None:
        errand = _errand(call_id, delivery)
        if _key(errand) in self._flights or errand.lane in tenure.crowded:
            return
        self._flights[_key(errand)] = tenure.partition
        if not self._deliver.enter(errand, lambda: self._load(tenure, errand)):
            # It stays a row; those behind it may not overtake it. See agents/survey.py.
            del self._flights[_key(errand)]
            tenure.crowded.add(errand.lane)
            return
        failpoints.hit("lane-entered")

    def has_room(self, lane: Lane) -> None:
        """A lane that was full is not any more: what is only a row is to be looked for."""
        for tenure in self._tenures.values():
            if lane in tenure.crowded:
                tenure.wanted.add(lane)

    async def start_again(self, tenure: Tenure, calls: Iterable[Call]) -> None:
        """Start what the rows of some calls say is to be made, as far as its lanes have room."""
        starts = [(call.call_id, one) for call in calls for one in machine.all_to_be_made(call)]
        await asyncio.sleep(0)
        if starts:
            await self._rows.durable(tenure.partition)
        for call_id, delivery in starts:
            if not tenure.ended:
                self._start(tenure, call_id, delivery)

    def _load(self, tenure: Tenure, errand: Errand) -> Request | None:
        """The rendered request; None when the partition went, or the attempt was answered meanwhile."""
        request = _request(tenure, errand)
        if request is None:
            self._flights.pop(_key(errand), None)
        return request

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
        replay=delivery.replay,
    )


def _request(tenure: Tenure, errand: Errand) -> Request | None:
    """An attempt may have waited long in its lane, and a former owner's reply to it may have come."""
    if tenure.ended:
        return None
    try:
        call = tenure.table.call(errand.call_id)
        delivery = None if call is None else machine.to_be_made(call, errand.delivery_id, errand.attempt)
        if delivery is None:
            return None
        key = PartKey(errand.call_id, delivery.incarnation, "r", delivery.request or 0)
        part = tenure.table.part(key)
    except (KeyError, Revoked):
        return None
    if not isinstance(part, Rendered):
        raise TypeError(f"found a {type(part).__name__}; expected the request at {key}")
    return part.request


def _key(one: Outbound | Errand) -> Key:
    return one.call_id, one.delivery_id, one.attempt
