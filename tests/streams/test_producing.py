"""A producer hears of what is wrong before it is sent: where it is, what was found, what was expected."""

from datetime import UTC, datetime
from typing import Any

import pytest

from schemas.encodings import writing
from schemas.encodings.reading import read
from schemas.events import Event
from schemas.wire import json_bytes
from streams.producing import checked

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ENDED: dict[str, Any] = {
    "id": "e1",
    "type": "call.ended",
    "call_id": "c-1",
    "agent_id": "bot",
    "source": "telephony",
    "seq": 8,
    "occurred_at": "2026-01-02T03:05:09.000Z",
    "data": {"reason": "busy"},
}


def lines(*events: Any) -> list[bytes]:
    return [each if isinstance(each, bytes) else json_bytes(each) for each in events]


def test_a_good_line_is_sent_as_it_stands_and_an_empty_one_is_skipped() -> None:
    found = checked("f", [b"\n", b" " + json_bytes(ENDED) + b"\n"], NOW)
    assert (found.errors, found.warnings) == ((), ())
    (draft,) = found.drafts
    assert (draft.line, draft.value, draft.event.call_id) == (2, json_bytes(ENDED), "c-1")


@pytest.mark.parametrize(
    ("event", "said"),
    [
        (
            b"{",
            "f:1: document: found no JSON (unexpected end of data: line 1 column 2); expected a JSON object in UTF-8",
        ),
        ({"type": "x"}, "f:1: document: found no call_id; expected a non-empty string"),
        (ENDED | {"seq": "8"}, "f:1: document: found a string as seq; expected a whole number"),
        (
            ENDED | {"type": "node.entered", "data": {"node_id": 7}},
            "f:1: data.node_id: found a whole number; expected a string",
        ),
        (
            ENDED | {"data": {"duration_seconds": "long"}},
            "f:1: data.duration_seconds: found a string; expected a number or null",
        ),
        (ENDED | {"data": {"from": 49}}, "f:1: data.from: found a whole number; expected a string or null"),
        (ENDED | {"type": "recording.ready"}, "f:1: data: found no url; expected one"),
        (
            ENDED | {"type": "transcript.ready", "data": {"transcript": [{"role": "user"}]}},
            "f:1: data.transcript[0]: found no content; expected one",
        ),
    ],
)
def test_what_a_producer_gets_wrong_is_a_fault_with_its_place(event: Any, said: str) -> None:
    assert [str(fault) for fault in checked("f", lines(event), NOW).errors] == [said]


@pytest.mark.parametrize(
    ("event", "said"),
    [
        (
            ENDED | {"type": "call.eneded"},
            "type: found 'call.eneded', which workers keep, count and do nothing with; did you mean call.ended?",
        ),
        (ENDED | {"data": {"reason": "full moon"}}, "data.reason: found a reason that nobody mapped"),
        (ENDED | {"data": {}}, "data.reason: found none: it is taken for unknown"),
        ({name: ENDED[name] for name in ENDED if name != "agent_id"}, "agent_id: found none"),
    ],
)
def test_what_is_odd_is_warned_about_and_can_be_sent(event: Any, said: str) -> None:
    found = checked("f", lines(event), NOW)
    assert (len(found.drafts), found.errors) == (1, ())
    (warning,) = found.warnings
    assert str(warning).startswith(f"f:1: {said}")


EVENTS = [
    ENDED,
    {
        **ENDED,
        "call_id": "Ünï %20/#",
        "workflow_id": "w",
        "workflow_version": 3,
        "is_test": True,
        "attempt": 2,
    },
    {**ENDED, "session_id": "s", "direction": "inbound", "channel": "web", "data": None, "mood": "fine"},
    {**ENDED, "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"},
]


@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize("write", [writing.structured, writing.binary])
def test_a_worker_reads_in_a_cloudevent_what_was_said_plainly(event: dict[str, Any], write: Any) -> None:
    plain = read(json_bytes(event), (), NOW, None)
    value, headers = write(plain)
    assert read(value, headers, NOW, plain.call_id.encode()) == plain
    assert read(value, headers, NOW, None) == plain


@pytest.mark.parametrize(
    ("event", "said"),
    [
        ({**ENDED, "source": None}, "found no source"),
        ({**ENDED, "My_Field": 1}, "found a field 'My_Field'"),
        ({**ENDED, "mood": {"is": "fine"}}, "found a field 'mood'"),
    ],
)
def test_what_cloudevents_cannot_carry_is_refused(event: dict[str, Any], said: str) -> None:
    plain: Event = read(json_bytes(event), (), NOW, None)
    for write in (writing.structured, writing.binary):
        with pytest.raises(ValueError, match=said):
            write(plain)
