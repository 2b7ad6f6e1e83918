"""Templates see what was told of a call, under the names of the documentation, in any order of telling."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.calls import Response
from schemas.outcomes import Outcome, Verdict
from schemas.workflow import VoiceAgent
from streams.context import build, status
from streams.template import render_json
from tests.streams.rendering import NOW, PROPER, context_of, conversation, event

ENDED = event(
    "call.ended",
    90,
    reason="end_node",
    ended_by="agent",
    duration_seconds=84,
    ended_at="2026-03-04T10:01:30Z",
)
NUMBERS: dict[str, Any] = {"from": "+100", "to": "+200"}
RINGS = event("call.initiated", **NUMBERS)


def seen(source: str, *told: Any, **more: Any) -> Any:
    return render_json(["{{ " + source + " }}"], context_of(*told, **more)).value[0]


def test_the_facts_of_a_call_have_their_names() -> None:
    told = (RINGS, event("call.answered", 6), ENDED)
    call = context_of(*told)["call"]
    assert call == {
        "id": "c1",
        "status": "completed",
        "verdict": "PROPER",
        "end_reason": "end_node",
        "ended_by": "agent",
        "from": "+100",
        "to": "+200",
        "started_at": "2026-03-04T10:00:00.000Z",
        "answered_at": "2026-03-04T10:00:06.000Z",
        "ended_at": "2026-03-04T10:00:00.000Z",
        "duration_seconds": 84,
        "end_node_id": "resolved",
        "is_test": False,
    }


@pytest.mark.parametrize(
    ("verdict", "reason", "word"),
    [
        (Verdict.PROPER, "end_node", "completed"),
        (Verdict.PREMATURE, "voicemail", "premature"),
        (Verdict.PREMATURE, "agent_error", "premature"),
        (Verdict.TRANSFERRED, "transferred", "transferred"),
        (Verdict.NOT_CONNECTED, "busy", "busy"),
        (Verdict.NOT_CONNECTED, "no_answer", "no_answer"),
        (Verdict.NOT_CONNECTED, "cancelled", "cancelled"),
        (Verdict.NOT_CONNECTED, "rejected", "failed"),
    ],
)
def test_the_status_is_one_word(verdict: Verdict, reason: str, word: str) -> None:
    assert status(Outcome(verdict, reason, "R1")) == word
    assert status(None) == "in_progress"


@given(st.permutations(range(4)))
def test_of_each_variable_the_latest_counts_in_any_order(order: list[int]) -> None:
    told = [
        event("variables.updated", 9, seq=1, variables={"a": 1, "b": 1}),
        event("variables.updated", 2, seq=2, variables={"a": 2}),
        event("variables.updated", 3, seq=3, variables={"a": 3, "c": None}),
        event("variables.updated", 4, seq=4, variables="no object"),
    ]
    assert context_of(*(told[index] for index in order))["variables"] == {"a": 3, "b": 1, "c": None}


@given(st.permutations(range(3)))
def test_turns_become_a_transcript_in_any_order(order: list[int]) -> None:
    told = [event("turn.completed", n, seq=n, role="user", content=f"t{n}") for n in range(3)]
    shuffled = context_of(*(told[index] for index in order))
    assert [turn["content"] for turn in shuffled["transcript"]] == ["t0", "t1", "t2"]
    assert shuffled["transcript_text"] == "user: t0\nuser: t1\nuser: t2"


def test_a_transcript_that_was_sent_wins_over_the_turns() -> None:
    sent = event("transcript.ready", 5, transcript=[{"role": "agent", "content": "Hi", "at": "x"}])
    told = (sent, event("turn.completed", 1, role="user", content="Hello"))
    assert seen("transcript", *told) == [{"role": "agent", "content": "Hi", "at": "x"}]
    assert seen("transcript_text", *told) == "agent: Hi"


def test_what_was_not_told_is_not_there() -> None:
    for name in (
        "transcript",
        "transcript_text",
        "recording.url",
        "analytics.summary",
        "agent.name",
        "call.from",
    ):
        assert render_json({"x": "{{ " + name + " }}"}, context_of()).missing == (name,)


def test_recording_and_analytics_have_their_names() -> None:
    told = (
        event("recording.ready", url="https://r/1"),
        event("analytics.completed", summary="s", disposition="sold", metrics={"csat": 5}),
    )
    assert seen("recording.url", *told) == "https://r/1"
    assert seen("analytics.metrics.csat", *told) == 5
    assert (seen("call_summary", *told), seen("disposition", *told)) == ("s", "sold")


def test_a_node_sees_the_responses_before_it() -> None:
    reply = Response("up-crm", 201, {"x-id": "9"}, extracted={"ticket": 7})
    assert seen("nodes.up-crm.response.extracted.ticket", reply) == 7
    assert seen("nodes.up-crm.response.status", reply) == 201
    assert seen("nodes.up-crm.response.headers.x-id", reply) == "9"


def test_a_variable_wins_over_the_name_of_a_platform_but_not_over_a_root() -> None:
    told = event("variables.updated", variables={"disposition": "mine", "now": "never", "user_number": None})
    assert seen("disposition", told, event("analytics.completed", disposition="theirs")) == "mine"
    assert seen("now", told) == "2026-03-04T10:00:00.000Z"
    assert seen("user_number", told, RINGS) is None


@pytest.mark.parametrize(
    ("direction", "user", "agent"), [("inbound", "+100", "+200"), ("outbound", "+200", "+100")]
)
def test_the_user_is_the_caller_or_the_called(direction: str, user: str, agent: str) -> None:
    told = context_of(RINGS.__class__(**{**_fields(RINGS), "direction": direction}))
    assert [told[name] for name in ("user_number", "caller_phone", "agent_number")] == [user, user, agent]
    assert told["call_direction"] == direction


def test_dates_are_in_the_time_zone_of_the_voice_agent() -> None:
    tokyo = context_of(agent=VoiceAgent("bot", name="Bot", timezone="Asia/Tokyo"))
    names = ("current_date", "current_time", "current_day", "timezone")
    assert [tokyo[name] for name in names] == ["2026-03-04", "19:00:00", "Wednesday", "Asia/Tokyo"]
    assert tokyo["agent"]["name"] == "Bot"
    assert context_of()["timezone"] == "UTC"


class Untouched(list[Any]):
    """Parts that nobody may read."""

    def __iter__(self) -> Iterator[Any]:
        raise AssertionError("the parts were read")


def test_parts_are_read_only_when_they_are_needed() -> None:
    data = build(conversation(), PROPER, Untouched(), None, None, NOW, call_id="c1")
    assert data["call"]["id"] == "c1"
    with pytest.raises(AssertionError):
        data["variables"]


def _fields(told: Any) -> dict[str, Any]:
    return {name: getattr(told, name) for name in told.__struct_fields__}
