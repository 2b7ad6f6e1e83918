"""The records of one call among those of a partition.

A record is looked at in full only if its key is the call's, or its call id can be found in it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

import msgspec

from agents.kafka.names import TopicNames
from agents.output_topics import Taken
from schemas import wire
from schemas.calls import Call
from schemas.encodings import reading
from schemas.encodings.reading import Unreadable
from schemas.messages import Forwarded, Sweep
from streams.definitions import Snapshot
from streams.effects import Position
from streams.explaining.retelling import Entry
from streams.explaining.sources import Said, Unread
from streams.letters import Letter, read

ESCAPE: Final = b"\\"
"""JSON may spell any sign of a call id with one of these."""


@dataclass(slots=True)
class CallLog:
    """What was found of one call. `since` is the first moment that call-events still holds, None where it
    holds everything."""

    call_id: str
    partition: int = 0
    events: list[Entry] = field(default_factory=list)
    internal: list[Entry] = field(default_factory=list)
    unread: list[Unread] = field(default_factory=list)
    outcomes: list[Said] = field(default_factory=list)
    attempts: list[Said] = field(default_factory=list)
    letters: list[Letter] = field(default_factory=list)
    row: Call | None = None
    documents: Snapshot = field(default_factory=Snapshot)
    since: datetime | None = None


class Look:
    """Looks at records, and puts those of the call into its log."""

    def __init__(self, log: CallLog, names: TopicNames) -> None:
        self._log, self._names = log, names
        self._key = log.call_id.encode("utf-8", "surrogatepass")
        self.first_at: datetime | None = None
        self.begins_late = False
        self._records: Mapping[str, list[Said]] = {
            names.call_outcomes: log.outcomes,
            names.delivery_log: log.attempts,
        }

    def at(self, record: Taken) -> None:
        """Look at one record."""
        topic = record.topic
        if topic == self._names.call_events:
            self._event(record)
        elif record.key != self._key:
            return
        elif topic == self._names.internal:
            self._message(record)
        elif topic == self._names.dead_letters:
            letter = read(record.value or b"")
            if letter is not None and letter.call_id == self._log.call_id:
                self._log.letters.append(letter)
        else:
            said = _said(record.value, _NEEDED[topic == self._names.call_outcomes])
            known = self._records[topic]
            # A crash may write a record twice.
            if said is not None and said["call_id"] == self._log.call_id and said not in known:
                known.append(said)

    def _event(self, record: Taken) -> None:
        if self.first_at is None:
            self.first_at, self.begins_late = _moment(record), record.offset > 0
        if self._may_be_meant(record):
            place = Position(record.topic, record.partition, record.offset)
            self._heard(
                record.value or b"", tuple(record.headers or ()), record.key, _moment(record), place, record
            )

    def _may_be_meant(self, record: Taken) -> bool:
        if record.key == self._key:
            return True
        value = record.value or b""
        said = (value, *(text for _, text in record.headers or ()))
        return any(self._key in text for text in said) or ESCAPE in value

    def _heard(
        self,
        value: bytes,
        headers: tuple[tuple[str, bytes], ...],
        key: bytes | None,
        recorded_at: datetime,
        place: Position,
        record: Taken,
    ) -> None:
        try:
            event = reading.read(value, headers, recorded_at, key)
        except Unreadable as why:
            if key == self._key:
                self._log.unread.append(Unread(recorded_at, place, str(why)))
            return
        if event.call_id == self._log.call_id:
            kept = self._log.events if record.topic == self._names.call_events else self._log.internal
            if kept is self._log.internal or record.partition == self._log.partition:
                kept.append(Entry(_moment(record), event, place))

    def _message(self, record: Taken) -> None:
        try:
            message = wire.read_message(record.value or b"")
        except (wire.NewerFormat, msgspec.DecodeError):
            return
        if isinstance(message, Forwarded):
            place = Position(message.topic, message.partition, message.offset)
            key = message.call_id.encode("utf-8", "surrogatepass")
            self._heard(message.value, message.headers, key, message.recorded_at, place, record)
        elif not isinstance(message, Sweep):
            place = Position(record.topic, record.partition, record.offset)
            self._log.internal.append(Entry(_moment(record), message, place))


_NEEDED: Final[Mapping[bool, frozenset[str]]] = {
    True: frozenset({"type", "call_id", "incarnation", "verdict", "rule", "reason", "decided_at", "flags"}),
    False: frozenset({"call_id", "incarnation", "delivery_id", "attempt", "class", "started_at", "next_at"}),
}


def _said(value: bytes | None, needed: Iterable[str]) -> Said | None:
    """The value of a record; None where no postcall wrote it."""
    try:
        said = wire.json_value(value or b"")
    except ValueError:
        return None
    return said if isinstance(said, dict) and all(name in said for name in needed) else None


def _moment(record: Taken) -> datetime:
    return datetime.fromtimestamp(record.timestamp / 1000, UTC)
