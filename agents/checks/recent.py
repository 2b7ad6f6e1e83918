"""The latest events and messages: whether producers agree on partitions and on the time.

A sample of the end of each partition. Kafka has no clock to ask: what tells of clocks are the times of records,
which are the broker's or their producer's, as the topic is configured, and what events say themselves.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from aiokafka import TopicPartition

from agents.checks.finding import Finding, ok, warn
from agents.kafka.config import KafkaConfig
from agents.output_topics import taken
from schemas.encodings import reading
from schemas.encodings.moments import utc
from schemas.encodings.reading import Unreadable
from schemas.events import CALL_ENDED, Event
from streams.evidence import NODE_OR_TURN
from streams.topology import home

SAMPLE: Final = 500
"""Records of each partition."""

MENDING: Final = "set partitioner=murmur2_random in its producer, or give it the call id as key"
CLOCKS: Final = "chronyc makestep, on the machine whose clock is wrong"


@dataclass(slots=True)
class Sample:
    """What the latest events are like. Sources are those that events state."""

    events: int = 0
    unreadable: int = 0
    astray: Counter[str] = field(default_factory=Counter)
    """Events away from their call's home partition, by source."""
    ahead: dict[str, timedelta] = field(default_factory=dict)
    """How far a source's clock is ahead of the time at which Kafka had the record, at the most."""
    future: timedelta = timedelta()
    """How far a record's time is ahead of this machine's clock, at the most."""
    ends: dict[str, datetime] = field(default_factory=dict)
    talks: list[Event] = field(default_factory=list)


async def look_at_recent(
    config: KafkaConfig, topic: str, partitions: int, tolerance: timedelta
) -> Iterator[Finding]:
    """Look at the latest events of call-events."""
    sample, now = Sample(), datetime.now(UTC)
    async for record in taken(
        config, [TopicPartition(topic, each) for each in range(partitions)], last=SAMPLE
    ):
        at = datetime.fromtimestamp(record.timestamp / 1000, UTC)
        sample.future = max(sample.future, at - now)
        try:
            event = reading.read(record.value or b"", tuple(record.headers or ()), at, record.key)
        except Unreadable:
            sample.unreadable += 1
            continue
        _add(sample, event, record.partition, partitions)
    return _findings(sample, tolerance)


def _add(sample: Sample, event: Event, partition: int, partitions: int) -> None:
    sample.events += 1
    source = event.source or "(no source)"
    if home(event.call_id, partitions) != partition:
        sample.astray[source] += 1
    ahead = event.occurred_at - event.recorded_at
    sample.ahead[source] = max(sample.ahead.get(source, ahead), ahead)
    if event.type == CALL_ENDED:
        stated = event.data.get("ended_at")
        at = (utc(stated) if isinstance(stated, str) else None) or event.occurred_at
        sample.ends[event.call_id] = max(at, sample.ends.get(event.call_id, at))
    elif event.type in NODE_OR_TURN:
        sample.talks.append(event)


def _findings(sample: Sample, tolerance: timedelta) -> Iterator[Finding]:
    if not sample.events:
        yield ok("events", "sample", "no events yet")
        return
    yield from _partitioner(sample)
    yield from _clocks(sample, tolerance)
    if sample.unreadable:
        found = f"{sample.unreadable} of the latest {sample.events + sample.unreadable} cannot be read"
        asked = "events as docs/events.md has them"
        yield warn("events", "unreadable", found, asked, "postcall dead-letters --reason unreadable")


def _partitioner(sample: Sample) -> Iterator[Finding]:
    for source, count in sorted(sample.astray.items()):
        found = f"{count} of the latest {sample.events} events of {source} are not on their call's partition"
        asked = "murmur2 of the call id: each of them takes a detour, and may come late for its verdict"
        yield warn("events", f"partitioner of {source}", found, asked, MENDING)
    if not sample.astray:
        yield ok("events", "partitioner", f"the latest {sample.events} events are on their calls' partitions")


def _clocks(sample: Sample, tolerance: timedelta) -> Iterator[Finding]:
    wrong = False
    if sample.future > tolerance:
        wrong = True
        found = (
            f"records of call-events are up to {sample.future.total_seconds():.1f} s in this machine's future"
        )
        yield warn("clocks", "this machine", found, f"at most {tolerance.total_seconds():g} s", CLOCKS)
    for source, ahead in sorted(sample.ahead.items()):
        if ahead > tolerance:
            wrong = True
            found = (
                f"events of {source} say that they happen up to {ahead.total_seconds():.1f} s after they came"
            )
            yield warn("clocks", source, found, f"at most {tolerance.total_seconds():g} s", CLOCKS)
    late = _after_the_end(sample, tolerance)
    for source, (count, most) in sorted(late.items()):
        wrong = True
        found = f"{count} events of {source} say that they happened up to {most.total_seconds():.1f} s after the end"
        asked = (
            f"at most {tolerance.total_seconds():g} s (POSTCALL_CLOCK_TOLERANCE): those do not count (R14)"
        )
        yield warn("clocks", source, found, asked, CLOCKS)
    if not wrong:
        yield ok("clocks", "producers", f"they agree within {tolerance.total_seconds():g} s")


def _after_the_end(sample: Sample, tolerance: timedelta) -> dict[str, tuple[int, timedelta]]:
    """Of each source the node and turn events that its clock puts after the end of their call."""
    found: dict[str, list[timedelta]] = defaultdict(list)
    for event in sample.talks:
        end = sample.ends.get(event.call_id)
        if end is not None and event.occurred_at > end + tolerance:
            found[event.source or "(no source)"].append(event.occurred_at - end)
    return {source: (len(spans), max(spans)) for source, spans in found.items()}
