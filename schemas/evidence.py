"""What is known of one conversation: a set of facts that comes out the same in any order.

Each field is the union, the earliest or the latest of what events said, so adding events is
commutative and idempotent. `streams/verdicts/learning.py` adds, `streams/verdicts/verdict.py` judges,
`streams/evidence.py` has an accessor for whatever else wants to know; nobody else reads the fields.
The row of a live call is written at every event: what is not needed for a verdict (turns,
variables, transcripts) is not here.
"""

from datetime import datetime
from enum import IntEnum
from typing import Final, NamedTuple

from msgspec import Struct

NO_SEQ: Final = -1
"""In an `Order`: the event has no sequence number."""


class Order(NamedTuple):
    """Where an event stands among the others of its call (R14); compares as it sorts."""

    at: datetime
    source: str
    seq: int
    id: str


class Stage(IntEnum):
    """How far a call got; each has its own patience before it counts as lost (R12)."""

    NOTHING = 0
    QUEUED = 1
    DIALLED = 2
    LIVE = 3


class Entered(Struct, frozen=True, array_like=True):
    """A node was entered. `node_type` is believed only where the workflow does not know the node."""

    order: Order
    node_id: str
    node_type: str | None = None


class Terminal(Struct, frozen=True, array_like=True, omit_defaults=True):
    """Somebody says that the call ended, and why.

    `late` ones came after the verdict: they may raise it, but do not move the end of the call.
    """

    order: Order
    reason: str
    late: bool = False
    end_node_id: str | None = None
    ended_at: datetime | None = None
    answered_at: datetime | None = None
    ended_by: str | None = None
    duration_seconds: float | None = None
    raw_reason: str | None = None


class Statement(Struct, frozen=True, omit_defaults=True):
    """What one event said first about the call as a whole; fields that an earlier event states are
    not repeated, so a call has one or two of these."""

    order: Order
    agent_id: str | None = None
    workflow_id: str | None = None
    workflow_version: int | None = None
    version_of: str | None = None
    """The workflow that the event with `workflow_version` named, None when it named none."""
    direction: str | None = None
    channel: str | None = None
    is_test: bool | None = None
    attempt: int | None = None
    traceparent: str | None = None
    from_number: str | None = None
    """`data.from`"""
    to_number: str | None = None
    """`data.to`"""


class Evidence(Struct, frozen=True, omit_defaults=True):
    """Facts of one incarnation of a call. Moments are the producers' clocks."""

    stage: int = Stage.NOTHING
    started_at: datetime | None = None
    """Of the earliest event."""
    answered_at: datetime | None = None
    """Of the earliest call.answered."""
    conversed_at: datetime | None = None
    """Of the earliest conversation.started."""
    talked_at: datetime | None = None
    """Of the earliest node or turn event."""
    voicemail_at: datetime | None = None
    """Of the earliest voicemail.detected."""
    bridged: tuple[Order, ...] = ()
    """The transfer.bridged events, in order."""
    entered: tuple[Entered, ...] = ()
    """In the order of their clocks, which need not be the order of R14."""
    spoken: dict[str, datetime] = {}
    """Node id → its earliest closing.spoken."""
    terminals: tuple[Terminal, ...] = ()
    """The most specific first, the earliest among equals (R11)."""
    statements: tuple[Statement, ...] = ()
    """In order; each field is stated once."""
