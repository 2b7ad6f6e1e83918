"""Everything that is known of a call, put together: what to believe, and of which incarnation.

The row of the changelog is what the workers hold now, and goes first. The records (`call-outcomes`,
`delivery-log`, `dead-letters`) are what they said, and outlive the row. The log folded once more
(`retelling`) says how it came about, and is believed only where neither of the others says anything.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, TypeVar

from msgspec import Struct

from schemas.calls import Call, Conversation, Past
from schemas.delivery import Delivery
from schemas.encodings.moments import utc
from schemas.evidence import Evidence
from schemas.outcomes import Outcome, Verdict
from schemas.workflow import Workflow
from streams.definitions import Snapshot
from streams.effects import Policy, Position
from streams.explaining.retelling import Beat, Pin, Retold
from streams.letters import Letter

Said = dict[str, Any]
"""The value of a record."""


class Unread(Struct, frozen=True):
    """An event with the call's key that cannot be read."""

    at: datetime
    place: Position
    why: str


@dataclass(frozen=True)
class Sources:
    """What the topics hold of one call."""

    call_id: str
    partition: int
    """Its home."""
    documents: Snapshot
    policy: Policy
    row: Call | None = None
    retold: Retold = field(default_factory=Retold)
    outcomes: tuple[Said, ...] = ()
    attempts: tuple[Said, ...] = ()
    letters: tuple[Letter, ...] = ()
    unread: tuple[Unread, ...] = ()

    @property
    def found(self) -> bool:
        """Anybody ever spoke of this call, as far as topics remember."""
        return bool(
            self.row or self.retold.beats or self.outcomes or self.attempts or self.letters or self.unread
        )

    @property
    def cases(self) -> "list[Case]":
        """The incarnations, the oldest first."""
        numbers = set(self._numbers()) or {1}
        return [Case(self, number) for number in sorted(numbers)]

    def _numbers(self) -> Iterator[int]:
        for call in (self.row, self.retold.call):
            if call is not None:
                yield from (one.number for one in call.conversations)
                yield from (one.number for one in call.past)
        yield from (int(said["incarnation"]) for said in (*self.outcomes, *self.attempts))
        yield from (int(each.said["incarnation"]) for each in self.letters if "incarnation" in each.said)
        yield from (beat.incarnation for beat in self.retold.beats if beat.incarnation)


@dataclass(frozen=True)
class Case:
    """One incarnation of a call before whoever asks why."""

    sources: Sources
    number: int

    @cached_property
    def conversation(self) -> Conversation | None:
        """As the workers hold it now; None when it is settled, or no worker holds it."""
        row = self.sources.row
        return None if row is None else _numbered(row.conversations, self.number)

    @cached_property
    def past(self) -> Past | None:
        """What the workers remember of it once it is settled."""
        row = self.sources.row
        return None if row is None else _numbered(row.past, self.number)

    @cached_property
    def beats(self) -> list[Beat]:
        """The messages that were evidence of this incarnation, or might have been."""
        return [beat for beat in self.sources.retold.beats if beat.incarnation == self.number]

    @cached_property
    def retold(self) -> Conversation | None:
        """As it was last, in the log that was folded once more."""
        for beat in reversed(self.sources.retold.beats):
            for call in (beat.after, beat.before):
                found = None if call is None else _numbered(call.conversations, self.number)
                if found is not None:
                    return found
        return None

    @cached_property
    def records(self) -> list[Said]:
        """Its verdicts as they were recorded, the first first."""
        return [said for said in self._of(self.sources.outcomes) if said["type"] != "call.settled"]

    @cached_property
    def settled(self) -> list[Said]:
        """What was recorded when its actions were final."""
        return [said for said in self._of(self.sources.outcomes) if said["type"] == "call.settled"]

    @cached_property
    def lines(self) -> list[Said]:
        """Its lines of the delivery log."""
        return sorted(self._of(self.sources.attempts), key=lambda said: str(said["started_at"]))

    @cached_property
    def letters(self) -> list[Letter]:
        """Its dead letters."""
        return [each for each in self.sources.letters if each.said.get("incarnation", 1) == self.number]

    def _of(self, records: tuple[Said, ...]) -> list[Said]:
        return [said for said in records if said["incarnation"] == self.number]

    @property
    def unhandled(self) -> bool:
        """There are events, and no worker holds it or has recorded anything of it."""
        return not (self.conversation or self.past or self.records or self.lines or self.letters)

    @property
    def outcome(self) -> Outcome | None:
        """The verdict that stands."""
        if self.conversation is not None:
            return self.conversation.outcome
        if self.records:
            return outcome_of(self.records[-1])
        # Workers have settled it, and the records are gone. What none has handled is not decided.
        return None if self.retold is None or self.past is None else self.retold.outcome

    @property
    def evidence(self) -> Evidence | None:
        """What is known of the conversation; None where all of it has expired."""
        for one in (self.conversation, self.retold):
            if one is not None and one.evidence != Evidence():
                return one.evidence
        return None

    @property
    def pinned(self) -> tuple[str | None, int | None]:
        """The workflow and its version."""
        if self.conversation is not None:
            return self.conversation.workflow_id, self.conversation.workflow_version
        if self.records:
            return self.records[-1]["workflow_id"], self.records[-1]["workflow_version"]
        return (
            (None, None) if self.retold is None else (self.retold.workflow_id, self.retold.workflow_version)
        )

    @property
    def workflow(self) -> Workflow | None:
        """The pinned workflow version, where it is still there."""
        workflow_id, version = self.pinned
        if workflow_id is None or version is None:
            return None
        return self.sources.documents.workflow(workflow_id, version)

    @cached_property
    def held(self) -> dict[str, Delivery]:
        """Its deliveries as the workers hold them now, by delivery id."""
        row = self.sources.row
        return {} if row is None else _by_id(row.deliveries, self.number)

    @cached_property
    def planned(self) -> dict[str, Delivery]:
        """Its deliveries as they were last in the log that was folded once more."""
        found: dict[str, Delivery] = {}
        for beat in () if self.unhandled else self.sources.retold.beats:
            found |= _by_id((*beat.after.deliveries, *beat.dropped), self.number)
        return found


def pins(row: Call | None, outcomes: tuple[Said, ...]) -> list[Pin]:
    """The verdicts that the workers recorded, and the workflow versions they are, or will be, pinned to."""
    found = {
        at: Pin(at, said["workflow_id"], said["workflow_version"], bool(said["synthetic"]))
        for said in outcomes
        if said["type"] != "call.settled" and (at := utc(said["decided_at"] or "")) is not None
    }
    for one in () if row is None else row.conversations:
        at = one.decided_at or datetime.max.replace(tzinfo=UTC)
        synthetic = one.outcome is not None and one.outcome.synthetic
        found.setdefault(_truncated(at), Pin(at, one.workflow_id, one.workflow_version, synthetic))
    return list(found.values())


def outcome_of(said: Said) -> Outcome:
    """The verdict of a record."""
    return Outcome(
        verdict=Verdict(said["verdict"]),
        reason=said["reason"],
        rule=said["rule"],
        end_node_id=said["end_node_id"],
        flags=tuple(said["flags"]),
        synthetic=said["synthetic"],
        ended_at=utc(said["ended_at"]) if said["ended_at"] else None,
    )


def _truncated(at: datetime) -> datetime:
    """As records show a moment, in milliseconds."""
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


One = TypeVar("One", Conversation, Past)


def _numbered(among: tuple[One, ...], number: int) -> One | None:
    return next((one for one in among if one.number == number), None)


def _by_id(deliveries: tuple[Delivery, ...], number: int) -> dict[str, Delivery]:
    return {one.delivery_id: one for one in deliveries if one.incarnation == number}
