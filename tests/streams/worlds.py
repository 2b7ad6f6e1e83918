"""A model of everything around the machine: two logs, a durable row, lanes, endpoints, a broker, a clock.

Workers die between any two effects: what was not durable never happened, messages since the last commit
are read again, effects that were not done are lost, and the requests of the dead worker end unheard.
Partitions are given away cleanly, too: then what is on the wire is announced, and answered later.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import orjson

from schemas import wire
from schemas.calls import Call, Owed, Part, PartKey, Rendered
from schemas.delivery import Answered, Delivery, Reply, Silence, State
from schemas.endpoints import DISABLED, Mark, endpoint_name
from schemas.events import Event
from schemas.messages import Announced, Emitted, Replay, Replied, Tick
from schemas.workflow import Workflow
from streams import machine
from streams.definitions import Snapshot
from streams.effects import Effect, Start
from tests.builders import START
from tests.streams.tales import POLICY, Tale

MARGIN = timedelta(seconds=1)
Attempt = tuple[str, int]


@dataclass
class Request:
    """A request that left, and the worker that sent it."""

    worker: int
    delivery: Delivery
    rendered: Rendered
    sent_at: datetime

    @property
    def until(self) -> datetime:
        return self.sent_at + self.rendered.request.timeout

    @property
    def key(self) -> Attempt:
        return self.delivery.delivery_id, self.delivery.attempt


@dataclass
class World:
    """One call id and all that happens to it. Every method is something that may happen next."""

    tale: Tale
    answer: Callable[[Request], Reply]
    now: datetime = START
    call: Call | None = None
    parts: dict[PartKey, Part] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    internal: list[Any] = field(default_factory=list)
    read: tuple[int, int] = (0, 0)
    durable: tuple[Call | None, tuple[int, int]] = (None, (0, 0))
    committed: tuple[int, int] = (0, 0)
    barrier: int | None = None
    worker: int = 0
    crashes: int = 0
    dirty: list[machine.Step] = field(default_factory=list)
    pending: list[Effect] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)
    flights: set[Attempt] = field(default_factory=set)
    wire: list[Request] = field(default_factory=list)
    posting: dict[int, Owed] = field(default_factory=dict)
    acknowledged: int = 0
    sent: list[Request] = field(default_factory=list)
    emitted: dict[str, dict[str, Any]] = field(default_factory=dict)
    owed: set[str] = field(default_factory=set)
    heard: set[Attempt] = field(default_factory=set)
    done: set[str] = field(default_factory=set)
    """The deliveries that are durably done."""
    largest: int = 0

    # -- the book of the steps

    def part(self, key: PartKey) -> Part:
        for step in reversed(self.dirty):
            if key in step.forgotten:
                raise KeyError(key)
            for written, part in step.parts:
                if written == key:
                    return part
        return self.parts[key]

    # -- what the platform does

    def produce(self) -> None:
        if self.tale.events:
            self.events.append(self.tale.events.pop(0))

    # -- what an operator does

    def replay(self, *ids: str) -> None:
        """Ask for these deliveries once more, or for all that were given up."""
        self.internal.append(Replay("c1", ids))

    def resume(self) -> None:
        """No endpoint is disabled any more."""
        self._mark({})

    def know(self, workflow: Workflow) -> None:
        """A workflow is applied."""
        known = {workflow.id: {workflow.version: workflow}}
        self.tale.documents = Snapshot(known, self.tale.documents.agents, self.tale.documents.marks)

    # -- what a worker does

    def fold_event(self) -> None:
        if self.read[0] < len(self.events):
            self._fold(self.events[self.read[0]])
            self.read = self.read[0] + 1, self.read[1]

    def fold_internal(self) -> None:
        if self.read[1] < len(self.internal):
            message = self.internal[self.read[1]]
            self._fold(message)
            if isinstance(message, Replied):
                self.flights.discard((message.delivery_id, message.attempt))
            self.read = self.read[0], self.read[1] + 1
            self._open()

    def flush(self) -> None:
        """Everything so far is durable, and its effects may begin."""
        for step in self.dirty:
            self.parts.update(step.parts)
            for key in step.forgotten:
                self.parts.pop(key, None)
            ended = (*step.dropped, *step.call.deliveries)
            self.done |= {one.delivery_id for one in ended if one.state is State.DONE}
        self.effects += self.pending
        self.dirty, self.pending = [], []
        for message in self.internal[self.durable[1][1] : self.read[1]]:
            if isinstance(message, Replied):
                self.heard.add((message.delivery_id, message.attempt))
        self.durable = self.call, self.read
        if self.call is not None:
            self.owed |= {_ce_id(owed) for owed in self.call.owed}
            self.largest = max(self.largest, len(wire.row(self.call)))

    def commit(self) -> None:
        self.committed = self.durable[1]

    def act(self) -> None:
        """One effect."""
        if not self.effects:
            return
        effect = self.effects.pop(0)
        if isinstance(effect, Start):
            self._start(effect.delivery)
        elif effect.owed.number not in self.posting:
            self.posting[effect.owed.number] = effect.owed
            self._write(effect.owed)

    def acknowledge(self) -> None:
        """The broker has everything, and the call is told so."""
        if self.posting:
            self.internal.append(Emitted("c1", max(self.posting)))
            self.posting = {}

    def reply(self, place: int = 0, twice: bool = False) -> None:
        """An endpoint answers one of the requests on the wire."""
        if self.wire:
            request = self.wire.pop(place % len(self.wire))
            reply = self.answer(request)
            seconds = (self.now - request.sent_at).total_seconds()
            replied = Replied("c1", *request.key, reply, request.sent_at, seconds)
            self.internal += [replied, replied] if twice else [replied]

    def repeat(self, place: int) -> None:
        """An old message comes once more: a former owner was slow to say it."""
        if self.internal:
            self.internal.append(self.internal[place % len(self.internal)])

    # -- time

    def wait(self, seconds: float) -> None:
        """Some time passes; no request is on the wire longer than its time-out."""
        self.now += timedelta(seconds=seconds)
        for request in [one for one in self.wire if one.until <= self.now]:
            self.wire.remove(request)
            self.internal.append(
                Replied("c1", *request.key, Silence("timeout", "sent"), request.sent_at, 15.0)
            )

    def due(self) -> tuple[datetime | None, datetime | None]:
        return (None, None) if self.call is None else machine.due(self.call)

    def tick(self) -> None:
        """The ticks that are due; a silent one only when every event is handled."""
        caught_up = self.read[0] == len(self.events)
        for due, silent in zip(self.due(), (False, True), strict=True):
            if due is not None and due <= self.now and (caught_up or not silent):
                self.internal.append(Tick("c1", due, silent))

    # -- how a worker ends

    def crash(self) -> None:
        """kill -9. Its requests may have arrived; nobody hears what became of them."""
        self.crashes += 1
        self.wire = [one for one in self.wire if one.worker != self.worker]
        self._take_over()

    def hand_over(self) -> None:
        """A rebalance: what is on the wire is announced, and everything is durable and committed."""
        for request in self.wire:
            if request.worker == self.worker:
                self.internal.append(Announced("c1", *request.key, request.until + MARGIN))
        self.flush()
        self.commit()
        self._take_over()

    def _take_over(self) -> None:
        self.call, self.read = self.durable[0], self.committed
        self.dirty, self.pending, self.effects, self.posting = [], [], [], {}
        self.flights = set()
        self.worker += 1
        self.barrier = len(self.internal)
        self._open()

    def _open(self) -> None:
        if self.barrier is not None and self.read[1] >= self.barrier:
            self.barrier = None
            self.pending += machine.resumed(self.call) if self.call else ()

    # -- inside

    def _fold(self, message: machine.Input) -> None:
        step = machine.step(self.call, message, self.now, self, self.tale.documents, POLICY)  # type: ignore[arg-type]  # it asks for parts alone
        self.call = step.call
        self.dirty.append(step)
        if self.barrier is None:
            self.pending += step.effects  # else the row is looked at when the barrier is reached

    def _start(self, delivery: Delivery) -> None:
        key = delivery.delivery_id, delivery.attempt
        if key in self.flights:
            return
        if self.call is None or machine.to_be_made(self.call, *key) is None:
            return
        rendered = self.parts[PartKey("c1", delivery.incarnation, "r", delivery.request or 0)]
        assert isinstance(rendered, Rendered)
        assert key not in self.heard, f"{delivery.id} was started again although its reply was folded"
        assert key[0] not in self.done, f"{delivery.id} was started again although it is done"
        self.flights.add(key)
        mark = self.tale.documents.mark(endpoint_name(delivery.agent_id, delivery.id))
        if mark is not None and mark.disabled:
            self.internal.append(Replied("c1", *key, Silence(DISABLED, "before"), self.now, 0.0))
            return
        request = Request(self.worker, delivery, rendered, self.now)
        self.wire.append(request)
        self.sent.append(request)

    def _write(self, owed: Owed) -> None:
        value = self.emitted[_ce_id(owed)] = orjson.loads(owed.value)
        if owed.topic == "workflows" and owed.key is not None:
            self._mark({**self.tale.documents.marks, owed.key.removeprefix("endpoint/"): Mark(**value)})

    def _mark(self, marks: dict[str, Mark]) -> None:
        self.tale.documents = Snapshot(self.tale.documents.workflows, self.tale.documents.agents, marks)


def _ce_id(owed: Owed) -> str:
    return dict(owed.headers)["ce_id"].decode()


OK = Answered(200, body={"ticket": 7})
