"""Payloads as the platforms document them give exactly these events, however often and whenever they come."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from schemas.adapters.platforms import PLATFORMS
from schemas.adapters.tables import Rule
from schemas.encodings.bounded_json import Unreadable
from schemas.encodings.reading import read
from schemas.events import CALL_ENDED, EVENT_TYPES
from schemas.reasons import REASONS
from schemas.wire import json_bytes
from streams.adapters.places import fits, found
from streams.adapting import Adapted, Unknown, adapt, payload_of
from tests.schemas.test_jsonschemas import faults

FOLDER = Path(__file__).parent / "platforms"
CAME = datetime(2026, 3, 1, 12, tzinfo=UTC)


def cases(platform: str) -> list[dict[str, Any]]:
    """The documented payloads of a platform: where they are documented, and which events they say."""
    return list(json.loads((FOLDER / f"{platform}.json").read_text()))


ALL = [(platform, case) for platform in PLATFORMS for case in cases(platform)]
NAMES = [f"{platform}: {case['says']}" for platform, case in ALL]


def adapted(platform: str, payload: Mapping[str, Any], came: datetime = CAME) -> Adapted:
    read_in = adapt(PLATFORMS[platform], dict(payload), came)
    assert isinstance(read_in, Adapted), read_in
    return read_in


@pytest.mark.parametrize(("platform", "case"), ALL, ids=NAMES)
def test_a_documented_payload_says_exactly_these_events(platform: str, case: dict[str, Any]) -> None:
    said = adapted(platform, case["payload"])
    assert list(said.events) == case["events"]
    assert list(said.unmapped) == case["unmapped"]


@pytest.mark.parametrize(("platform", "case"), ALL, ids=NAMES)
def test_what_is_said_is_as_producers_ought_to_write_it(platform: str, case: dict[str, Any]) -> None:
    for event in adapted(platform, case["payload"]).events:
        assert event["type"] in EVENT_TYPES
        assert faults("call-events", event) == []
        assert read(json_bytes(event), (), CAME, None).id == event["id"]


@pytest.mark.parametrize(("platform", "case"), ALL, ids=NAMES)
def test_a_payload_that_comes_again_says_the_same_ids(platform: str, case: dict[str, Any]) -> None:
    first = adapted(platform, case["payload"])
    reordered = json.loads(json.dumps(case["payload"], sort_keys=True))
    again = adapted(platform, reordered, CAME + timedelta(minutes=5))
    assert [event["id"] for event in again.events] == [event["id"] for event in first.events]
    assert len({event["id"] for event in first.events}) == len(first.events)


@pytest.mark.parametrize("platform", sorted(PLATFORMS))
def test_every_rule_that_says_something_has_a_documented_payload(platform: str) -> None:
    adapter = PLATFORMS[platform]

    def deciding(payload: dict[str, Any]) -> Rule | None:
        hearts = [found(payload, place) for place in adapter.inside]
        heart = next((each for each in hearts if isinstance(each, dict) and each), payload)
        return next((rule for rule in adapter.rules if fits(heart, rule.when)), None)

    shown = [deciding(case["payload"]) for case in cases(platform)]
    assert [rule.when for rule in adapter.rules if rule.says and rule not in shown] == []


@pytest.mark.parametrize("platform", sorted(PLATFORMS))
def test_a_table_says_canonical_types_and_reasons_and_where_it_is_documented(platform: str) -> None:
    adapter = PLATFORMS[platform]
    said = {each.type for rule in adapter.rules for each in rule.says}
    assert CALL_ENDED in said
    assert said <= EVENT_TYPES
    assert set(adapter.reasons.values()) <= REASONS
    assert adapter.documented.startswith("https://")
    assert all(case["source"].startswith("https://") for case in cases(platform))


RETELL_REASONS = """user_hangup agent_hangup call_transfer voicemail_reached ivr_reached inactivity max_duration_reached
concurrency_limit_reached no_concurrency_fallback no_valid_payment scam_detected dial_busy dial_failed dial_no_answer
invalid_destination telephony_provider_permission_denied telephony_provider_unavailable sip_routing_error
marked_as_spam user_declined error_llm_websocket_open error_llm_websocket_lost_connection
error_llm_websocket_runtime error_llm_websocket_corrupt_payload error_no_audio_received error_asr error_retell
error_unknown error_user_not_joined registered_call_timeout transfer_bridged transfer_cancelled manual_stopped
call_take_over"""
LIVEKIT_REASONS = """CLIENT_INITIATED DUPLICATE_IDENTITY SERVER_SHUTDOWN PARTICIPANT_REMOVED ROOM_DELETED STATE_MISMATCH
JOIN_FAILURE SIGNAL_CLOSE ROOM_CLOSED USER_UNAVAILABLE USER_REJECTED SIP_TRUNK_FAILURE CONNECTION_TIMEOUT
MEDIA_FAILURE AGENT_ERROR"""
TELNYX_REASONS = """call_rejected normal_clearing originator_cancel timeout time_limit user_busy not_found no_answer
unspecified"""


@pytest.mark.parametrize(
    ("platform", "reason", "payload"),
    [
        *(
            (
                "retell",
                reason,
                {"event": "call_ended", "call": {"call_id": "c", "disconnection_reason": reason}},
            )
            for reason in RETELL_REASONS.split()
        ),
        *(
            (
                "livekit",
                reason,
                {
                    "event": "participant_left",
                    "room": {"name": "c"},
                    "participant": {"kind": "SIP", "disconnectReason": reason},
                },
            )
            for reason in LIVEKIT_REASONS.split()
        ),
        *(
            (
                "telnyx",
                reason,
                {
                    "data": {
                        "event_type": "call.hangup",
                        "payload": {"call_leg_id": "c", "hangup_cause": reason},
                    }
                },
            )
            for reason in TELNYX_REASONS.split()
        ),
    ],
)
def test_every_documented_reason_is_mapped(platform: str, reason: str, payload: dict[str, Any]) -> None:
    said = adapted(platform, payload)
    assert said.unmapped == ()
    (end,) = (event for event in said.events if event["type"] == CALL_ENDED)
    assert (end["data"]["raw_reason"], end["data"]["reason"] in REASONS) == (reason, True)


def test_the_nodes_of_a_retell_flow_are_told_in_their_order() -> None:
    (case,) = (case for case in cases("retell") if case["says"] == "a call is over")
    steps = [{"role": "node_transition", "new_node_id": node} for node in ("greet", "ask", "resolved")]
    payload = {**case["payload"], "call": {**case["payload"]["call"], "transcript_with_tool_calls": steps}}
    nodes = [event for event in adapted("retell", payload).events if event["type"] == "node.entered"]
    assert [(event["seq"], event["data"]["node_id"]) for event in nodes] == [
        (1, "greet"),
        (2, "ask"),
        (3, "resolved"),
    ]


def test_a_form_is_a_payload_too() -> None:
    sent_at = b"Timestamp=Sun%2C+25+Mar+2018+09%3A53%3A19+%2B0000"
    form = b"CallSid=CA1&CallStatus=busy&From=%2B15550100001&SequenceNumber=2&" + sent_at + b"\n"
    (event,) = adapted("twilio", payload_of(form)).events
    assert (event["call_id"], event["seq"], event["occurred_at"]) == ("CA1", 2, "2018-03-25T09:53:19.000Z")
    assert event["data"] == {"from": "+15550100001", "raw_reason": "busy", "reason": "busy"}


@pytest.mark.parametrize(
    ("platform", "payload", "shown"),
    [
        (
            "vapi",
            {"message": {"type": "new-thing", "call": {"id": "c"}}},
            "message/type='new-thing', message/status=nothing",
        ),
        ("retell", {"event": "call_paused", "call": {"call_id": "c"}}, "event='call_paused'"),
        (
            "twilio",
            {"CallSid": "CA1", "CallStatus": "dancing"},
            "CallStatus='dancing', AnsweredBy=nothing, RecordingStatus=nothing",
        ),
        ("atoms", {}, "metadata/eventType=nothing"),
        ("atoms", {"metadata": {"eventType": {"a": 1}}}, "metadata/eventType=an object"),
    ],
)
def test_a_payload_of_an_unknown_sort_is_shown_by_what_tells_it(
    platform: str, payload: dict[str, Any], shown: str
) -> None:
    assert adapt(PLATFORMS[platform], payload, CAME) == Unknown(shown)


@pytest.mark.parametrize("call_id", [None, "", True, 1.5, {}, []])
def test_a_payload_that_names_no_call_is_unreadable(call_id: Any) -> None:
    payload = {"event": "call_started", "call": {"call_id": call_id}}
    with pytest.raises(Unreadable, match=r"found no call/call_id; expected the call's id there"):
        adapt(PLATFORMS["retell"], payload, CAME)


@pytest.mark.parametrize("value", [b"", b"[]", b"7", b"{", b"\xff=\xff", b"a\nb=c"])
def test_what_is_no_payload_is_unreadable(value: bytes) -> None:
    with pytest.raises(Unreadable, match="expected"):
        payload_of(value)


ANYTHING = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats() | some.text(max_size=8),
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(some.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


def spoilt(value: Any, way: list[int], by: Any) -> Any:
    """A payload with something else somewhere in it."""
    if not way or not isinstance(value, dict | list) or not value:
        return by
    keys = list(value) if isinstance(value, dict) else list(range(len(value)))
    chosen = keys[way[0] % len(keys)]
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[chosen] = spoilt(value[chosen], way[1:], by)
    return copy


@given(
    which=some.integers(0, len(ALL) - 1),
    way=some.lists(some.integers(0, 30), min_size=1, max_size=5),
    by=ANYTHING,
)
def test_a_payload_with_anything_in_it_is_read_or_refused(which: int, way: list[int], by: Any) -> None:
    platform, case = ALL[which]
    payload = spoilt(case["payload"], way, by)
    try:
        said = adapt(PLATFORMS[platform], payload, CAME)
    except Unreadable:
        return
    for event in said.events if isinstance(said, Adapted) else ():
        assert event["type"] in EVENT_TYPES
        assert event["call_id"]
        assert isinstance(event["occurred_at"], str)
