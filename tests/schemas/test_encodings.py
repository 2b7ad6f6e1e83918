"""An event comes to the same whichever way it is written, and what would hurt is refused by name."""

import json
import time
from base64 import b64encode
from datetime import UTC, datetime
from typing import Any

import pytest

from schemas.encodings.reading import Unreadable, read
from schemas.events import EVENT_TYPES, Event

RECORDED = datetime(2026, 3, 1, 12, tzinfo=UTC)
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
FULL: dict[str, Any] = {
    "id": "e1",
    "type": "call.answered",
    "call_id": "c1",
    "agent_id": "support-bot",
    "occurred_at": "2026-03-01T13:00:01.250+01:00",
    "source": "telephony",
    "seq": 4,
    "workflow_id": "support",
    "workflow_version": 3,
    "direction": "inbound",
    "channel": "web",
    "is_test": True,
    "attempt": 2,
    "session_id": "s1",
    "data": {"from": "+49"},
}
ATTRIBUTES: dict[str, Any] = {
    "specversion": "1.0",
    "id": "e1",
    "type": "call.answered",
    "subject": "c1",
    "source": "telephony",
    "time": "2026-03-01T13:00:01.250+01:00",
    "agentid": "support-bot",
    "workflowid": "support",
    "workflowversion": 3,
    "sessionid": "s1",
    "istest": True,
    "seq": 4,
    "attempt": 2,
    "direction": "inbound",
    "channel": "web",
}


def plain(headers: tuple[tuple[str, bytes], ...] = (), **changes: Any) -> Event:
    """A small plain event with these fields."""
    return read(
        json.dumps({"call_id": "c1", "type": "call.answered"} | changes).encode(), headers, RECORDED, None
    )


def binary(attributes: dict[str, Any], value: bytes = b"{}", key: bytes | None = None) -> Event:
    """A CloudEvent whose attributes are headers."""
    text = {name: str(each).lower() if each is True else str(each) for name, each in attributes.items()}
    headers = [(f"ce_{name}", each.encode()) for name, each in text.items()]
    return read(value, [*headers, ("content-type", b"application/json")], RECORDED, key)


def structured(**changes: Any) -> Event:
    """A CloudEvent in one JSON object."""
    return read(json.dumps({"data": {"from": "+49"}} | ATTRIBUTES | changes).encode(), (), RECORDED, None)


def refusal(value: bytes, headers: tuple[tuple[str, bytes], ...] = ()) -> str:
    """Why an event is refused."""
    with pytest.raises(Unreadable) as refused:
        read(value, headers, RECORDED, None)
    assert "expected" in str(refused.value)
    return str(refused.value)


# The three encodings


def test_the_three_encodings_of_an_event_come_to_the_same() -> None:
    event = plain(**FULL)
    assert event.occurred_at == datetime(2026, 3, 1, 12, 0, 1, 250000, tzinfo=UTC)
    assert structured() == event
    assert binary(ATTRIBUTES, b'{"from": "+49"}') == event


def test_the_content_type_tells_a_structured_event_too() -> None:
    fields = {name: value for name, value in ATTRIBUTES.items() if name != "specversion"}
    headers = (("Content-Type", b"application/cloudevents+json; charset=utf-8"),)
    assert read(json.dumps(fields).encode(), headers, RECORDED, None).call_id == "c1"


def test_members_of_data_fill_what_attributes_leave_out() -> None:
    named = {"id": "1", "type": "x", "source": "s", "subject": "c1", "specversion": "1.0", "agentid": "a"}
    data = {"agent_id": "b", "seq": 7, "session_id": "s1", "is_test": True, "attempt": "many"}
    event = binary(named, json.dumps(data).encode())
    assert (event.agent_id, event.seq, event.session_id, event.is_test) == ("a", 7, "s1", True)
    assert (event.attempt, event.data) == (None, data)


def test_a_binary_event_may_have_no_value() -> None:
    assert binary(ATTRIBUTES, b"").data == {}


def test_data_may_be_packed_as_base64() -> None:
    packed = b64encode(b'{"from": "+49"}').decode()
    assert structured(data=None, data_base64=packed).data == {"from": "+49"}
    for no_base64 in ("%%", "é", 7):
        assert "base64" in refusal(json.dumps(ATTRIBUTES | {"data_base64": no_base64}).encode())


@pytest.mark.parametrize(
    ("subject", "key", "call_id"),
    [
        ("a%20b", None, "a b"),
        ("a%20b", b"a b", "a b"),
        ("a%20b", b"a%20b", "a%20b"),
        ("%ff", None, "%ff"),
        ("straße", b"stra\xc3\x9fe", "straße"),
    ],
)
def test_a_subject_may_be_percent_encoded(subject: str, key: bytes | None, call_id: str) -> None:
    assert binary(ATTRIBUTES | {"subject": subject}, key=key).call_id == call_id


def test_unknown_types_and_fields_are_kept() -> None:
    event = plain(type="mood.guessed", mood="fine", deep={"a": [1]})
    assert (event.type, event.extra) == ("mood.guessed", {"mood": "fine", "deep": {"a": [1]}})
    assert structured(dataschema="s", custom=1).extra == {"dataschema": "s", "custom": 1}


@pytest.mark.parametrize(
    ("alias", "event_type"),
    [
        ("pre-conversation", "conversation.started"),
        ("post-conversation", "call.ended"),
        ("analytics-completed", "analytics.completed"),
    ],
)
def test_the_old_names_of_types_are_read_as_the_canonical_ones(alias: str, event_type: str) -> None:
    assert plain(type=alias).type == event_type


@pytest.mark.parametrize("event_type", sorted(EVENT_TYPES))
def test_every_canonical_type_is_read_as_itself(event_type: str) -> None:
    assert plain(type=event_type, data={"node_id": "resolved"}).type == event_type


# What is absent


def test_null_is_as_good_as_absent() -> None:
    nothing: dict[str, Any] = dict.fromkeys(set(FULL) - {"call_id", "type"})
    assert plain(**nothing) == plain()


def test_without_occurred_at_the_time_of_the_record_counts() -> None:
    assert plain().occurred_at == RECORDED


def test_without_an_id_the_same_event_has_the_same_id() -> None:
    assert plain(data={"a": 1, "b": 2}).id == plain(data={"b": 2, "a": 1}).id
    assert len(plain().id) == 32


@pytest.mark.parametrize(
    "change",
    [
        {"call_id": "c2"},
        {"type": "call.ringing"},
        {"source": "other"},
        {"seq": 1},
        {"occurred_at": "2026-03-01T12:00:01Z"},
        {"data": {"a": 1}},
    ],
)
def test_without_an_id_another_event_has_another_id(change: dict[str, Any]) -> None:
    assert plain(**change).id != plain().id


def test_with_a_seq_the_clock_does_not_make_another_event() -> None:
    assert plain(seq=1, occurred_at="2026-03-01T12:00:01Z").id == plain(seq=1).id


def test_the_trace_comes_from_the_envelope_or_the_header() -> None:
    header = (("traceparent", TRACE.encode()),)
    assert plain(header).traceparent == TRACE
    assert plain(header, traceparent=TRACE.replace("01", "02")).traceparent == TRACE.replace("01", "02")
    assert plain(header, traceparent="no trace").traceparent == TRACE
    assert plain(traceparent=7).traceparent is None


# What is refused


WRONG = [
    (name, wrong)
    for name in sorted(set(FULL) - {"call_id", "type"})
    for wrong in (["list"], 1.5, "no", False)
    if type(FULL[name]) is not type(wrong) or name == "occurred_at"
]


@pytest.mark.parametrize(("name", "wrong"), WRONG)
def test_a_field_of_another_type_is_refused_by_name(name: str, wrong: object) -> None:
    assert name in refusal(json.dumps({"call_id": "c1", "type": "x", name: wrong}).encode())


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (b"", "no JSON"),
        (b"nonsense", "no JSON"),
        (b"\xff\xfe", "no JSON"),
        (b"[]", "found a list"),
        (b'"text"', "found a string"),
        (b"null", "found null"),
        (b"{}", "no call_id"),
        (b'{"type": "x"}', "no call_id"),
        (b'{"type": "x", "call_id": ""}', "no call_id"),
        (b'{"type": "x", "call_id": 7}', "a whole number as call_id"),
        (b'{"call_id": "c"}', "no type"),
        (b'{"call_id": "c", "type": ["x"]}', "a list as type"),
        (b'{"call_id": "c", "type": "x", "data": "y"}', "a string as data"),
        (b'{"call_id": "c", "type": "x", "occurred_at": "2026-03-01T12:00:00"}', "no moment"),
        (b'{"call_id": "c", "type": "x", "occurred_at": "9999-12-31T23:59:59Z"}', "no moment"),
        (b'{"call_id": "a\\u0000b", "type": "x"}', "NUL"),
        (b'{"call_id": "c", "type": "x", "data": {"a": "\\u0000"}}', "NUL"),
        (b'{"call_id": "c", "type": "x", "data": {"a": "\\ud800"}}', "no JSON"),
        (b'{"call_id": "c", "type": "x", "data": {"a": 1e400}}', "no JSON"),
        (b'{"call_id": "c", "type": "x", "data": {"a": Infinity}}', "no JSON"),
        (b'{"call_id": "c", "type": "x", "seq": 1180591620717411303424}', "beyond 64 bits"),
        (b'{"call_id": "c", "type": "x", "data": [-9223372036854775809]}', "beyond 64 bits"),
        (b'{"call_id": "' + b"\xc3\xa9" * 129 + b'", "type": "x"}', "call_id of 258 bytes"),
        (b'{"call_id": "c", "type": "x", "id": "' + b"i" * 1025 + b'"}', "id of 1025 bytes"),
        (b"[" * 100_000, "nesting"),
        (b'{"a":' * 400, "nesting"),
        (b" " * (1024 * 1024 + 1), "1048577 bytes"),
        (b"x" * 10_000_000, "10000000 bytes"),
    ],
)
def test_poison_is_refused_at_once_and_says_what_was_found(value: bytes, found: str) -> None:
    began = time.perf_counter()
    assert found in refusal(value)
    assert time.perf_counter() - began < 0.5


def test_a_header_that_is_no_text_is_refused() -> None:
    assert "not UTF-8" in refusal(b"{}", (("ce_type", b"\xff"),))
    assert "NUL" in refusal(b"{}", (("ce_type", b"a\0b"),))


def test_other_people_s_headers_are_nobody_s_business() -> None:
    assert plain((("tracing", b"\xff\x00"),)).call_id == "c1"


@pytest.mark.parametrize(
    "value",
    [
        {"deep": "[" * 1000},
        {"quoted": '"[{\\"[' * 200},
        {"digits": "1180591620717411303424"},
        {"backslash": "\\u0000"},
        {"large": 2**63, "small": -(2**63), "long": 1.0000000000000000000001},
        {"wide": [[]] * 5000},
    ],
)
def test_what_only_looks_like_poison_is_read(value: dict[str, Any]) -> None:
    assert plain(data=value).data == value


@pytest.mark.parametrize(("levels", "fits"), [(62, True), (63, True), (64, False)])
def test_sixty_four_levels_are_read_and_no_more(levels: int, fits: bool) -> None:
    nested = b'{"call_id": "c", "type": "x", "x": ' + b"[" * levels + b"]" * levels + b"}"
    if fits:
        assert read(nested, (), RECORDED, None).call_id == "c"
    else:
        assert "nesting" in refusal(nested)


def test_of_a_key_that_comes_twice_the_last_wins() -> None:
    assert read(b'{"call_id": "a", "type": "x", "call_id": "b"}', (), RECORDED, None).call_id == "b"


@pytest.mark.parametrize("event_type", ["node.entered", "closing.spoken"])
@pytest.mark.parametrize("extra", [{}, {"of the future": 1}])
@pytest.mark.parametrize(
    ("data", "found"),
    [
        (None, "found nothing"),
        ({"node": "resolved"}, "found nothing"),
        ({"node_id": None}, "found nothing"),
        ({"node_id": ""}, "found an empty string"),
        ({"node_id": ["resolved"]}, "found a list"),
        ({"node_id": {"id": "resolved"}}, "found an object"),
        ({"node_id": True}, "found a boolean"),
        ({"node_id": 1.5}, "found a fraction"),
        ({"node_id": "x" * 257}, "found 257 characters"),
    ],
)
def test_a_node_event_that_names_no_node_is_refused_with_what_was_found(
    event_type: str, extra: dict[str, Any], data: dict[str, Any] | None, found: str
) -> None:
    expected = f"{found} as data.node_id of {event_type}; expected a node's id, 1 to 256 characters"
    with pytest.raises(Unreadable, match=f"^{expected}$"):
        plain(type=event_type, data=data, **extra)


@pytest.mark.parametrize("node_id", ["resolved", "x" * 256, 7, 0])
def test_a_node_s_id_may_be_a_whole_number(node_id: str | int) -> None:
    assert plain(type="node.entered", data={"node_id": node_id}).data == {"node_id": node_id}


@pytest.mark.parametrize("reason", [7, [], {}, True, "no such reason"])
def test_the_end_of_a_call_is_read_whatever_is_in_it(reason: Any) -> None:
    assert (
        plain(type="call.ended", data={"reason": reason, "end_node_id": [], "ended_at": 5}).type
        == "call.ended"
    )
