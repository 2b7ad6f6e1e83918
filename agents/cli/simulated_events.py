"""The events file of a simulation: which lines belong to which call, in the order of their arrival."""

from array import array
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

import msgspec
from msgspec.structs import replace

from schemas.encodings import members
from schemas.encodings import reading as encodings
from schemas.encodings.envelopes import Envelope, Usual
from schemas.encodings.moments import in_utc
from schemas.encodings.reading import Unreadable
from schemas.events import Event
from streams.evidence import moment

LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)
"""Kafka's time of a simulated record that states no time at all."""

MICROSECOND: Final = 1_000_000


class Line(Envelope, forbid_unknown_fields=True):
    """A line as it is usually written."""

    arrived_at: datetime | None = msgspec.field(name="_arrived_at", default=None)


_USUAL: Final = Usual(Line)


class Lines:
    """The lines of an events file. Of each only its moment, its call and its offset are kept; an event is
    read when its turn comes. `faults` are (line number, why) of what cannot be read."""

    def __init__(self, content: bytes) -> None:
        self.faults: list[tuple[int, str]] = []
        self._content = content
        self._calls: dict[str, int] = {}
        self._arrivals, self._starts, self._owners = array("q"), array("q"), array("l")
        self._scan()
        self._order = self._grouped()

    def __len__(self) -> int:
        """How many events there are."""
        return len(self._starts)

    @property
    def calls(self) -> list[str]:
        """The call ids, in the order of their first arrival."""
        return [call_id for call_id, _ in self._order]

    def arrivals(self, index: int) -> Iterator[tuple[datetime, Event]]:
        """The events of a call with the moments of their arrival, in that order, ties in file order."""
        for start in self._order[index][1]:
            yield _arrival(_line(self._content, start))

    def _scan(self) -> None:
        start, number = 0, 0
        while start < len(self._content):
            number += 1
            line = _line(self._content, start)
            if line.strip():
                self._look(line, start, number)
            start += len(line) + 1

    def _look(self, line: bytes, start: int, number: int) -> None:
        try:
            at, call_id = _placed(line)
        except Unreadable as why:
            self.faults.append((number, str(why)))
            return
        self._arrivals.append(int(at.timestamp() * MICROSECOND))
        self._starts.append(start)
        self._owners.append(self._calls.setdefault(call_id, len(self._calls)))

    def _grouped(self) -> list[tuple[str, "array[int]"]]:
        names = list(self._calls)
        offsets: dict[int, array[int]] = {}
        for line in sorted(range(len(self._starts)), key=self._arrivals.__getitem__):
            offsets.setdefault(self._owners[line], array("q")).append(self._starts[line])
        return [(names[owner], starts) for owner, starts in offsets.items()]


def _line(content: bytes, start: int) -> bytes:
    end = content.find(b"\n", start)
    return content[start : len(content) if end < 0 else end]


def _placed(line: bytes) -> tuple[datetime, str]:
    """When a line arrives, and the call that it is about; it is read far enough to know that it can be."""
    said = _USUAL.read(line)
    if said is not None:
        members.check(said.type, said.data or {})
        occurred_at = LONG_AGO if said.occurred_at is None else in_utc(said.occurred_at)
        arrived_at = occurred_at if said.arrived_at is None else in_utc(said.arrived_at)
        if occurred_at is not None and arrived_at is not None:
            return arrived_at, said.call_id
    at, event = _unusual(line)
    return at, event.call_id


def _arrival(line: bytes) -> tuple[datetime, Event]:
    """When a line arrives that can be read, and its event."""
    said = _USUAL.known(line)
    event = None if said is None else encodings.event_of(said, None, LONG_AGO)
    if said is not None and event is not None:
        arrived_at = event.occurred_at if said.arrived_at is None else in_utc(said.arrived_at)
        if arrived_at is not None:
            return arrived_at, event
    return _unusual(line)


def _unusual(line: bytes) -> tuple[datetime, Event]:
    event = encodings.read(line, (), LONG_AGO, None)
    stated = event.extra.get("_arrived_at")
    if stated is None:
        return event.occurred_at, event
    arrived_at = moment(stated)
    if arrived_at is None:
        raise Unreadable(f"found _arrived_at {stated!r}; expected an RFC 3339 time with its zone")
    extra = {name: value for name, value in event.extra.items() if name != "_arrived_at"}
    return arrived_at, replace(event, extra=extra)
