"""What the engine says to itself on `<app id>-internal`, on the call's own partition.

Everything that can change a call is a message there or an event on `call-events`; see
`streams/machine.py`, which folds both.
"""

from datetime import datetime
from typing import TypeAlias

from msgspec import Struct

from schemas.delivery import Reply


class Tick(Struct, frozen=True, tag="tick"):
    """A time came. `silent` ticks may conclude from silence (grace, lost, upgrade window, ready
    deadline): they are sent only when everything that Kafka had until `due` was handled."""

    call_id: str
    due: datetime
    silent: bool


class Replied(Struct, frozen=True, omit_defaults=True, tag="replied"):
    """An attempt is over. One with a stale attempt number is ignored."""

    call_id: str
    delivery_id: str
    attempt: int
    reply: Reply
    started_at: datetime
    seconds: float


class Announced(Struct, frozen=True, tag="announced"):
    """A worker that gives the partition away has this attempt on the wire, until `until` at most."""

    call_id: str
    delivery_id: str
    attempt: int
    until: datetime


class Emitted(Struct, frozen=True, tag="emitted"):
    """The broker has acknowledged all records that the call owed up to number `through`."""

    call_id: str
    through: int


class Erase(Struct, frozen=True, tag="erase"):
    """An operator wants nothing of this call to be left but the ids that keep it from happening twice."""

    call_id: str


class Forwarded(Struct, frozen=True, omit_defaults=True, tag="forwarded"):
    """An event found away from its home partition, as it was, with where it was found."""

    call_id: str
    value: bytes
    headers: tuple[tuple[str, bytes], ...]
    topic: str
    partition: int
    offset: int
    recorded_at: datetime


class Replay(Struct, frozen=True, omit_defaults=True, tag="replay"):
    """An operator wants given-up deliveries sent once more: those of these ids, or all that the call has;
    then also what a workflow that was unknown at the verdict would have sent (R19)."""

    call_id: str
    deliveries: tuple[str, ...] = ()


class Sweep(Struct, frozen=True, tag="sweep"):
    """Forget settled calls of this partition, a slice at a time, from `after` on."""

    after: bytes
    before: datetime


Message: TypeAlias = Tick | Replied | Announced | Emitted | Erase | Forwarded | Replay | Sweep
