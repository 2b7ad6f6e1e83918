"""What a step asks for: effects, to be started once the state that contains them is durable."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol, TypeAlias

from msgspec import Struct

from schemas.calls import Call, Owed, Part, PartKey
from schemas.delivery import Delivery
from schemas.endpoints import Mark
from schemas.workflow import VoiceAgent, Workflow
from streams.lifecycle import Durations


class Start(Struct, frozen=True):
    """Make this delivery's attempt (its `attempt` says which), when its lane lets it."""

    call_id: str
    delivery: Delivery


class Emit(Struct, frozen=True):
    """Write a record to an output topic; the call owes it until the broker acknowledged it."""

    call_id: str
    owed: Owed


Effect: TypeAlias = Start | Emit


class Count(Struct, frozen=True):
    """Something to count: the family's short name, its closed labels, and how much; of which
    incarnation, where that matters."""

    what: str
    labels: tuple[str, ...] = ()
    amount: float = 1.0
    incarnation: int = 0


@dataclass(frozen=True, slots=True)
class Position:
    """Where a message was read."""

    topic: str
    partition: int
    offset: int


class Step(Struct, frozen=True):
    """What one message did to one call: its new row, parts to write and to forget, deliveries that
    the row no longer holds, effects, counts. `erased`: all parts of the call are to be forgotten."""

    call: Call
    parts: tuple[tuple[PartKey, Part], ...]
    forgotten: tuple[PartKey, ...]
    dropped: tuple[Delivery, ...]
    effects: tuple[Effect, ...]
    counts: tuple[Count, ...]
    erased: bool = False


class Book(Protocol):
    """The rows as a step reads them."""

    def call(self, call_id: str) -> Call | None:
        """The row of a call, live or settled; None if nobody spoke of it yet."""

    def part(self, key: PartKey) -> Part:
        """A part that an earlier step wrote. Raises KeyError if it is not there."""


class Definitions(Protocol):
    """The documents in force."""

    def workflow(self, workflow_id: str, version: int) -> Workflow | None:
        """That version of a workflow."""

    def in_force(self, workflow_id: str) -> int | None:
        """The version in force of a workflow."""

    def agent(self, agent_id: str) -> VoiceAgent | None:
        """A voice agent."""

    def mark(self, endpoint: str) -> Mark | None:
        """What is known of an endpoint, by its name `<agent>/<node or type>`."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What of the settings a step needs."""

    durations: Durations
    ready_deadline: timedelta = timedelta(minutes=5)
    user_agent: str = "postcall"
    privacy_key: bytes = field(default=b"", repr=False)
    """Of the hashes that stand for personal data; empty: they have none."""
