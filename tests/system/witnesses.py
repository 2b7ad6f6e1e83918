"""What is known about a run from outside: the log, the receiver's file, the output topics, the metrics.

Nothing here comes from the engine: the oracle must not share its mistakes.
"""

import json
from collections import defaultdict
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import unquote


@dataclass(frozen=True, slots=True)
class Record:
    """One record of a topic; `at` is Kafka's time, seconds since 1970."""

    topic: str
    partition: int
    offset: int
    at: float
    key: bytes | None
    value: bytes | None
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def json(self) -> Any:
        """Its value; None when it is no JSON."""
        try:
            return json.loads(self.value or b"")
        except (ValueError, RecursionError):
            return None


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

    @property
    def call_id(self) -> str:
        """The call that it says it is for."""
        return unquote(self.headers.get("postcall-call-id", ""))

    @property
    def key(self) -> str:
        """Its idempotency key."""
        return self.headers.get("webhook-id", "")

    @property
    def delivery(self) -> tuple[str, str]:
        """Its kind and id, as its path names them: `("node", "update_crm")`, `("hook", "call.ended")`."""
        kind, _, name = self.path.partition("?")[0].strip("/").partition("/")
        return kind, name

    @property
    def succeeded(self) -> bool:
        """Whether it was answered with a 2xx."""
        return isinstance(self.answer, int) and 200 <= self.answer < 300


@dataclass(frozen=True)
class Witnesses:
    """Everything that was written down about one run."""

    events: tuple[Record, ...]
    """`call-events` from offset 0."""
    requests: tuple[Seen, ...]
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

    @cached_property
    def events_of(self) -> dict[str, list[Record]]:
        """The events of every call, in the order of arrival."""
        found = defaultdict(list)
        for record in sorted(self.events, key=lambda each: (each.at, each.partition, each.offset)):
            if isinstance(record.json, dict) and isinstance(record.json.get("call_id"), str):
                found[record.json["call_id"]].append(record)
        return dict(found)

    @cached_property
    def requests_of(self) -> dict[str, list[Seen]]:
        """The requests for every call, in the order of arrival."""
        return _grouped(self.requests, lambda seen: seen.call_id)

    @cached_property
    def deliveries_of(self) -> dict[str, list[Record]]:
        """The records of `delivery-log` for every call, each `ce_id` once."""
        return _grouped(once(self.deliveries), lambda record: record.json["call_id"])

    @cached_property
    def outcomes_of(self) -> dict[str, list[Record]]:
        """The records of `call-outcomes` for every call, each `ce_id` once."""
        return _grouped(once(self.outcomes), lambda record: record.json["call_id"])

    @cached_property
    def success_logged_at(self) -> dict[str, float]:
        """When each delivery's success was first written to `delivery-log`, by idempotency key."""
        found: dict[str, float] = {}
        for record in self.deliveries:
            if record.json["class"] == "success":
                key = record.json["delivery_id"]
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


def once(records: tuple[Record, ...]) -> list[Record]:
    """Return the records without those written again by a crash: the same `ce_id`."""
    kept = {
        record.headers.get("ce_id") or f"{record.partition}/{record.offset}": record for record in records
    }
    return list(kept.values())


def seen_requests(log: Path) -> tuple[Seen, ...]:
    """Return the requests of a receiver's file; a last line still being written is left out."""
    lines = log.read_bytes().split(b"\n")[:-1] if log.exists() else []
    return tuple(Seen(**json.loads(line)) for line in lines)


def _grouped(items: Any, key: Any) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = defaultdict(list)
    for item in items:
        found[key(item)].append(item)
    return dict(found)
