"""How far each partition was read, and whether that is far enough to conclude something from silence.

A timer that concludes from silence ("nothing came within the grace") must know that nothing came,
not just that nothing was handled: after a stall the events wait in Kafka while the clock has moved
on. So it waits for a fetch that was *sent* after its due time (an answer that lay in a socket while
the process was suspended is old news), and for processing to pass the high watermark which that
fetch showed. The current watermark would do too, but under a steady lag it is never reached.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple

from faust.types import TP

MOST_FETCHES = 64
"""Fetches remembered for a lagging partition; beyond it every other one is forgotten."""

LONG_AGO = datetime.min.replace(tzinfo=UTC)


class Fetch(NamedTuple):
    """One answered fetch of one partition."""

    sent_at: datetime
    position: int
    """The offset it asked for: everything below had been taken over by then."""
    highwater: int
    """The offset of the next record at the broker."""


@dataclass(slots=True)
class Reading:
    """What is known of one partition since its last seek."""

    processed: int | None = None
    taken: int = 0
    """The offset after the last record that left the consumer's thread."""
    caught_up_at: datetime = LONG_AGO
    """Everything that was in Kafka at this time is processed."""
    fetches: deque[Fetch] = field(default_factory=deque)

    def passed(self, fetch: Fetch) -> bool:
        """True when all that this fetch showed to exist is processed.

        The last offsets of a partition may belong to no record (transaction markers, compaction);
        then a fetch from behind them shows it, provided nothing taken over is still in work.
        """
        if self.processed is not None and self.processed >= fetch.highwater:
            return True
        idle = self.taken == 0 or (self.processed is not None and self.processed >= self.taken)
        return idle and fetch.position >= fetch.highwater

    def advance(self) -> None:
        """Forget the fetches that processing has passed."""
        while self.fetches and self.passed(self.fetches[0]):
            self.caught_up_at = self.fetches.popleft().sent_at

    def remember(self, fetch: Fetch) -> None:
        """Keep the fetch until it is passed. Forgetting one only lets a timer wait for a later one."""
        if len(self.fetches) >= MOST_FETCHES:
            self.fetches = deque(list(self.fetches)[1::2])
        self.fetches.append(fetch)


class Offsets:
    """The reading of every source partition this worker owns."""

    def __init__(self, topics: Iterable[str]) -> None:
        self._topics = tuple(topics)
        self._readings: dict[TP, Reading] = {}
        self._highwater: dict[TP, int] = {}

    def sought(self, tp: TP, committed: int | None) -> None:
        """Reading of `tp` starts (again) at the committed offset."""
        self._readings[tp] = Reading(processed=committed)

    def lost(self, partitions: Iterable[TP]) -> None:
        """These partitions are not ours any more."""
        for tp in partitions:
            self._readings.pop(tp, None)
            self._highwater.pop(tp, None)

    def taken(self, tp: TP, next_offset: int) -> None:
        """Records up to here left the consumer's thread."""
        if reading := self._readings.get(tp):
            reading.taken = next_offset

    def fetched(self, tp: TP, fetch: Fetch) -> None:
        """The broker answered a fetch. Called in the consumer's thread."""
        self._highwater[tp] = fetch.highwater
        if reading := self._readings.get(tp):
            reading.remember(fetch)

    def done(self, tp: TP, position: int) -> None:
        """Everything below `position` is handled."""
        if reading := self._readings.get(tp):
            reading.processed = position

    def processed(self, tp: TP) -> int | None:
        """The offset after the last handled message; the committed one when none was handled yet."""
        reading = self._readings.get(tp)
        return reading.processed if reading else None

    def high_watermark(self, tp: TP) -> int | None:
        """The end of the partition as the last fetch showed it."""
        return self._highwater.get(tp)

    def lag(self) -> int:
        """How many messages wait in Kafka or in memory, over all partitions that are read."""
        ends = ((self._highwater.get(tp), reading.processed) for tp, reading in list(self._readings.items()))
        return sum(max(0, end - done) for end, done in ends if end is not None and done is not None)

    def waits_since(self, topic: str) -> datetime | None:
        """When the oldest fetch of a topic was sent that showed what is not handled yet; None: all is handled."""
        mine = [reading for tp, reading in list(self._readings.items()) if tp.topic == topic]
        for reading in mine:
            reading.advance()
        return min((reading.fetches[0].sent_at for reading in mine if reading.fetches), default=None)

    def caught_up(self, partition: int, due: datetime) -> bool:
        """True when all that was in the source topics of this partition at `due` is handled."""
        return all(self._caught_up(TP(topic, partition), due) for topic in self._topics)

    def _caught_up(self, tp: TP, due: datetime) -> bool:
        reading = self._readings.get(tp)
        if reading is None:
            return False
        reading.advance()
        return reading.caught_up_at > due
