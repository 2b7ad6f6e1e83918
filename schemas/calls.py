"""What the table `calls` holds: one row a call, and the write-once parts of a live one.

A call id may be used again (R17), so a row is a list of incarnations: those that still change are
`Conversation`, the others have shrunk to `Past`. A row with nothing but `Past` and nothing owed is
a settled one.
"""

from datetime import datetime
from typing import Any, TypeAlias

from msgspec import Struct

from schemas.delivery import Delivery, Request
from schemas.events import Event
from schemas.evidence import Evidence
from schemas.outcomes import Outcome, Upgrade, Verdict


class Conversation(Struct, frozen=True, omit_defaults=True):
    """One incarnation of a call, from its first event until its upgrade window is over.

    `conclude_at` is the grace timer once a terminal event came, before that the lost timer (R12). After the
    verdict it is the same of evidence that may raise it (R15), and of a lost call that speaks again.
    """

    number: int
    """1, 2, … : the n of `call_id#n`."""
    opened_at: datetime
    evidence: Evidence = Evidence()
    conclude_at: datetime | None = None
    at_end: bool = False
    """As far as is known it is at an End Call node now, which shortens the lost timer (R12)."""
    outcome: Outcome | None = None
    verdicts: int = 0
    """How many verdicts it has had: part of the delivery key of outcome webhooks (R18)."""
    decided_at: datetime | None = None
    window_until: datetime | None = None
    """End of the upgrade window (R15); None before the verdict and after the window was closed."""
    contested: bool = False
    """Late evidence contradicts the verdict: the conflict is counted (R15)."""
    upgrades: tuple[Upgrade, ...] = ()
    versions_seen: dict[str, int] = {}
    """Workflow id → the version in force when this call was first seen with that workflow."""
    workflow_id: str | None = None
    workflow_version: int | None = None
    """The pinned version, fixed by the first verdict."""
    planned: bool = False
    """Its nodes were planned; they never are twice."""
    actions_settled: int = 0
    """How many `call.settled` were emitted (a second one after an upgrade's actions)."""
    session: bytes = b""
    attempt: bytes = b""
    """8-byte hashes of the session_id and the attempt that its events state (R17); empty: none did."""
    available: tuple[str, ...] = ()
    """Which data is there, of: turns transcript recording analytics."""
    terminal_at: datetime | None = None
    """The worker's clock when the first terminal event was handled."""
    unaddressed: tuple[int, ...] = ()
    """Events (parts of sort u) whose webhooks wait until an event names the voice agent."""
    resting: bool = False
    """Settled, but kept whole: a lost call, which any sign of life may still upgrade (R12), or one of which
    something may be replayed."""
    heard: int = 0
    responses: int = 0
    """How many heard events and kept replies there are among its parts."""
    unknown_workflow: bool = False
    """Nobody had applied its workflow, that version of it or its voice agent at the verdict (R19)."""
    replays: int = 0
    """How many replays have had a `call.settled` of their own."""
    rested_at: datetime | None = None
    """Since when it rests for a replay."""


class Past(Struct, frozen=True, omit_defaults=True, array_like=True):
    """What is remembered of a settled incarnation."""

    number: int
    settled_at: datetime
    verdict: Verdict | None
    agent_id: str | None = None
    session: bytes = b""
    attempt: bytes = b""
    ended_at: datetime | None = None
    """Node and turn events later than this (and the clock tolerance) say nothing (R16)."""
    erased: bool = False
    """An operator had it erased: whatever else is told of it is not listened to."""


class Owed(Struct, frozen=True, array_like=True):
    """A record that must reach an output topic; kept until the broker has acknowledged it."""

    number: int
    topic: str
    """The plain name: call-outcomes, delivery-log, dead-letters or workflows."""
    value: bytes
    headers: tuple[tuple[str, bytes], ...]
    key: str | None = None
    """None: the call's id."""


class Call(Struct, frozen=True, omit_defaults=True):
    """The row of a call: all its incarnations, its deliveries, what it owes.

    `seen` holds the 8-byte fingerprints of all events of the call id, whichever incarnation (R13).
    """

    call_id: str
    conversations: tuple[Conversation, ...] = ()
    past: tuple[Past, ...] = ()
    seen: bytes = b""
    kept: tuple[int, ...] = ()
    """Numbers of events that wait until the newest incarnation is decided (R17)."""
    keeps: int = 0
    deliveries: tuple[Delivery, ...] = ()
    requests: int = 0
    """How many requests were rendered so far."""
    owed: tuple[Owed, ...] = ()
    emitted: int = 0
    """How many records this call has emitted so far."""
    buried: int = 0
    """How many dead webhooks were put by for a replay so far (parts of sort d)."""

    @property
    def settled(self) -> bool:
        """Nothing is open, owed or under way: only the memory is left, for dedupe and for a replay."""
        if self.owed or self.kept or not all(one.resting for one in self.conversations):
            return False
        return all(delivery.settled for delivery in self.deliveries)


class Heard(Struct, frozen=True, tag="heard"):
    """A part: an event whose data templates may use."""

    event: Event


class Rendered(Struct, frozen=True, tag="rendered"):
    """A part: a request, rendered once, and the paths that its templates missed."""

    request: Request
    missing: tuple[str, ...] = ()


class Response(Struct, frozen=True, omit_defaults=True, tag="response"):
    """A part: what was kept of a node's reply, as `nodes.<id>.response` shows it."""

    node_id: str
    status: int
    headers: dict[str, str] = {}
    body: Any = None
    extracted: dict[str, Any] = {}


class Kept(Struct, frozen=True, tag="kept"):
    """A part: an event put by, for the next incarnation or until its voice agent is known."""

    event: Event


class Buried(Struct, frozen=True, tag="buried"):
    """A part: a webhook that was given up; its request is kept beside it, for a replay."""

    delivery: Delivery


Part: TypeAlias = Heard | Rendered | Response | Kept | Buried


class PartKey(Struct, frozen=True):
    """Where a part lies. `sort` is one of h (heard), r (request), a (answer), k (kept for the next
    incarnation), u (unaddressed), d (a dead webhook). k and d are counted per call, under incarnation 0."""

    call_id: str
    incarnation: int
    sort: str
    number: int
