"""A worker of the model: what it holds in memory of the one partition, and its lease on it."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeAlias

from agents.kafka.lease import Lease
from schemas.calls import Call, Owed, Rendered
from schemas.delivery import Delivery
from streams import machine
from streams.effects import Effect

SESSION = timedelta(seconds=10)
"""After so long without a heartbeat the group gives a worker's partitions away."""

LEASE = SESSION * 0.7
"""For so long after the sending of a good heartbeat a worker acts."""

Attempt: TypeAlias = tuple[str, int]
"""The delivery id, and which attempt of it."""


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
class Worker:
    """One owner of the partition, from its takeover on. Frozen, it neither hears nor says anything; when it
    goes on, the partition may have another owner and it does not know."""

    number: int
    lease: Lease
    generation: int
    call: Call | None
    read: tuple[int, int]
    barrier: int | None
    """The end of the internal topic at the takeover; None once it is read up to there."""
    frozen: bool = False
    dirty: list[machine.Step] = field(default_factory=list)
    pending: list[Effect] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)
    flights: set[Attempt] = field(default_factory=set)
    posting: dict[int, Owed] = field(default_factory=dict)
    beats: list[float] = field(default_factory=list)
    """When the heartbeats were sent whose answers lie in its socket."""

    def hear_beats(self) -> None:
        """Take in the answers that lie there."""
        beats, self.beats = self.beats, []
        for sent_at in beats:
            self.lease.renew(sent_at, self.generation)
