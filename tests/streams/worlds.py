"""A model of everything around the machine: what the workers of a partition do with one call (here), the group that
they are members of (group.py), and all that is outside of them (outside.py).

Workers die between any two effects: what was not durable never happened, messages since the last commit
are read again, effects that were not done are lost, and the requests of the dead worker end unheard.
Partitions are given away cleanly, too: then what is on the wire is announced, and answered later.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from schemas import wire
from schemas.calls import Call, Part, PartKey, Rendered
from schemas.delivery import Delivery, Silence, State
from schemas.endpoints import DISABLED, endpoint_name
from schemas.messages import Announced, Emitted, Replied, Tick
from streams import ids, machine
from streams.effects import Start
from tests.streams.group import Group
from tests.streams.outside import OK, ce_id
from tests.streams.promises import check_no_regress, check_taken
from tests.streams.tales import POLICY
from tests.streams.workers import Attempt, Request, Worker

__all__ = ["OK", "World"]

MARGIN = timedelta(seconds=1)


@dataclass
class World(Group):
    """One call id and all that happens to it. Every method is something that may happen next; what a worker
    cannot do just now (it is frozen, or waits for its lease) is nothing."""

    parts: dict[PartKey, Part] = field(default_factory=dict)
    owed: set[str] = field(default_factory=set)
    heard: set[Attempt] = field(default_factory=set)
    done: set[str] = field(default_factory=set)
    """The deliveries that are durably done."""
    resting_until: dict[Attempt, datetime] = field(default_factory=dict)
    """When the attempts may be made at the earliest that are durably put off."""
    largest: int = 0

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

    def go_on(self, place: int = 0, what: int = 0) -> None:
        """A zombie does what it had in mind."""
        if self.zombies:
            doings = (self.act, self.flush, self.acknowledge, self.tick)
            doings[what % len(doings)](self.zombies[place % len(self.zombies)])

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
        self.owed |= {ce_id(owed) for owed in call.owed}
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
