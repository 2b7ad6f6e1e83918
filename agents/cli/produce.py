"""`postcall produce`: put events on `call-events`, all of them or, if one is at fault, none.

Each goes to its call's home partition, where Java's default partitioner and librdkafka's `murmur2_random` put it,
too.
"""

import asyncio
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias, assert_never

from aiokafka import AIOKafkaProducer
from aiokafka.structs import RecordMetadata
from msgspec import Struct

from agents.cli.broker import ask
from agents.cli.exits import DONE, FAILED, CommandRefused, UsageRefused
from agents.cli.output import complain, print_json, print_line
from agents.connection import client_options, kafka_config
from agents.kafka.topics import partitions_of
from schemas.encodings import writing
from schemas.encodings.bounded_json import Unreadable, bounded_json
from schemas.encodings.writing import Written
from schemas.settings import Settings
from schemas.wire import json_bytes, moment
from streams.producing import Checked, Draft, checked
from streams.topology import home

Encoding: TypeAlias = Literal["plain", "structured", "binary"]

PATIENCE: Final = timedelta(seconds=30)
"""How long the broker may take for the next of them."""

MOST_TOGETHER: Final = 1000
"""Events that are on their way at a time."""

STDIN: Final = "-"
GIVEN: Final = "event"
"""What the one event of the flags is called in messages."""


class Asked(Struct, frozen=True):
    """One event, as the flags give it."""

    call: str | None = None
    type: str | None = None
    data: str | None = None
    agent: str | None = None
    id: str | None = None
    source: str | None = None
    seq: int | None = None
    at: str | None = None

    @property
    def given(self) -> bool:
        """Whether any of it was given."""
        return self != Asked()


class Landed(Struct, frozen=True):
    """An event, and where the broker put it."""

    draft: Draft
    topic: str
    partition: int
    offset: int


def run(asked: Asked, file: str | None, encoding: Encoding, as_json: bool, settings: Settings) -> int:
    """Send the event of the flags, or those of a file, and print where each of them landed."""
    found = _read(asked, file)
    records = _written(found, encoding) if not found.errors else []
    if not as_json:
        for fault in found.errors:
            print_line(str(fault))
        complain(*(f"warning: {warning}" for warning in found.warnings))
    landed = ask(settings, _send(records, settings)) if not found.errors else []
    _tell(found, landed, as_json)
    return FAILED if found.errors else DONE


def _read(asked: Asked, file: str | None) -> Checked:
    now = datetime.now(UTC)
    if file is None:
        return checked(GIVEN, [_given(asked, now)], now)
    if asked.given:
        raise UsageRefused("found --file and an event's own flags; expected one of them")
    if file == STDIN:
        return checked("stdin", sys.stdin.buffer, now)
    try:
        with Path(file).open("rb") as lines:
            return checked(file, lines, now)
    except OSError as error:
        why = (error.strerror or type(error).__name__).lower()
        raise CommandRefused(f"{file}: found {why}; expected a file that can be read") from error


def _given(asked: Asked, now: datetime) -> bytes:
    if not asked.call or not asked.type:
        raise UsageRefused("found no event; expected --call ID and --type T, or --file FILE")
    data = None
    if asked.data is not None:
        try:
            data = bounded_json(asked.data.encode())
        except Unreadable as why:
            raise UsageRefused(f"--data: {why}") from None
    event = {
        "id": asked.id,
        "type": asked.type,
        "call_id": asked.call,
        "agent_id": asked.agent,
        "source": asked.source,
        "seq": asked.seq,
        "occurred_at": asked.at or moment(now),
        "data": data,
    }
    return json_bytes({name: value for name, value in event.items() if value is not None})


def _written(found: Checked, encoding: Encoding) -> list[tuple[Draft, Written]]:
    records, refused = [], []
    for draft in found.drafts:
        try:
            records.append((draft, _record(draft, encoding)))
        except ValueError as why:
            refused.append(f"line {draft.line}: {why}")
    if refused:
        raise CommandRefused(*refused)
    return records


def _record(draft: Draft, encoding: Encoding) -> Written:
    match encoding:
        case "plain":
            return draft.value, ()
        case "structured":
            return writing.structured(draft.event)
        case "binary":
            return writing.binary(draft.event)
        case _:
            assert_never(encoding)


async def _send(records: Sequence[tuple[Draft, Written]], settings: Settings) -> list[Landed]:
    config, topic = kafka_config(settings), settings.topic("call-events")
    async with asyncio.timeout(PATIENCE.total_seconds()):
        partitions = await partitions_of(config, topic)
    if not partitions:
        raise CommandRefused(
            f"found no topic {topic}; expected the one that `postcall worker` or `apply` makes"
        )
    producer = AIOKafkaProducer(
        acks="all", enable_idempotence=True, max_request_size=3 * 1024 * 1024, **client_options(config)
    )
    landed: list[Landed] = []
    try:
        async with asyncio.timeout(PATIENCE.total_seconds()):
            await producer.start()
        for several in _slices(records):
            async with asyncio.timeout(PATIENCE.total_seconds()):
                sent = [
                    await _begin(producer, topic, draft, written, partitions) for draft, written in several
                ]
                for (draft, _), at in zip(several, await asyncio.gather(*sent), strict=True):
                    landed.append(Landed(draft, at.topic, at.partition, at.offset))
    finally:
        await producer.stop()
    return landed


async def _begin(
    producer: AIOKafkaProducer, topic: str, draft: Draft, written: Written, partitions: int
) -> "asyncio.Future[RecordMetadata]":
    call_id = draft.event.call_id
    value, headers = written
    sent: asyncio.Future[RecordMetadata] = await producer.send(
        topic,
        value,
        key=call_id.encode("utf-8", "surrogatepass"),
        partition=home(call_id, partitions),
        headers=list(headers),
    )
    return sent


def _slices(records: Sequence[tuple[Draft, Written]]) -> Iterator[Sequence[tuple[Draft, Written]]]:
    for start in range(0, len(records), MOST_TOGETHER):
        yield records[start : start + MOST_TOGETHER]


def _tell(found: Checked, landed: Sequence[Landed], as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "ok": not found.errors,
                "produced": [_as_value(each) for each in landed],
                "errors": [_fault(each) for each in found.errors],
                "warnings": [_fault(each) for each in found.warnings],
            }
        )
        return
    for each in landed:
        event = each.draft.event
        print_line(f"{event.type} of {event.call_id}: {each.topic}[{each.partition}]@{each.offset}")
    if found.errors:
        complain(f"{len(found.errors)} faults in {len(found.drafts)} events; none was sent")


def _as_value(landed: Landed) -> dict[str, Any]:
    event = landed.draft.event
    return {
        "call_id": event.call_id,
        "type": event.type,
        "id": event.id,
        "line": landed.draft.line,
        "topic": landed.topic,
        "partition": landed.partition,
        "offset": landed.offset,
    }


def _fault(fault: Any) -> dict[str, Any]:
    return {"file": fault.file, "line": fault.line, "path": fault.path, "message": fault.message}
