"""The engine without Kafka and without a network: the very `step` of the worker on a virtual clock.

Everything that happens stands on one agenda, ordered by moment and then by when it was put there.
An answered attempt takes no time, a silent one its time-out; records count as acknowledged at once.
Limits that belong to a worker as a whole (lanes, breakers, rates) do not apply.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from heapq import heappop, heappush
from typing import Final, TypeAlias

from schemas import wire
from schemas.calls import Call, Part, PartKey, Rendered
from schemas.delivery import Delivery, Reply, Silence
from schemas.events import Event
from schemas.messages import Emitted, Replied, Tick
from schemas.outcomes import Outcome, Upgrade
from streams import machine
from streams.effects import Definitions, Emit, Policy, Position, Start, Step
from streams.topology import CALL_EVENTS

Answer: TypeAlias = Callable[[Delivery, Rendered, datetime], Reply]
"""What an endpoint replies to one attempt of a delivery, at a moment."""


@dataclass(slots=True)
class Told:
    """What one incarnation of a call came to, for the report."""

    call_id: str
    incarnation: int
    outcome: Outcome | None = None
    upgrades: tuple[Upgrade, ...] = ()
    deliveries: dict[str, Delivery] = field(default_factory=dict)
    requests: dict[str, Rendered] = field(default_factory=dict)
    events: Counter[str] = field(default_factory=Counter)


Heard: TypeAlias = tuple[datetime, Event]


class Simulation:
    """Plays events through the engine and tells what became of every call."""

    def __init__(self, definitions: Definitions, policy: Policy, answer: Answer) -> None:
        self._definitions, self._policy, self._answer = definitions, policy, answer
        self._book = _Book()
        self._agenda: list[tuple[datetime, int, str, _Todo]] = []
        self._turn = 0
        self._told: dict[str, dict[int, Told]] = {}

    def play(self, arrivals: Iterable[Heard]) -> None:
        """Play events in the order of their arrival, then let the clock run until nothing is left."""
        for offset, (at, event) in enumerate(arrivals):
            self._until(at)
            self._take(event.call_id, event, at, Position(CALL_EVENTS, 0, offset))
        self._until(None)

    def told(self) -> Iterator[Told]:
        """What became of every incarnation, calls in the order of their first arrival."""
        for incarnations in self._told.values():
            for number in sorted(incarnations):
                yield incarnations[number]

    def _until(self, moment: datetime | None) -> None:
        while self._agenda and (moment is None or self._agenda[0][0] < moment):
            at, _, call_id, todo = heappop(self._agenda)
            self._take(call_id, todo, at, machine.NOWHERE)

    def _take(self, call_id: str, message: machine.Input, now: datetime, at: Position) -> None:
        """Fold a message, and everything that follows from it at the same moment."""
        if isinstance(message, Tick) and not self._wanted(message):
            return
        step = self._fold(call_id, message, now, at)
        emitted = 0
        pending = list(step.effects)
        while pending:
            match pending.pop(0):
                case Start(delivery=delivery):
                    reply, seconds = self._attempted(call_id, delivery, now)
                    replied = Replied(call_id, delivery.delivery_id, delivery.attempt, reply, now, seconds)
                    if seconds:
                        self._plan(now + timedelta(seconds=seconds), call_id, replied)
                    else:
                        pending.extend(self._fold(call_id, replied, now, at).effects)
                case Emit(owed=owed):
                    emitted = max(emitted, owed.number)
        if emitted:
            self._fold(call_id, Emitted(call_id, emitted), now, at)
        self._rearm(call_id)

    def _fold(self, call_id: str, message: machine.Input, now: datetime, at: Position) -> Step:
        book = self._book
        step = machine.step(book.call(call_id), message, now, book, self._definitions, self._policy, at)
        book.apply(step)
        self._note(step)
        return step

    def _attempted(self, call_id: str, delivery: Delivery, now: datetime) -> tuple[Reply, float]:
        key = PartKey(call_id, delivery.incarnation, "r", delivery.request or 0)
        part = self._book.part(key)
        if not isinstance(part, Rendered):
            raise TypeError(f"found a {type(part).__name__}; expected the request at {key}")
        reply = self._answer(delivery, part, now)
        silent = isinstance(reply, Silence) and reply.error == TIMEOUT
        return reply, part.request.timeout.total_seconds() if silent else 0.0

    # -- time -------------------------------------------------------------------------------------

    def _plan(self, at: datetime, call_id: str, todo: "_Todo") -> None:
        self._turn += 1
        heappush(self._agenda, (at, self._turn, call_id, todo))

    def _rearm(self, call_id: str) -> None:
        call = self._book.call(call_id)
        if call is None:
            return
        for due, silent in zip(machine.due(call), (False, True), strict=True):
            armed = self._book.armed.get((call_id, silent))
            if due is not None and (armed is None or due < armed):
                self._book.armed[call_id, silent] = due
                self._plan(due, call_id, Tick(call_id, due, silent))

    def _wanted(self, tick: Tick) -> bool:
        """A tick that a newer one has replaced is not played: it would find nothing due."""
        armed = self._book.armed
        if armed.get((tick.call_id, tick.silent)) != tick.due:
            return False
        del armed[tick.call_id, tick.silent]
        call = self._book.call(tick.call_id)
        due = None if call is None else machine.due(call)[tick.silent]
        if due is not None and due > tick.due:
            self._rearm(tick.call_id)
            return False
        return due is not None

    # -- the report ---------------------------------------------------------------------------------

    def _note(self, step: Step) -> None:
        call_id = step.call.call_id
        told = self._told.setdefault(call_id, {})
        for count in step.counts:
            if count.what == "events":
                self._of(told, call_id, count.incarnation).events[count.labels[0]] += 1
        for conversation in step.call.conversations:
            one = self._of(told, call_id, conversation.number)
            one.outcome, one.upgrades = conversation.outcome, conversation.upgrades
        by_request = {key.number: part for key, part in step.parts if isinstance(part, Rendered)}
        for delivery in (*step.dropped, *step.call.deliveries):
            one = self._of(told, call_id, delivery.incarnation)
            one.deliveries[delivery.delivery_id] = delivery
            if delivery.request in by_request:
                one.requests[delivery.delivery_id] = by_request[delivery.request]

    def _of(self, told: dict[int, Told], call_id: str, number: int) -> Told:
        if number not in told:
            told[number] = Told(call_id, number)
        return told[number]


TIMEOUT: Final = "timeout"

_Todo: TypeAlias = Tick | Replied


class _Book:
    """The table of the simulation: open calls as values, settled ones packed."""

    def __init__(self) -> None:
        self._open: dict[str, Call] = {}
        self._settled: dict[str, bytes] = {}
        self._parts: dict[PartKey, Part] = {}
        self.armed: dict[tuple[str, bool], datetime] = {}

    def call(self, call_id: str) -> Call | None:
        """The row of a call."""
        call = self._open.get(call_id)
        if call is None and (packed := self._settled.get(call_id)) is not None:
            return wire.read_call(packed)
        return call

    def part(self, key: PartKey) -> Part:
        """A part. Raises KeyError if it is not there."""
        return self._parts[key]

    def apply(self, step: Step) -> None:
        """Keep what a step changed."""
        self._parts.update(step.parts)
        for key in step.forgotten:
            self._parts.pop(key, None)
        call = step.call
        if call.settled:
            self._open.pop(call.call_id, None)
            self._settled[call.call_id] = wire.row(call)
        else:
            self._settled.pop(call.call_id, None)
            self._open[call.call_id] = call
