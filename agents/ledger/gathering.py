"""Gathers the witnesses of a run from where they are: topics, the receiver's file, the workers' metrics.

Of a system that runs, what is effect is read before what is cause: a request whose call is not told of is then
no phantom that came in between.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from agents.ledger.receiver_file import read_requests
from agents.ledger.topics import Client, read_topics
from agents.ledger.witnesses import Record, Witnesses


@dataclass(frozen=True, slots=True)
class Topics:
    """What the topics of an installation are called."""

    call_events: str = "call-events"
    workflows: str = "workflows"
    call_outcomes: str = "call-outcomes"
    delivery_log: str = "delivery-log"
    dead_letters: str = "dead-letters"
    others: tuple[str, ...] = ()
    """The engine's own, in which nothing planted may be."""

    @classmethod
    def prefixed(cls, prefix: str) -> "Topics":
        """The usual names behind a prefix."""
        named = cls()
        return cls(
            call_events=prefix + named.call_events,
            workflows=prefix + named.workflows,
            call_outcomes=prefix + named.call_outcomes,
            delivery_log=prefix + named.delivery_log,
            dead_letters=prefix + named.dead_letters,
        )


@dataclass(frozen=True, slots=True)
class Stretch:
    """Which part of the topics is wanted."""

    events_since: float | None = None
    """Seconds since 1970; None: from the first record on."""
    effects_since: float | None = None
    about: str | None = None
    """Only what mentions this call."""


def gather(
    client: Client, topics: Topics, receiver: Path | None, stretch: Stretch = Stretch()
) -> tuple[Witnesses, tuple[Record, ...]]:
    """Return the witnesses, and the records of the workflows topic.

    Raises topics.NoBroker, topics.NoTopics, receiver_file.BadLine.
    """
    effects = (topics.delivery_log, topics.call_outcomes, topics.dead_letters, *topics.others)
    read = read_topics(client, effects, stretch.effects_since, stretch.about, optional=topics.others)
    requests = None if receiver is None else read_requests(receiver)
    told = read_topics(client, [topics.call_events], stretch.events_since, stretch.about)
    definitions = read_topics(client, [topics.workflows])[topics.workflows]
    deliveries, outcomes, dead_letters, *others = (read[each] for each in effects)
    witnesses = Witnesses(
        events=told[topics.call_events],
        requests=requests,
        deliveries=deliveries,
        outcomes=outcomes,
        dead_letters=dead_letters,
        others=tuple(record for each in others for record in each),
    )
    return witnesses, definitions


def narrowed(witnesses: Witnesses, call_id: str | None, since: float | None, until: float) -> Witnesses:
    """The witnesses without requests of other calls, or of another time than is judged."""
    if witnesses.requests is None:
        return witnesses
    kept = [
        seen
        for seen in witnesses.requests
        if (call_id is None or seen.call_id == call_id) and (since or 0.0) <= seen.at <= until
    ]
    return replace(witnesses, requests=tuple(kept))


def whole_since(events: Iterable[Record], longest: float) -> float | None:
    """From when on calls are there whole, where the topic has forgotten its beginning: `longest` seconds, a call's
    longest life, after its oldest record; None where nothing is forgotten."""
    first: dict[int, Record] = {}
    for record in events:
        known = first.setdefault(record.partition, record)
        first[record.partition] = min(known, record, key=lambda each: each.offset)
    return max((each.at + longest for each in first.values() if each.offset > 0), default=None)


def read_witnesses(
    bootstrap: str,
    prefix: str,
    receiver: Path,
    scrapes: Iterable[dict[str, float]] = (),
    logs: Iterable[Path] = (),
    kills: Iterable[float] = (),
) -> Witnesses:
    """Return everything that was written down about the run whose topics have this prefix."""
    witnesses, _ = gather({"bootstrap.servers": bootstrap}, Topics.prefixed(prefix), receiver)
    return replace(witnesses, scrapes=tuple(scrapes), logs=tuple(logs), kills=tuple(kills))


def series(text: str) -> dict[str, float]:
    """A page of metrics: series with their labels, and values."""
    lines: Sequence[tuple[str, str, str]] = [
        line.rpartition(" ") for line in text.splitlines() if line and not line.startswith("#")
    ]
    return {name: float(value) for name, _, value in lines}
