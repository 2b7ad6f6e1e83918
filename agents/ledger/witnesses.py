"""What is known about a run from outside: the log, the receiver's file, the output topics, the metrics.

Nothing here comes from the engine: the oracle must not share its mistakes.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import quote, unquote

NODE_EVENT: Final = "post_call_api"
"""What `postcall-event` says on a node's request; on a webhook's it is the event type."""

T = TypeVar("T")


@dataclass(frozen=True)
class Record:
    """One record of a topic; `at` is Kafka's time, seconds since 1970."""

    topic: str
    partition: int
    offset: int
    at: float
    key: bytes | None
    value: bytes | None
    headers: dict[str, str] = field(default_factory=dict)

    @cached_property
    def json(self) -> Any:
        """Its value; None when it is no JSON."""
        try:
            return json.loads(self.value or b"")
        except (ValueError, RecursionError):
            return None

    @property
    def said(self) -> dict[str, Any]:
        """Its value where that is an object, else an empty one."""
        return self.json if isinstance(self.json, dict) else {}

    @property
    def where(self) -> str:
        """Where it lies, for people."""
        return f"{self.topic}/{self.partition}@{self.offset}"


@dataclass(frozen=True, slots=True)
class Seen:
    """One request as the receiver wrote it down; `answer` is a status, or how it kept silent."""

    at: float
    answer_at: float | None
    method: str
    path: str
    headers: dict[str, str]
    body: str
    body_sha256: str
    answer: int | str
    answer_headers: dict[str, str] = field(default_factory=dict)

    @property
    def call_id(self) -> str:
        """The call that it says it is for."""
        return unquote(self.headers.get("postcall-call-id", ""))

    @property
    def key(self) -> str:
        """Its idempotency key."""
        return self.headers.get("webhook-id", "")

    @property
    def event(self) -> str:
        """What it says it is: `post_call_api`, or a webhook's type; empty when it says nothing."""
        return unquote(self.headers.get("postcall-event", ""))

    @property
    def succeeded(self) -> bool:
        """Whether it was answered with a 2xx."""
        return isinstance(self.answer, int) and 200 <= self.answer < 300


@dataclass(frozen=True, slots=True)
class Sample:
    """What a worker showed at one moment; None is what was not looked at."""

    at: float
    worker: str = ""
    lag: int | None = None
    """Events that it had not handled yet."""
    ready: bool | None = None
    """Whether `/readyz` answered 200."""
    live: bool | None = None
    """Whether `/livez` answered 200."""
    assigned: bool | None = None
    recovering: bool | None = None
    stuck: bool | None = None
    """Whether its consumer had been made to stand still for longer than `POSTCALL_STUCK_AFTER`."""
    memory_bytes: int | None = None
    pid: int | None = None
    """Its process, which tells the lives of a worker apart."""


@dataclass(frozen=True, slots=True)
class Disturbance:
    """A stretch of time in which something was made to go wrong, seconds since 1970."""

    since: float
    until: float
    what: str = ""
    workers: bool = False
    """Whether workers or brokers were disturbed; else endpoints were."""


@dataclass(frozen=True)
class Witnesses:
    """Everything that was written down about one run."""

    events: tuple[Record, ...]
    """`call-events` from offset 0, or from where the judgement begins."""
    requests: tuple[Seen, ...] | None
    """The receiver's file; None when there is none and the delivery log has to witness."""
    deliveries: tuple[Record, ...] = ()
    """`delivery-log`."""
    outcomes: tuple[Record, ...] = ()
    """`call-outcomes`."""
    dead_letters: tuple[Record, ...] = ()
    scrapes: tuple[dict[str, float], ...] = ()
    """The last `/metrics` of every worker: series with their labels, and values."""
    logs: tuple[Path, ...] = ()
    """What the workers printed."""
    kills: tuple[float, ...] = ()
    """When a worker was ended with -9, seconds since 1970."""
    others: tuple[Record, ...] = ()
    """Further topics in which nothing planted may be: the engine's own."""
    samples: tuple[Sample, ...] = ()
    disturbances: tuple[Disturbance, ...] = ()

    @cached_property
    def records_of(self) -> dict[str, list[Record]]:
        """The records of every call in `call-events` that are plain JSON, in the order of arrival."""
        found = [each for each in in_order(self.events) if isinstance(each.said.get("call_id"), str)]
        return grouped(found, lambda record: str(record.said["call_id"]))

    @cached_property
    def seen(self) -> tuple[Seen, ...]:
        """The requests: as the receiver wrote them down, else as the delivery log says."""
        return self.requests if self.requests is not None else tuple(map(logged_request, self.attempts))

    @cached_property
    def attempts(self) -> list[Record]:
        """The records of `delivery-log`, each `ce_id` once."""
        return once(self.deliveries)

    @cached_property
    def requests_of(self) -> dict[str, list[Seen]]:
        """The requests for every call, in the order of arrival."""
        return grouped(sorted(self.seen, key=lambda seen: seen.at), lambda seen: seen.call_id)

    @cached_property
    def deliveries_of(self) -> dict[str, list[Record]]:
        """The records of `delivery-log` for every call, each `ce_id` once."""
        return grouped(self.attempts, _call_id)

    @cached_property
    def outcomes_of(self) -> dict[str, list[Record]]:
        """The records of `call-outcomes` for every call, each `ce_id` once."""
        return grouped(once(self.outcomes), _call_id)

    @cached_property
    def dead_letters_of(self) -> dict[str, list[Record]]:
        """The dead letters of every call, each `ce_id` once; under "" those of no call."""
        return grouped(once(self.dead_letters), _call_id)

    @cached_property
    def success_logged_at(self) -> dict[str, float]:
        """When each delivery's success was first written to `delivery-log`, by idempotency key."""
        found: dict[str, float] = {}
        for record in self.deliveries:
            if record.said.get("class") == "success":
                key = record.said["delivery_id"]
                found[key] = min(record.at, found.get(key, record.at))
        return found

    def metric(self, name: str, **labels: str) -> float:
        """Return the sum, over all workers, of the series of this name that have these labels."""
        wanted = [f'{label}="{value}"' for label, value in labels.items()]
        return sum(
            value
            for scrape in self.scrapes
            for series, value in scrape.items()
            if series.partition("{")[0] == name and all(label in series for label in wanted)
        )


def once(records: Iterable[Record]) -> list[Record]:
    """Return the records without those written again by a crash: the same `ce_id`."""
    kept: dict[str, Record] = {}
    for record in records:
        kept.setdefault(record.headers.get("ce_id") or record.where, record)
    return list(kept.values())


def moment(text: Any) -> float | None:
    """RFC 3339 with an offset as seconds since 1970, else None."""
    try:
        at = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return at.timestamp() if at is not None and at.tzinfo is not None else None


def _call_id(record: Record) -> str:
    return str(record.said.get("call_id") or "")


def in_order(records: Iterable[Record]) -> list[Record]:
    """Records of any partitions in the order of arrival."""
    return [record for _, record in arrivals(records)]


def arrivals(records: Iterable[Record]) -> list[tuple[float, Record]]:
    """Records with when they arrived, as far as their times tell, in that order: within a partition offsets
    say it, whatever the clocks of the producers do."""
    latest: dict[int, float] = defaultdict(float)
    found = []
    for record in sorted(records, key=lambda each: (each.partition, each.offset)):
        latest[record.partition] = max(latest[record.partition], record.at)
        found.append((latest[record.partition], record))
    return sorted(found, key=lambda each: (each[0], each[1].partition, each[1].offset))


def logged_request(record: Record) -> Seen:
    """An attempt of the delivery log as if a receiver had seen it; what it does not tell is empty."""
    said = record.said
    at = moment(said.get("started_at")) or record.at
    event = NODE_EVENT if said.get("kind") == "node" else str(said.get("id"))
    key = str(said.get("delivery_id"))
    named = {"postcall-call-id": said.get("call_id"), "postcall-event": event, "webhook-id": key}
    headers = {name: quote(str(value), safe="", errors="surrogatepass") for name, value in named.items()}
    answer = said.get("status") or str(said.get("error") or said.get("class"))
    ended = at + float(said.get("seconds") or 0.0)
    return Seen(at, ended, str(said.get("method")), "", headers, "", "", answer)


def grouped(items: Iterable[T], key: Callable[[T], str]) -> dict[str, list[T]]:
    """Items by what they have in common, in their order."""
    found: dict[str, list[T]] = defaultdict(list)
    for item in items:
        found[key(item)].append(item)
    return dict(found)
