"""The engine's own steps on a virtual clock, and what outside witnesses would have written down of them."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from agents.ledger.documents import Documents
from agents.ledger.told import read as read_told
from agents.ledger.witnesses import Record, Seen, Witnesses, grouped
from schemas import wire
from schemas.calls import Rendered
from schemas.delivery import Answered, Delivery, Reply, Silence
from schemas.encodings.reading import read
from streams import simulation
from streams.definitions import Snapshot, fold
from streams.effects import Effect, Emit, Policy
from streams.lifecycle import Durations

Answer = Callable[[str, int], Reply]
"""What an endpoint replies to an attempt (counted from 1) of a node or webhook type."""

OK = Answered(200)


@dataclass
class Played:
    """What the witnesses wrote down."""

    requests: list[Seen] = field(default_factory=list)
    written: dict[str, list[Record]] = field(default_factory=dict)

    def write(self, topic: str, value: bytes, headers: Iterable[tuple[str, bytes]], at: float) -> None:
        records = self.written.setdefault(topic, [])
        texts = {name: text.decode() for name, text in headers}
        records.append(Record(topic, 0, len(records), at, None, value, texts))


def play(documents: list[dict[str, Any]], events: Iterable[Record], answer: Answer) -> Witnesses:
    """The witnesses of calls that the engine lived through, each to its quiet end."""
    kept = tuple(events)
    played = Played()
    definitions = _snapshot(documents)
    told = grouped(kept, lambda record: read_told(record).call_id)
    for call_id, records in told.items():
        game = _Game(call_id, definitions, Policy(Durations()), answer, played)
        for record in records:
            at = datetime.fromtimestamp(record.at, UTC)
            game.until(at)
            game.take(read(record.value or b"", (), at, record.key), at)
        game.until(None)
    return Witnesses(
        events=kept,
        requests=tuple(sorted(played.requests, key=lambda seen: seen.at)),
        deliveries=tuple(played.written.get("delivery-log", ())),
        outcomes=tuple(played.written.get("call-outcomes", ())),
        dead_letters=tuple(played.written.get("dead-letters", ())),
    )


def _snapshot(documents: list[dict[str, Any]]) -> Snapshot:
    keys = [Documents.of([each]).versions[0].key.encode() for each in documents]
    snapshot, read_as = fold(Snapshot(), zip(keys, map(wire.json_bytes, documents), strict=True))
    assert not [each for each in read_as if hasattr(each, "why")], read_as
    return snapshot


class _Game(simulation._Game):
    """Keeps what a receiver would see, and what goes to the output topics."""

    def __init__(
        self, call_id: str, definitions: Snapshot, policy: Policy, answer: Answer, played: Played
    ) -> None:
        super().__init__(call_id, definitions, policy, self._reply)
        self._says, self._played = answer, played

    def _reply(self, delivery: Delivery, rendered: Rendered, now: datetime) -> Reply:
        reply = self._says(delivery.id, delivery.attempt)
        if not (isinstance(reply, Silence) and reply.stage in {"before", "unsent"}):
            self._played.requests.append(_seen(delivery, rendered, now, reply))
        return reply

    def _follow(self, effects: tuple[Effect, ...], now: datetime) -> None:
        for effect in effects:
            self._write(effect, now)
        super()._follow(effects, now)

    def _attempt(self, delivery: Delivery, now: datetime) -> tuple[Effect, ...]:
        effects = super()._attempt(delivery, now)
        for effect in effects:
            self._write(effect, now)
        return effects

    def _write(self, effect: Effect, now: datetime) -> None:
        if isinstance(effect, Emit):
            owed = effect.owed
            self._played.write(owed.topic, owed.value, owed.headers, now.timestamp())


def _seen(delivery: Delivery, rendered: Rendered, now: datetime, reply: Reply) -> Seen:
    request = rendered.request
    headers = {name: "".join(map(str, text)) for name, text in request.headers}
    url = urlsplit("".join(map(str, request.url)))
    answered = isinstance(reply, Answered)
    at = now.timestamp()
    return Seen(
        at=at,
        answer_at=at if answered else None,
        method=request.method,
        path=url.path + (f"?{url.query}" if url.query else ""),
        headers={**headers, "host": url.netloc},
        body=request.body.decode(),
        body_sha256=str(hash(request.body)),
        answer=reply.status if isinstance(reply, Answered) else "hang",
    )


def told(number: int, at: float, event: dict[str, Any]) -> Record:
    """A record of `call-events` that arrives then."""
    value = json.dumps(event).encode()
    return Record("call-events", 0, number, at, str(event["call_id"]).encode(), value)


BEGINS = datetime(2026, 1, 1, tzinfo=UTC)


def moment(seconds: float) -> str:
    """RFC 3339, in seconds from the beginning."""
    return (BEGINS + timedelta(seconds=seconds)).isoformat()
