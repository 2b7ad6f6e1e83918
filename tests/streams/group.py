"""The group of the model: who holds the partition, who still believes so, and how each of them ends.

A worker that is not heard loses its partition without knowing it. It goes on as a zombie, with its memory, its
requests on the wire and the very lease of the engine (agents/kafka/lease.py), which is all that keeps it from harm.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from agents.kafka.lease import Lease
from schemas.calls import Call
from schemas.delivery import Silence
from schemas.messages import Replied
from streams import machine
from tests.builders import START
from tests.streams.outside import Outside
from tests.streams.workers import LEASE, SESSION, Request, Worker


@dataclass
class Group(Outside):
    """The workers, their heartbeats, and their requests on the wire."""

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

    def __post_init__(self) -> None:
        self.owner = self._joined()

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

    # -- endpoints

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

    # -- heartbeats

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

    # -- how workers come and go

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

    def _open(self, worker: Worker) -> None:
        if worker.barrier is not None and worker.read[1] >= worker.barrier:
            worker.barrier = None
            if worker.call is not None and not worker.call.settled:  # it looks through the live rows
                worker.pending += machine.resumed(worker.call)

    def _acts(self, worker: Worker) -> bool:
        return not worker.frozen and worker.lease.valid()

    def _seconds(self) -> float:
        return (self.now - START).total_seconds()

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
