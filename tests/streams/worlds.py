"""A model of everything around the machine: two logs, a durable row, a group of workers, lanes, endpoints, a
broker, a clock.

Workers die between any two effects: what was not durable never happened, messages since the last commit
are read again, effects that were not done are lost, and the requests of the dead worker end unheard.
Partitions are given away cleanly, too: then what is on the wire is announced, and answered later. And a worker
that is not heard loses its partition without knowing it. It goes on as a zombie, with its memory, its requests on
the wire and the very lease of the engine (agents/kafka/lease.py), which is all that keeps it from harm.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import orjson

from agents.kafka.lease import Lease
from schemas import wire
from schemas.calls import Call, Owed, Part, PartKey, Rendered
from schemas.delivery import Answered, Delivery, Reply, Silence, State
from schemas.endpoints import DISABLED, Mark, endpoint_name
from schemas.events import Event
from schemas.messages import Announced, Emitted, Replay, Replied, Tick
from schemas.workflow import Workflow
from streams import ids, machine
from streams.definitions import Snapshot
from streams.effects import Start
from tests.builders import START
from tests.streams.promises import check_no_regress, check_taken
from tests.streams.tales import POLICY, Tale
from tests.streams.workers import LEASE, SESSION, Attempt, Request, Worker

MARGIN = timedelta(seconds=1)
OK = Answered(200, body={"ticket": 7})


@dataclass
class World:
    """One call id and all that happens to it. Every method is something that may happen next; what a worker
    cannot do just now (it is frozen, or waits for its lease) is nothing."""

    tale: Tale
    answer: Callable[[Request], Reply]
    now: datetime = START
    parts: dict[PartKey, Part] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    internal: list[Any] = field(default_factory=list)
    durable: tuple[Call | None, tuple[int, int]] = (None, (0, 0))
    committed: tuple[int, int] = (0, 0)
    generation: int = 0
    heard_at: datetime = START
    """When the group last had a heartbeat of the owner."""
    zombies: list[Worker] = field(default_factory=list)
    """Former owners that do not know it."""
    workers: int = 0
    crashes: int = 0
    expired: int = 0
    wire: list[Request] = field(default_factory=list)
    sent: list[Request] = field(default_factory=list)
    excused: set[Attempt] = field(default_factory=set)
    """Attempts that may be made once more: somebody died who had them on the wire."""
    emitted: dict[str, dict[str, Any]] = field(default_factory=dict)
    owed: set[str] = field(default_factory=set)
    heard: set[Attempt] = field(default_factory=set)
    done: set[str] = field(default_factory=set)
    """The deliveries that are durably done."""
    resting_until: dict[Attempt, datetime] = field(default_factory=dict)
    """When the attempts may be made at the earliest that are durably put off."""
    largest: int = 0

    def __post_init__(self) -> None:
        self.owner = self._joined()

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
        owner = self.owner
        if self._acts(owner) and owner.read[0] < len(self.events):
            self._fold(self.events[owner.read[0]])
            owner.read = owner.read[0] + 1, owner.read[1]

    def fold_internal(self) -> None:
        owner = self.owner
        if self._acts(owner) and owner.read[1] < len(self.internal):
            message = self.internal[owner.read[1]]
            self._fold(message)
            if isinstance(message, Replied):
                owner.flights.discard((message.delivery_id, message.attempt))
            owner.read = owner.read[0], owner.read[1] + 1
            self._open(owner)

    def flush(self, worker: Worker | None = None) -> None:
        """Everything so far is durable, and its effects may begin. A zombie's rows meet the gate: without a
        lease they go nowhere, and it ends."""
        worker = worker or self.owner
        if worker.frozen:
            return
        if not worker.lease.valid():
            if worker is not self.owner:
                self.zombies.remove(worker)
            return
        assert worker is self.owner, "a worker that lost its partition wrote over newer state"
        check_no_regress(self.durable[0], worker.call)
        for step in worker.dirty:
            self.parts.update(step.parts)
            for key in step.forgotten:
                self.parts.pop(key, None)
            ended = (*step.dropped, *step.call.deliveries)
            self.done |= {one.delivery_id for one in ended if one.state is State.DONE}
        worker.effects += worker.pending
        worker.dirty, worker.pending = [], []
        for message in self.internal[self.durable[1][1] : worker.read[1]]:
            if isinstance(message, Replied) and (message.delivery_id, message.attempt) not in self.heard:
                self.heard.add((message.delivery_id, message.attempt))
                check_taken(message, self.done)
        self.durable = worker.call, worker.read
        if worker.call is not None:
            self._note(worker.call)

    def commit(self) -> None:
        if self._acts(self.owner):
            self.committed = self.durable[1]

    def act(self, worker: Worker | None = None) -> None:
        """One effect."""
        worker = worker or self.owner
        if worker.frozen or not worker.effects:
            return
        effect = worker.effects[0]
        if isinstance(effect, Start) and not worker.lease.valid() and worker is self.owner:
            return  # it waits at the door
        worker.effects.pop(0)
        if isinstance(effect, Start):
            self._start(worker, effect.delivery)
        elif effect.owed.number not in worker.posting:
            worker.posting[effect.owed.number] = effect.owed
            self._write(effect.owed)

    def acknowledge(self, worker: Worker | None = None) -> None:
        """The broker has everything, and the call is told so."""
        worker = worker or self.owner
        if worker.posting and not worker.frozen:
            self.internal.append(Emitted("c1", max(worker.posting)))
            worker.posting = {}

    def reply(self, place: int = 0, twice: bool = False) -> None:
        """An endpoint answers one of the requests on the wire."""
        open_ones = self._heard_wire()
        if open_ones:
            request = open_ones[place % len(open_ones)]
            self.wire.remove(request)
            reply = self.answer(request)
            seconds = (self.now - request.sent_at).total_seconds()
            replied = Replied("c1", *request.key, reply, request.sent_at, seconds)
            self.internal += [replied, replied] if twice else [replied]

    def repeat(self, place: int) -> None:
        """An old message comes once more: a former owner was slow to say it."""
        if self.internal:
            self.internal.append(self.internal[place % len(self.internal)])

    def repeat_reply(self, place: int) -> None:
        """One of the last replies comes once more, when its attempt may be long over."""
        replies = [one for one in self.internal if isinstance(one, Replied)]
        if replies:
            self.internal.append(replies[-1 - place % min(4, len(replies))])

    # -- time

    def wait(self, seconds: float) -> None:
        """Some time passes in which the owner is heard, unless it is frozen; no request is on the wire longer
        than its time-out."""
        self.now += timedelta(seconds=seconds)
        self.beat()
        self._time_out()

    def wait_unheard(self, seconds: float) -> None:
        """Some time passes in which no heartbeat is answered."""
        self.now += timedelta(seconds=seconds)
        self._time_out()

    def due(self) -> tuple[datetime | None, datetime | None]:
        return (None, None) if self.owner.call is None else machine.due(self.owner.call)

    def tick(self, worker: Worker | None = None) -> None:
        """The ticks that are due; a silent one only when every event is handled."""
        worker = worker or self.owner
        if worker.frozen or worker.call is None:
            return
        caught_up = worker.read[0] == len(self.events)
        for due, silent in zip(machine.due(worker.call), (False, True), strict=True):
            if due is not None and due <= self.now and (caught_up or not silent):
                self.internal.append(Tick("c1", due, silent))

    # -- the group

    def beat(self) -> None:
        """The owner sends a heartbeat and has the answer."""
        if not self.owner.frozen:
            self.beat_unanswered()
            self.owner.hear_beats()

    def beat_unanswered(self) -> None:
        """A heartbeat reaches the group, and its answer waits in the owner's socket."""
        if not self.owner.frozen:
            self.heard_at = self.now
            self.owner.beats.append(self._seconds())

    def freeze(self) -> None:
        """The owner stands still: SIGSTOP, a stalled host."""
        self.owner.frozen = True

    def thaw(self) -> None:
        """Everybody who stood still goes on where he stood, with what has come in meanwhile."""
        for worker in (self.owner, *self.zombies):
            worker.frozen = False
            worker.hear_beats()
        self._time_out()

    def expire(self) -> None:
        """The group has not heard of the owner for a session, and gives the partition to another."""
        if self.now - self.heard_at < SESSION:
            return
        self.expired += 1
        self._excuse(self.owner)
        self.zombies.append(self.owner)
        self.owner = self._joined()

    def learn(self, place: int = 0) -> None:
        """A zombie is told that the group does not know it any more."""
        if self.zombies:
            zombie = self.zombies[place % len(self.zombies)]
            if not zombie.frozen:
                zombie.lease.expel()
                self.zombies.remove(zombie)

    def go_on(self, place: int = 0, what: int = 0) -> None:
        """A zombie does what it had in mind."""
        if self.zombies:
            doings = (self.act, self.flush, self.acknowledge, self.tick)
            doings[what % len(doings)](self.zombies[place % len(self.zombies)])

    def crash(self) -> None:
        """kill -9 of the owner. Its requests may have arrived; nobody hears what became of them."""
        self.crashes += 1
        self._bury(self.owner)
        self.owner = self._joined()

    def lose(self) -> None:
        """kill -9 of everybody who held the partition before, with what they have on the wire."""
        former = {request.worker for request in self.wire} - {self.owner.number}
        self.crashes += bool(former)
        self.excused |= {request.key for request in self.wire if request.worker in former}
        self.wire = [request for request in self.wire if request.worker not in former]
        self.zombies = []

    def hand_over(self) -> None:
        """A rebalance: what is on the wire is announced, and everything is durable and committed."""
        if not self._acts(self.owner):
            return
        for request in self.wire:
            if request.worker == self.owner.number:
                self.internal.append(Announced("c1", *request.key, request.until + MARGIN))
        self.flush()
        self.commit()
        self.owner = self._joined()

    # -- inside

    def _joined(self) -> Worker:
        """A worker that has just taken the partition over."""
        self.generation += 1
        self.workers += 1
        lease = Lease(LEASE, self._seconds)
        lease.grant(self._seconds(), self.generation)
        self.heard_at = self.now
        call, read = self.durable[0], self.committed
        joined = Worker(self.workers, lease, self.generation, call, read, len(self.internal))
        self._open(joined)
        return joined

    def _acts(self, worker: Worker) -> bool:
        return not worker.frozen and worker.lease.valid()

    def _seconds(self) -> float:
        return (self.now - START).total_seconds()

    def _open(self, worker: Worker) -> None:
        if worker.barrier is not None and worker.read[1] >= worker.barrier:
            worker.barrier = None
            if worker.call is not None and not worker.call.settled:  # it looks through the live rows
                worker.pending += machine.resumed(worker.call)

    def _excuse(self, worker: Worker) -> None:
        self.excused |= {request.key for request in self.wire if request.worker == worker.number}

    def _bury(self, worker: Worker) -> None:
        self._excuse(worker)
        self.wire = [one for one in self.wire if one.worker != worker.number]

    def _heard_wire(self) -> list[Request]:
        """What is on the wire of somebody who is not frozen."""
        frozen = {one.number for one in (self.owner, *self.zombies) if one.frozen}
        return [one for one in self.wire if one.worker not in frozen]

    def _time_out(self) -> None:
        for request in [one for one in self._heard_wire() if one.until <= self.now]:
            self.wire.remove(request)
            silence = Silence("timeout", "sent")
            self.internal.append(Replied("c1", *request.key, silence, request.sent_at, 15.0))

    def part(self, key: PartKey) -> Part:
        """A part as the owner's steps read it."""
        for step in reversed(self.owner.dirty):
            if key in step.forgotten:
                raise KeyError(key)
            for written, part in step.parts:
                if written == key:
                    return part
        return self.parts[key]

    def _fold(self, message: machine.Input) -> None:
        owner = self.owner
        try:
            step = machine.step(owner.call, message, self.now, self, self.tale.documents, POLICY)  # type: ignore[arg-type]  # it asks for parts alone
        except KeyError as lost:
            raise AssertionError(f"a part that the row names is gone: {lost}") from lost
        owner.call = step.call
        owner.dirty.append(step)
        if owner.barrier is None:
            owner.pending += step.effects  # else the row is looked at when the barrier is reached

    def _note(self, call: Call) -> None:
        self.owed |= {_ce_id(owed) for owed in call.owed}
        self.largest = max(self.largest, len(wire.row(call)))
        for one in call.deliveries:
            if one.state is State.PARKED and one.due is not None:
                self.resting_until[one.delivery_id, one.attempt + 1] = one.due

    def _start(self, worker: Worker, delivery: Delivery) -> None:
        key = delivery.delivery_id, delivery.attempt
        if key in worker.flights or not worker.lease.valid():
            return
        if worker.call is None or machine.to_be_made(worker.call, *key) is None:
            return
        self._may_start(worker, delivery)
        rendered = self.parts.get(PartKey("c1", delivery.incarnation, "r", delivery.request or 0))
        assert isinstance(rendered, Rendered), f"a part that the row names is gone: {delivery.id}'s request"
        worker.flights.add(key)
        mark = self.tale.documents.mark(endpoint_name(delivery.agent_id, delivery.id))
        if mark is not None and mark.disabled:
            self.internal.append(Replied("c1", *key, Silence(DISABLED, "before"), self.now, 0.0))
            return
        request = Request(worker.number, delivery, rendered, self.now)
        self.wire.append(request)
        self.sent.append(request)

    def _may_start(self, worker: Worker, delivery: Delivery) -> None:
        key, name = (delivery.delivery_id, delivery.attempt), delivery.id
        assert worker is self.owner, "a worker that lost its partition started a request"
        assert key not in self.heard, f"{name} was started again although its reply was folded"
        assert key[0] not in self.done, f"{name} was started again although it is done"
        assert self.resting_until.get(key, self.now) <= self.now, f"{name} was retried before its time"
        if any(one.key == key for one in self.sent):
            assert key in self.excused, f"{name} was sent twice and nobody died with it"
            self.excused.discard(key)
        if name == "mail":
            crm = ids.of_node("c1", delivery.incarnation, "crm")
            assert crm in self.done, "mail was started before its parent's 2xx"

    def _write(self, owed: Owed) -> None:
        value = self.emitted[_ce_id(owed)] = orjson.loads(owed.value)
        if owed.topic == "workflows" and owed.key is not None:
            self._mark({**self.tale.documents.marks, owed.key.removeprefix("endpoint/"): Mark(**value)})

    def _mark(self, marks: dict[str, Mark]) -> None:
        self.tale.documents = Snapshot(self.tale.documents.workflows, self.tale.documents.agents, marks)


def _ce_id(owed: Owed) -> str:
    return dict(owed.headers)["ce_id"].decode()
