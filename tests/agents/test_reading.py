"""From a record to what can be folded: events at home, events away, poison, and the engine's own messages."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import orjson
import pytest

from agents.kafka.source import Record
from agents.reading import Away, Folded, Poison, Read, Reader
from schemas import wire
from schemas.events import Event
from schemas.messages import Sweep, Tick
from streams.effects import Position
from streams.topology import home
from tests.builders import START

PARTITIONS = 8
HOME = home("c1", PARTITIONS)
AWAY = (HOME + 1) % PARTITIONS
NOW = datetime(2026, 3, 1, tzinfo=UTC)
TURN = {"id": "e1", "type": "turn.completed", "call_id": "c1", "data": {"content": "hello"}}


def record(value: Any, partition: int = HOME, topic: str = "call-events", **more: Any) -> Record:
    raw = value if isinstance(value, bytes | None) else orjson.dumps(value)
    given = {"key": b"c1", "headers": (), "generation": 1, "_acknowledge": lambda *_: None} | more
    return Record(topic, partition, 7, NOW, value=raw, **given)


def read(one: Record) -> Read:
    return Reader("call-events", PARTITIONS).read(one)


def test_an_event_at_home_is_folded_with_where_it_was_read() -> None:
    found = read(record(TURN))
    assert isinstance(found, Folded)
    assert isinstance(found.message, Event)
    assert (found.message.id, found.at) == ("e1", Position("call-events", HOME, 7))


def test_an_event_away_from_home_is_sent_on_as_it_was() -> None:
    found = read(record(TURN, AWAY, headers=(("x", b"1"),)))
    assert isinstance(found, Away)
    assert (found.home, found.message.value) == (HOME, orjson.dumps(TURN))
    assert (found.message.headers, found.message.partition, found.message.recorded_at) == (
        (("x", b"1"),),
        AWAY,
        NOW,
    )


def test_what_was_sent_on_is_read_as_if_it_had_been_at_home() -> None:
    found = read(record(TURN, AWAY))
    assert isinstance(found, Away)
    again = read(record(wire.message(found.message), HOME, "postcall-internal"))
    at_home = read(record(TURN))
    assert isinstance(again, Folded)
    assert isinstance(at_home, Folded)
    assert again == Folded(at_home.message, Position("call-events", AWAY, 7))


def test_a_binary_event_that_only_its_key_names_survives_being_sent_on() -> None:
    headers = (
        ("ce_specversion", b"1.0"),
        ("ce_id", b"e1"),
        ("ce_type", b"turn.completed"),
        ("ce_source", b"p"),
    )
    plain = read(record(b"{}", AWAY, headers=(*headers, ("ce_subject", b"c1"))))
    assert isinstance(plain, Away)
    escaped = home("a%20b", PARTITIONS)
    elsewhere = record(
        b"{}", (escaped + 1) % PARTITIONS, headers=(*headers, ("ce_subject", b"a%20b")), key=b"a%20b"
    )
    found = read(elsewhere)
    assert isinstance(found, Away)
    again = read(record(wire.message(found.message), escaped, "postcall-internal"))
    assert isinstance(again, Folded)
    assert again.message.call_id == "a%20b"


@pytest.mark.parametrize("value", [None, b"", b"{", b"[]", b"\xff", b'{"type":"call.ended"}'])
def test_what_is_no_event_is_poison_and_says_why(value: bytes | None) -> None:
    found = read(record(value))
    assert isinstance(found, Poison)
    assert found.at == Position("call-events", HOME, 7)
    assert "expected" in found.why


def test_the_engines_own_messages_are_folded_and_a_sweep_is_one() -> None:
    tick, sweep = Tick("c1", START, True), Sweep(b"", START)
    found = read(record(wire.message(tick), topic="postcall-internal"))
    assert found == Folded(tick, Position("postcall-internal", HOME, 7))
    assert read(record(wire.message(sweep), topic="postcall-internal")) == sweep


def test_a_message_of_a_newer_release_stops_the_worker() -> None:
    with pytest.raises(wire.NewerFormat):
        read(record(b"\x09abc", topic="postcall-internal"))
    with pytest.raises(msgspec.DecodeError):
        read(record(b"\x01abc", topic="postcall-internal"))
