"""From a Kafka record to what the engine can fold, or to where else it must go.

Three kinds of record are not for the call's row: an unreadable event becomes a dead letter, an event
found away from its call's home partition is sent on, and a sweep is for the whole partition.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from agents.kafka.source import Record
from schemas import wire
from schemas.encodings import reading as encodings
from schemas.encodings.reading import Unreadable
from schemas.messages import Forwarded, Sweep
from streams import topology
from streams.effects import Position
from streams.machine import Input


@dataclass(frozen=True, slots=True)
class Folded:
    """A message for one call of this partition, and where it was first read."""

    message: Input
    at: Position


@dataclass(frozen=True, slots=True)
class Poison:
    """An event that cannot be read, and why."""

    at: Position
    why: str


@dataclass(frozen=True, slots=True)
class Away:
    """An event whose call is at home on another partition."""

    home: int
    message: Forwarded


Read: TypeAlias = Folded | Poison | Away | Sweep


class Reader:
    """Reads the records of the source topics. `partitions` is the count of call-events."""

    def __init__(self, call_events: str, partitions: int) -> None:
        self._call_events, self._partitions = call_events, partitions

    def read(self, record: Record) -> Read:
        """What a record is.

        Raises wire.NewerFormat for an internal message of a newer release, and msgspec.DecodeError
        for one that no release wrote: both stop the worker, un-acknowledged.
        """
        at = Position(record.topic, record.partition, record.offset)
        if record.topic == self._call_events:
            return self._event(record, at)
        message = wire.read_message(record.value or b"")
        if isinstance(message, Forwarded):
            at = Position(message.topic, message.partition, message.offset)
            # Binary CloudEvents may name the call by the key alone; it is what the call id was read from.
            key = message.call_id.encode("utf-8", "surrogatepass")
            return _readable(message.value, message.headers, message.recorded_at, key, at)
        if isinstance(message, Sweep):
            return message
        return Folded(message, at)

    def _event(self, record: Record, at: Position) -> Read:
        read = _readable(record.value or b"", record.headers, record.timestamp, record.key, at)
        if isinstance(read, Poison):
            return read
        home = topology.home(read.message.call_id, self._partitions)
        if home == record.partition:
            return read
        forwarded = Forwarded(
            call_id=read.message.call_id,
            value=record.value or b"",
            headers=record.headers,
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            recorded_at=record.timestamp,
        )
        return Away(home, forwarded)


def _readable(
    value: bytes,
    headers: tuple[tuple[str, bytes], ...],
    recorded_at: datetime,
    key: bytes | None,
    at: Position,
) -> Folded | Poison:
    try:
        return Folded(encodings.read(value, headers, recorded_at, key), at)
    except Unreadable as why:
        return Poison(at, str(why))
