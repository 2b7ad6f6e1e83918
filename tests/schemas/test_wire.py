"""Rows and messages survive their bytes, and what a newer release wrote stops the worker."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import wire
from schemas.calls import Call, Conversation, Heard, Kept, Owed, Past, Rendered, Response
from schemas.delivery import Answered, Request, Silence
from schemas.messages import Announced, Emitted, Erase, Forwarded, Message, Replied, Sweep, Tick
from schemas.outcomes import Verdict
from schemas.workflow import Schedule
from tests.builders import START, call, second

EVENT = call().turn("hello", extra={"x": 1}).events[0]
REQUEST = Request("POST", ("https://a.example/",), (), b"{}", second(15) - START, Schedule(()))
MESSAGES: list[Message] = [
    Tick("c1", START, True),
    Replied("c1", "d", 1, Answered(200, body={"a": [1, None]}), START, 0.5),
    Replied("c1", "d", 2, Silence("timeout", "sent"), START, 15.0),
    Announced("c1", "d", 1, START),
    Emitted("c1", 7),
    Forwarded("c1", b"{}", (("ce_id", b"1"),), "call-events", 3, 9, START),
    Erase("c1"),
    Sweep(b"", START),
]


@pytest.mark.parametrize("message", MESSAGES, ids=lambda one: type(one).__name__)
def test_every_message_survives_its_bytes(message: Message) -> None:
    assert wire.read_message(wire.message(message)) == message


@pytest.mark.parametrize("part", [Heard(EVENT), Kept(EVENT), Rendered(REQUEST, ("a.b",)), Response("n", 200)])
def test_every_part_survives_its_bytes(part: Heard | Kept | Rendered | Response) -> None:
    assert wire.read_part(wire.row(part)) == part


@given(st.text(max_size=40), st.binary(max_size=80), st.integers(0, 9))
def test_a_call_survives_its_bytes(call_id: str, seen: bytes, number: int) -> None:
    row = Call(
        call_id,
        conversations=(Conversation(number, START, session=seen[:8]),),
        past=(Past(1, START, Verdict.PROPER),),
        seen=seen,
        owed=(Owed(1, "call-outcomes", seen, (("ce_id", b"x"),)),),
    )
    assert wire.read_call(wire.row(row)) == row


@pytest.mark.parametrize("read", [wire.read_call, wire.read_part, wire.read_message])
def test_a_newer_format_is_not_guessed_at(read: object) -> None:
    with pytest.raises(wire.NewerFormat, match="found format 2; this release reads"):
        read(b"\x02" + wire.row(Call("c1"))[1:])  # type: ignore[operator]  # one of three functions


def test_an_empty_row_is_refused() -> None:
    with pytest.raises(wire.NewerFormat, match="found format 0"):
        wire.read_message(b"")


def test_garbage_behind_a_known_format_is_refused() -> None:
    with pytest.raises(msgspec.DecodeError):
        wire.read_call(b"\x01garbage")


def test_moments_are_shown_in_utc_with_milliseconds() -> None:
    assert wire.moment(second(0.0019)) == "2026-03-01T12:00:00.001Z"


def test_json_shows_moments_and_values_and_refuses_what_it_cannot_say() -> None:
    assert wire.json_bytes({"at": START, "tick": Tick("c", START, False)}).startswith(
        b'{"at":"2026-03-01T12:00'
    )
    with pytest.raises(TypeError):
        wire.json_bytes({"a": object()})
